"""The samples of a report: what was stolen, what a blind attacker has, what each attack made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from fowh.core.leak import Leak
from fowh.core.modality import Modality, Shown
from fowh.core.registry import load
from fowh.records.store import Record
from fowh.report.words import called, control_order, row_label

Observations = Mapping[str, NDArray[Any]]

MOST = 8  # victims in a strip
_FIRST = {"original": "the victim", "nearest": "attacker's nearest own"}
_SECTIONS = {"attack": "attacks", "rendered": "rendered", "control": "controls"}  # in this order
_TERM = "term."  # begins what success is measured by


@dataclass(frozen=True)
class Strip:
    """Samples of one origin, one for each victim.

    Attributes:
        label: what made them.
        samples: for human eyes, as their modality shows them.
        hits: per victim, whether the sample is what an attacker wants most; None if unknown.
    """

    label: str
    samples: list[Shown]
    hits: list[bool] | None = None


def strips(record: Record, observations: Observations) -> list[Strip]:
    """The strips, the original first, the unprotected last; [] where no samples were kept.

    Args:
        record: of the cell; it names the modality.
        observations: of its first fold, the samples under ``shown.``.

    Raises:
        InputError: no such modality, or no such leak, is installed.
    """
    modality: Modality | None = None
    found = []
    for name, words in _named(record, observations):
        modality = modality or load("modality", record["spec"]["dataset"]["modality"])
        shown = [modality.show(sample) for sample in observations[f"shown.{name}"][:MOST]]
        found.append(Strip(words, shown, hits(record, observations, name)))
    return found


def victims(observations: Observations) -> list[str]:
    """What the columns of the strips are called."""
    return [f"subject {int(person)}" for person in observations.get("shown.subject", ())[:MOST]]


def _named(record: Record, observations: Observations) -> list[tuple[str, str]]:
    """Name and label of each strip."""
    found = [(name, words) for name, words in _FIRST.items() if f"shown.{name}" in observations]
    for family, section in _SECTIONS.items():
        head = f"shown.{family}."
        rows = [key.removeprefix(head) for key in observations if key.startswith(head)]
        if section == "controls":
            rows.sort(key=control_order)
        found += [(f"{family}.{name}", row_label(record, section, name)) for name in rows]
    return found


def hits(record: Record, observations: Observations, source: str) -> list[bool] | None:
    """Success of the samples shown, which are each victim's first stolen rows of the first fold.

    Args:
        record: of the cell.
        observations: all of its raw ones.
        source: row of the observations, such as ``attack.gan``.
    """
    head = f"{source}."
    columns = {
        key.removeprefix(head): values
        for key, values in observations.items()
        if key.startswith(head) and "." not in key.removeprefix(head)
    }
    shown = observations.get("shown.subject")
    if shown is None or not {"subject", "fold"} <= set(columns):
        return None
    first = columns["fold"] == 0
    parts = [
        {name: values[columns["fold"] == fold] for name, values in columns.items()}
        for fold in np.unique(columns["fold"])
    ]
    terms = {  # of all stolen rows, fold by fold
        key.removeprefix(_TERM): values[: first.sum()]
        for key, values in observations.items()
        if key.startswith(_TERM)
    }
    leak = cast(Leak, load("leak", called(record["spec"]["leak"])))
    columns = leak.pooled(parts)[0]
    success = leak.successes(columns, terms)[record["headline"]["success"][0]]
    found: list[bool] = []
    for column, person in enumerate(shown[:MOST]):
        rows = np.flatnonzero(columns["subject"] == person)
        before = int((shown[:column] == person).sum())  # this subject's samples so far
        if before >= len(rows):
            return None
        found.append(bool(success[rows[before]] == 1))
    return found
