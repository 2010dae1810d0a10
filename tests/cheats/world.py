"""A small cell as a user runs it, and how it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

import fowh
from fowh.engine import fold
from fowh.engine.judge import Judge
from fowh.metrics import inversion
from fowh.report.page import page
from tests.cheats import remembering
from tests.cheats.pictures import POPULATION

SUITE = ("dictionary", "preimage", "ridge", "score_regression")  # what of the suite is quick
PLUGINS = "tests.cheats."

# What says of a scheme or an attack that it cheats, or that what it shows is worth nothing.
CHEAT_FLAGS = frozenset(
    {
        *("stored-in-clear", "shortcut-refuted", "recognition-refuted", "in-process"),
        *("closed-form-below-learned", "features-refuted"),
    }
)
WORTHLESS = frozenset({"utility-too-poor", "attack-failed", "no-better-than-blind", "unread"})


def evaluated(scheme: str, attacks: tuple[str, ...] = SUITE, **cell: Any) -> fowh.Result:
    """A cell of plug-ins named as texts, on few people that are drawn."""
    cell = {"dataset": POPULATION, "device": "cpu", **cell}
    with undone():
        return fowh.evaluate(scheme, attacks=list(attacks), **cell)


@contextmanager
def undone() -> Iterator[None]:
    """What a plug-in alters in this process, or writes, is undone; its module is forgotten."""
    judged, granted, compared = Judge.embeddings, fold.grant, inversion.compare
    try:
        yield
    finally:
        Judge.embeddings, fold.grant = judged, granted  # type: ignore[method-assign]
        inversion.compare = compared
        remembering.PLACE.unlink(missing_ok=True)
        remembering.KEPT.clear()
        os.environ.pop(remembering.NAME, None)
        for name in ("patching", "patching_judge", "patching_grant", "patching_metric"):
            sys.modules.pop(PLUGINS + name, None)


LYING: list[Any] = []  # what a name of a module refers to


def lie_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the testbed had left the truth where an attack may look: in a name, and in a handle."""
    granted = fold.grant

    def grant(cell: Any, plan: Any, rows: Any, *rest: Any) -> fowh.View:
        view, truth = granted(cell, plan, rows, *rest), plan.values[rows.stolen]
        LYING[:] = [truth]
        return replace(view, progress=partial(_told, truth))

    monkeypatch.setattr(fold, "grant", grant)


def _told(truth: Any, text: str, done: float) -> None:
    """Holds the truth, and says nothing."""


def ending(result: fowh.Result) -> set[str]:
    """How a cell ends: failed, broken, its flags of doubt; nothing where a cheat gets through."""
    verdict = page(result.record).verdict.short
    broken = {"broken"} if verdict.startswith(("Broken", "Leaks")) else set()
    failed = {"failed"} if result.record["status"] == "failed" else set()
    return broken | failed | ((CHEAT_FLAGS | WORTHLESS) & set(result.flags))


def rank1(result: fowh.Result, attack: str, part: str = "value") -> float:
    """Of one attack."""
    row = result.record["attacks"][attack]
    assert row["status"] == "ok", row.get("reason")
    return float(row["metrics"]["rank1"][part])


def gains(result: fowh.Result, attack: str) -> bool:
    """Whether it beats the best blind guess beyond chance."""
    row = result.record["attacks"][attack]["metrics"]
    return float(row["advantage_rank1"]["ci_low"]) > 0


def fnmr(result: fowh.Result, scenario: str = "stolen_key") -> float:
    """At FMR 1 %, with stolen keys or in another scenario; 1 where none can be had."""
    found = (result.record["utility"][scenario].get("fnmr_at_fmr_1e-2") or {}).get("value")
    return float(1.0 if found is None else found)
