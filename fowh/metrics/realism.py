"""Realism of pictures: are they where real ones are in an independent feature space?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 3
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class Manifold:
    """The union of balls around real samples that each reach to the third nearest real sample.

    A picture inside any ball counts as realistic: the precision of Kynkaanniemi et al. (2019,
    "Improved precision and recall metric for assessing generative models", eq. 2), whose k = 3 is
    kept. The mean over pictures is their precision. Real pictures that were left out of the
    reference do not reach 1 either: read it beside theirs.

    Attributes:
        real: (n, d) features of real pictures.
        radii: (n,) squared distance of each to its third nearest neighbour.
    """

    real: NDArray[np.float64]
    radii: NDArray[np.float64]

    @classmethod
    def of(cls, real: NDArray[Any]) -> Manifold:
        """From features (n, d) of n >= 2 real pictures."""
        points = np.asarray(real, dtype=np.float64)
        nearest = min(NEIGHBOURS, len(points) - 1)
        radii = np.empty(len(points))
        for start in range(0, len(points), _BLOCK):
            block = slice(start, start + _BLOCK)
            squared = _squared(points[block], points)
            radii[block] = np.partition(squared, nearest, axis=1)[:, nearest]  # 0 is itself
        return cls(points, radii)

    def holds(self, made: NDArray[Any]) -> NDArray[np.bool_]:
        """(n,) whether each of the features (n, d) lies in some ball."""
        points = np.asarray(made, dtype=np.float64)
        inside = np.empty(len(points), dtype=np.bool_)
        for start in range(0, len(points), _BLOCK):
            block = slice(start, start + _BLOCK)
            inside[block] = (_squared(points[block], self.real) <= self.radii).any(axis=1)
        return inside


def _squared(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    inner = left @ right.T
    squared = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1) - 2 * inner
    return np.asarray(np.maximum(squared, 0))
