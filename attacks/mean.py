"""Blind control: the mean of the attacker's own embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fowh.attack import Attack, View
from fowh.scheme import Floats


@dataclass(frozen=True)
class Mean(Attack):
    """One constant guess. It passes many a distance threshold, for embeddings are not centred."""

    blind: ClassVar[bool] = True

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        mean = view.embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
        return np.tile(mean, (len(view.templates), 1))
