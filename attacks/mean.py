"""Blind control: the mean of the attacker's own embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from attacks._readout import middle
from fowh.core.attack import Attack
from fowh.core.release import Floats
from fowh.core.view import View


@dataclass(frozen=True)
class Mean(Attack):
    """One constant guess. It passes many a distance threshold, for embeddings are not centred."""

    blind: ClassVar[bool] = True

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        return np.tile(middle(view.embeddings), (len(view.release), 1))
