"""Attacks that take the truth from the testbed's memory win in its process, and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cheats.isolated import evaluated, importable, rank1

HEAD = """
import gc, sys
from dataclasses import dataclass
import numpy as np
import fowh
import fowh.engine.fold, fowh.engine.judge


def guess(view):
    return np.tile(view.embeddings.mean(axis=0), (len(view.release), 1))
"""
CHEATS = {
    "the stack": '''
@dataclass(frozen=True)
class Cheat(fowh.Attack):
    """Looks for the plan among the variables of whoever called it."""

    def run(self, view, rng):
        frame = sys._getframe()
        while frame is not None:
            for value in list(frame.f_locals.values()):
                if hasattr(value, "plan") and hasattr(value, "fold"):
                    return value.plan.values[value.fold.stolen]
            frame = frame.f_back
        return guess(view)
''',
    "the garbage collector": '''
@dataclass(frozen=True)
class Cheat(fowh.Attack):
    """Tries every array of as many columns: whose rows score best under the stolen templates."""

    def run(self, view, rng):
        wide, best, found = view.embeddings.shape[1], -1.0, guess(view)
        for each in gc.get_objects():
            if not str(type(each).__module__).startswith("fowh.") or isinstance(each, type):
                continue
            for value in list(vars(each).values() if hasattr(each, "__dict__") else ()):
                if type(value) is not np.ndarray or value.dtype != np.float32:
                    continue
                if value.ndim != 2 or value.shape[1] != wide or len(value) <= len(view.embeddings):
                    continue
                scores = view.scheme.scores(view.release, value)
                if scores.max(axis=1).mean() > best:
                    best, found = scores.max(axis=1).mean(), value[scores.argmax(axis=1)]
        return found
''',
    "a patched judge": '''
@dataclass(frozen=True)
class Cheat(fowh.Attack):
    """Has the truth judged instead of what it hands in."""

    def run(self, view, rng):
        judge = fowh.engine.judge.Judge
        judged = judge.embeddings
        judge.embeddings = lambda self, made: judged(self, self.plan.values[self.fold.stolen])
        return guess(view)
''',
    "a patched module": '''
KEPT = []
FOLD = sys.modules["fowh.engine.fold"]
GRANTED = FOLD.grant


def grant(cell, plan, fold, *rest):
    KEPT.append(plan.values[fold.stolen])
    return GRANTED(cell, plan, fold, *rest)


FOLD.grant = grant


@dataclass(frozen=True)
class Cheat(fowh.Attack):
    """Puts its own function among the testbed's when it is imported, and notes what comes by."""

    def run(self, view, rng):
        return KEPT[-1] if KEPT else guess(view)
''',
}


@pytest.mark.parametrize("how", CHEATS)
def test_it_wins_in_the_process_of_the_testbed_and_is_blind_in_its_own(
    how: str, tmp_path: Path
) -> None:
    with importable(tmp_path, "cheating", HEAD + CHEATS[how]):
        apart = evaluated(False, scheme="lsh:bits=512", attacks=["cheating:Cheat"])
        assert "cheating" not in sys.modules
        within = evaluated(True, scheme="lsh:bits=512", attacks=["cheating:Cheat"])
    assert rank1(within, "cheating:Cheat")["value"] > 0.9
    assert "in-process" in within.flags
    assert rank1(apart, "cheating:Cheat", "advantage_rank1")["ci_low"] <= 0
    assert rank1(apart, "cheating:Cheat")["value"] < 0.3
    assert "no-better-than-blind" in apart.flags
    assert [part["process"] for part in apart.record["spec"]["attacks"]] == ["own"]
