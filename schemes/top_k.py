"""Only the largest coordinates of an update are sent, as compression does."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme


@dataclass(frozen=True)
class TopK(UpdateScheme):
    """Sparsification (Aji and Heafield 2017); what was left out is not remembered.

    Attributes:
        share: of the coordinates that are kept, those of largest magnitude; at least one.
    """

    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise InputError(f"top_k: share is {self.share}; give a number above 0, at most 1")

    def kept(self, coordinates: int) -> int:
        """How many coordinates are kept."""
        return max(1, round(self.share * coordinates))

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        count = self.kept(means.shape[1])
        at = np.argpartition(-np.abs(means), count - 1, axis=1)[:, :count]
        left = np.zeros_like(means)
        np.put_along_axis(left, at, np.take_along_axis(means, at, axis=1), axis=1)
        return left

    def revealed(self, released: Floats) -> NDArray[np.bool_]:
        return np.asarray(released != 0)

    def bound(self, released: Floats) -> Floats:
        """The least magnitude that was sent; a row of zeros says nothing."""
        return np.array([np.abs(row[row != 0]).min(initial=np.inf) for row in released])

    def bits(self, coordinates: int) -> float:
        return self.kept(coordinates) * (32 + math.log2(max(2, coordinates)))
