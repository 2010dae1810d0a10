"""Updates rounded at random to a few levels, as compression does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme


@dataclass(frozen=True)
class Quantise(UpdateScheme):
    """Random rounding to signed integers of each update's scale (QSGD, Alistarh et al. 2017).

    The scale is the largest magnitude over the largest integer; rounding up or down is drawn so
    that the mean is right.

    Attributes:
        bits_each: of a coordinate, the sign included; 8 is int8.
    """

    bits_each: int = 8

    def __post_init__(self) -> None:
        if not 2 <= self.bits_each <= 16:
            raise InputError(f"quantise: bits_each is {self.bits_each}; give 2 to 16")

    @property
    def levels(self) -> int:
        """The largest integer."""
        return int(2 ** (self.bits_each - 1) - 1)

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        scale = self._scale(means)
        exact = means / scale[:, None]
        low = np.floor(exact)
        up = rng.random(means.shape, dtype=np.float32) < exact - low
        return np.asarray((low + up) * scale[:, None], dtype=np.float32)

    def deviation(self, released: Floats, size: int) -> Floats:
        # Rounding adds at most a quarter of a squared step, a sixth where values lie anyhow.
        return np.asarray(self._scale(released) / 6**0.5, dtype=np.float32)

    def bits(self, coordinates: int) -> float:
        return float(self.bits_each * coordinates + 32)

    def _scale(self, rows: Floats) -> Floats:
        largest = np.abs(rows).max(axis=1)
        return np.where(largest > 0, largest / self.levels, 1).astype(np.float32)
