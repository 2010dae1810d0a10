"""Blind control: the mean of the attacker's own embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fowh.core.attack import Attack
from fowh.core.release import Floats
from fowh.core.view import View


@dataclass(frozen=True)
class Mean(Attack):
    """One constant guess. It passes many a distance threshold, for embeddings are not centred.

    Where all embeddings are unit vectors, so is the guess: a shorter one is nearer to every sample
    than any picture can be, which would say nothing about pictures.
    """

    blind: ClassVar[bool] = True

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        mean = view.embeddings.mean(axis=0, dtype=np.float64)
        if np.allclose(np.linalg.norm(view.embeddings, axis=1), 1, atol=1e-3):
            mean /= max(float(np.linalg.norm(mean)), 1e-12)
        return np.tile(mean.astype(np.float32), (len(view.release), 1))
