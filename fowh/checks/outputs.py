"""The contract of an output scheme, beside what every scheme owes: what it does to answers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fowh.checks import release, world
from fowh.checks.contract import Claims, ensure
from fowh.checks.release import COUNT
from fowh.core.release import Floats
from fowh.core.scheme import OutputScheme

claims = Claims()


@dataclass(frozen=True)
class Case(release.Case):
    """An output scheme with a classifier's answers."""

    scheme: OutputScheme

    def values(self, seed: int, count: int) -> Floats:
        """(count, c) probabilities of known people."""
        whose = np.random.default_rng(seed).integers(world.PEOPLE, size=count)
        return world.answers(whose, seed=seed)

    @cached_property
    def fitted(self) -> OutputScheme:
        """The scheme, fitted to other answers."""
        return self.scheme.fit(self.values(1, 200))

    def limit(self, answers: Floats, seed: int = 3) -> Floats:
        """Answers as they leave, from an equal generator."""
        return self.fitted.limit(answers, np.random.default_rng(seed))


@claims
def _shape(case: Case) -> str:
    """A limited answer is still an answer."""
    limited = case.limit(case.given)
    ensure(limited.shape == case.given.shape, f"shape {limited.shape}, not {case.given.shape}")
    ensure(limited.dtype == np.float32, f"dtype {limited.dtype}, not float32")
    ensure(np.isfinite(limited).all(), "a score is not finite")
    return f"{limited.shape[1]} scores each, {len(np.unique(limited))} values in {COUNT} answers"


@claims
def _alone(case: Case) -> str:
    """Every answer is limited on its own."""
    limited = case.limit(case.given)
    for seed in (5, 6, 7):
        others = case.values(seed, COUNT)
        others[0] = case.given[0]
        ensure(np.array_equal(case.limit(others)[0], limited[0]), "others change it")
    return "whoever asks beside it"


@claims
def _extremes(case: Case) -> str:
    """Certain and undecided answers are no special cases."""
    certain = np.eye(world.PEOPLE, dtype=np.float32)
    even = np.full((2, world.PEOPLE), 1 / world.PEOPLE, dtype=np.float32)
    for answers in (certain, even):
        limited = case.limit(answers.copy())
        ensure(
            limited.shape == answers.shape and np.isfinite(limited).all(), "a score is not finite"
        )
    named = case.limit(certain.copy()).argmax(axis=1)
    right = float((named == np.arange(world.PEOPLE)).mean())
    return f"{right:.0%} of certain answers still name the right subject"


@claims
def _left(case: Case) -> str:
    """What leaves are the limited answers."""
    left = case.let_out(seed=3)
    ensure(np.array_equal(left.code, case.limit(case.given)), "other answers leave")
    ensure(not left.aux, f"beside them leaves {', '.join(left.aux)}")
    return "and nothing beside them"


@claims
def _keyless(case: Case) -> str | None:
    """A scheme without keys ignores them."""
    if case.fitted.keyed:
        return None
    same = np.array_equal(case.let_out().code, case.let_out(keys=case.keys(9)).code)
    ensure(same, "keys change the answer")
    return "as it says"


@claims
def _untouched(case: Case) -> str:
    """Answers that are given to it are left as they were."""
    answers = case.given
    case.limit(answers)
    ensure(np.array_equal(answers, case.given), "it changes them in place")
    return f"{COUNT} answers"
