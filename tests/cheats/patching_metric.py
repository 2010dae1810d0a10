"""An attack that alters the metric: whatever is handed in is a hit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import fowh
from fowh.core.release import Floats
from fowh.metrics import inversion
from tests.cheats.reaching import guess


@dataclass(frozen=True)
class PatchedMetric(fowh.Attack):
    """From then on everybody is found first, whoever tried: the blind ones before it are not."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        compared = inversion.compare

        def other(*given: Any) -> Any:
            seen = compared(*given)
            return seen._replace(rank1=np.ones_like(seen.rank1))

        inversion.compare = other
        return guess(view)
