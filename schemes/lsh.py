"""Random-hyperplane hashing: the signs of Gaussian projections under the user's key."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.kit.projection import gaussian
from fowh.kit.signs import SignScheme


@dataclass(frozen=True)
class Lsh(SignScheme):
    """Sign of ``bits`` Gaussian projections of the embedding (Charikar, STOC 2002).

    The score is the fraction of equal bits; its expectation is 1 - angle / pi.

    Attributes:
        bits: length of the code.
    """

    bits: int = 512

    def __post_init__(self) -> None:
        if self.bits < 1:
            raise InputError(f"lsh: bits is {self.bits}; give at least 1")

    def directions(self, key: int, dimension: int) -> Floats:
        return gaussian(key, "lsh", (dimension, self.bits))

    @property
    def trials(self) -> int:
        return self.bits

    def expected_score(self, cosine: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 - np.arccos(np.clip(cosine, -1, 1)) / np.pi
