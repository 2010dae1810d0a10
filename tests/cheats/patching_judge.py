"""An attack that has the truth judged instead of what it hands in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import fowh
from fowh.core.release import Floats
from fowh.engine import judge
from tests.cheats.reaching import guess


@dataclass(frozen=True)
class PatchedJudge(fowh.Attack):
    """Alters the judge's class while it runs."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        judged = judge.Judge.embeddings

        def other(self: Any, made: Any) -> Any:
            return judged(self, self.plan.values[self.fold.stolen])

        judge.Judge.embeddings = other  # type: ignore[method-assign]
        return guess(view)
