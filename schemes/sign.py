"""Only the sign of each coordinate of an update is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme

SOFT = 0.1  # of a guess's root mean square: magnitudes below it could have had either sign
LOGISTIC = 1.702


@dataclass(frozen=True)
class Sign(UpdateScheme):
    """signSGD (Bernstein et al. 2018): one bit for each coordinate, the length is lost.

    What is zero gets a sign by lot, since one bit has no third value.

    Attributes:
        step: length of each coordinate as the server applies it, which it knows.
    """

    step: float = 0.01

    def __post_init__(self) -> None:
        if not 0 < self.step < float("inf"):
            raise InputError(f"sign: step is {self.step}; give a positive number")

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        lots = rng.integers(0, 2, means.shape, dtype=np.int8) * 2 - 1
        signs = np.where(means == 0, lots, np.sign(means))
        return np.asarray(self.step * signs, dtype=np.float32)

    def unlike(self, means: Any, released: Any, spread: Any, known: Any) -> Any:
        """Minus log-likelihood of the signs, were the guess off by a tenth of its own size.

        Or by noise that was there before: the logistic function at ``LOGISTIC`` is within 0.0095
        of the normal distribution's.
        """
        soft = SOFT * means.detach().square().mean(dim=1, keepdim=True).sqrt() + 1e-12
        agree = released.sign() * means / (soft.square() + (spread / LOGISTIC).square()).sqrt()
        # log(1 + exp(-a))
        lost = agree.clamp(max=0).abs() + (-agree.abs()).exp().log1p()
        return (lost * known).sum(dim=1)

    def bits(self, coordinates: int) -> float:
        return float(coordinates)
