"""Attacks that say of themselves what is not so, and one that pays with its own purse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import fowh
from attacks.ridge import Ridge


@dataclass(frozen=True)
class Blind(Ridge):
    """Says that it is blind: everybody who does no better is then no better than a blind guess."""

    blind: ClassVar[bool] = True
    learned: ClassVar[bool] = False


@dataclass(frozen=True)
class Free(fowh.Attack):
    """Sets the count of its queries back before it asks again."""

    yields = "samples"

    def run(self, view: fowh.View, rng: np.random.Generator) -> np.ndarray:
        asked: Any = view.query
        own = view.samples
        assert own is not None
        for _ in range(3):
            asked(own[: asked.budget])
            asked._used = 0
        return own[np.arange(len(view.release)) % len(own)]
