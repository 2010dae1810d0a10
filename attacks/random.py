"""Blind control: for each row a random own sample (a random stranger)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fowh.core.attack import Attack
from fowh.core.release import Floats
from fowh.core.view import View


@dataclass(frozen=True)
class Random(Attack):
    """Present somebody else: what type-1 success costs nothing."""

    blind: ClassVar[bool] = True

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        return view.embeddings[rng.integers(len(view.embeddings), size=len(view.release))]
