"""Findings: raw observations of a cell, as they come in from its folds; the one place they go."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import Arrays
from fowh.core.modality import Columns
from fowh.core.protocol import Fold
from fowh.engine.attempt import Attempt
from fowh.engine.cell import Cell
from fowh.engine.plan import Plan
from fowh.kit.pairing import nearest_rows

Row = tuple[str, str]  # (section, name); sections are attacks, rendered, controls
SHOWN = 8  # samples in each row of a report's grid


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add the seconds of a with-block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started


@dataclass(frozen=True, eq=False)
class FoldResult:
    """What one fold observed.

    Attributes:
        fold: which.
        utility: raw observations by scenario.
        terms: what success is measured by.
        facts: single numbers.
        attempts: rows of the table.
        tries: on which turn a list of blind guesses succeeds, by metric.
        seconds: by stage.
    """

    fold: Fold
    utility: dict[str, Columns]
    terms: Columns
    facts: Mapping[str, float]
    attempts: list[Attempt]
    tries: Columns
    seconds: Mapping[str, float]


@dataclass(eq=False)
class Findings:
    """Raw observations of all folds.

    Attributes:
        not_found: samples that a detector missed; None where nothing is detected.
        target: digest of what is attacked as it was trained; None where that is no target.
        utility: per scenario, one entry per fold.
        terms, facts, tries, stolen: one per fold; ``stolen`` are the subjects of the stolen rows.
        rows: per row of the table, its attempts that were judged, with the number of the fold.
        skipped, failed: reasons by attack.
        seconds: by stage or attack.
        queries: by attack.
        exhausted: attacks that used up their query budget in some fold.
        remarks: by attack, what it said about its runs (the keys, in order).
        shown: (k, ...) samples by row of the report's grid, from the first fold.
    """

    not_found: int | None = None
    target: str | None = None
    utility: dict[str, list[Columns]] = field(default_factory=lambda: defaultdict(list))
    terms: list[Columns] = field(default_factory=list)
    facts: list[Mapping[str, float]] = field(default_factory=list)
    tries: list[Columns] = field(default_factory=list)
    stolen: list[NDArray[np.int64]] = field(default_factory=list)
    rows: dict[Row, list[tuple[int, Attempt]]] = field(default_factory=lambda: defaultdict(list))
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    queries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    exhausted: set[str] = field(default_factory=set)
    remarks: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    shown: Arrays = field(default_factory=dict)

    def add(self, result: FoldResult, cell: Cell, plan: Plan) -> None:
        """Take in what a fold observed."""
        for scenario, columns in result.utility.items():
            self.utility[scenario].append(columns)
        self.terms.append(result.terms)
        self.facts.append(result.facts)
        self.tries.append(result.tries)
        self.stolen.append(plan.samples.subjects[result.fold.stolen])
        for stage, seconds in result.seconds.items():
            self.seconds[stage] += seconds
        for made in result.attempts:
            if made.judged is not None:
                self.rows[made.section, made.name].append((result.fold.number, made))
            if made.status == "skipped":
                self.skipped[made.name] = made.reason or ""
            if made.status == "failed":
                self.failed[made.name] = made.reason or ""
            if made.seconds:
                self.seconds[made.name] += made.seconds
            self.remarks[made.name] |= dict.fromkeys(made.remarks)
            self.queries[made.name if made.section == "attacks" else "rendering"] += made.queries
            if made.exhausted:
                self.exhausted.add(made.name)
        if result.fold.number == 0:
            self._show(result, cell.protocol.shown_readings, plan)

    def _show(self, result: FoldResult, each: int, plan: Plan) -> None:
        """Keep some of the first fold's samples: the first readings of some subjects."""
        made = {
            f"{attempt.section.removesuffix('s')}.{attempt.name}": attempt.judged.samples
            for attempt in result.attempts
            if attempt.judged is not None and attempt.judged.samples is not None
        }
        if not made or plan.prepared is None:
            return
        few = _first_readings(self.stolen[0], each)
        rows, own = result.fold.stolen[few], result.fold.attacker
        near = nearest_rows(plan.values[rows], plan.values[own])
        self.shown |= {
            "original": plan.prepared[rows],
            "nearest": plan.prepared[own[near]],
            "subject": self.stolen[0][few],
        }
        self.shown |= {name: samples[few] for name, samples in made.items()}

    def arrays(self) -> Arrays:
        """Everything that was observed, as named arrays over all folds."""
        made: Arrays = {}
        for scenario, parts in self.utility.items():
            made |= {f"utility.{scenario}.{n}": v for n, v in joined(parts).items()}
        for (section, name), attempts in self.rows.items():
            columns = joined([each.judged.columns for _, each in attempts if each.judged])
            made |= {f"{section.removesuffix('s')}.{name}.{n}": v for n, v in columns.items()}
        made |= {f"term.{n}": v for n, v in joined(self.terms).items()}
        made |= {f"guesses.{n}": v for n, v in joined(self.tries).items()}
        return made | {f"shown.{name}": samples for name, samples in self.shown.items()}


def joined(parts: list[Columns]) -> Columns:
    """Columns of several folds as one; rows of two-dimensional ones are padded with NaN."""
    made = {}
    for name in parts[0] if parts else ():
        columns = [part[name] for part in parts]
        if columns[0].ndim == 2:
            widest = max(column.shape[1] for column in columns)
            columns = [
                np.pad(c, ((0, 0), (0, widest - c.shape[1])), constant_values=np.nan)
                for c in columns
            ]
        made[name] = np.concatenate(columns)
    return made


def _first_readings(subjects: NDArray[Any], each: int) -> NDArray[np.intp]:
    """The first ``each`` rows of as many subjects as there is room for."""
    people, counts = np.unique(subjects, return_counts=True)
    chosen = people[counts >= each][: SHOWN // each]
    rows = [np.flatnonzero(subjects == person)[:each] for person in chosen]
    return np.concatenate(rows) if rows else np.arange(min(SHOWN, len(subjects)))
