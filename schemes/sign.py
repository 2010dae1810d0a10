"""Only the sign of each coordinate of an update is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme

SOFT = 0.1  # of a guess's root mean square: magnitudes below it could have had either sign


@dataclass(frozen=True)
class Sign(UpdateScheme):
    """signSGD (Bernstein et al. 2018): one bit for each coordinate, the length is lost."""

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        return np.sign(means).astype(np.float32)

    def misfit(self, gradients: Any, released: Any, size: int) -> Any:
        """Minus log-likelihood of the signs, were the guess off by a tenth of its own size."""
        mean = self.each(gradients).mean(dim=1)
        soft = SOFT * mean.detach().square().mean(dim=1, keepdim=True).sqrt() + 1e-12
        agree = released * mean / soft
        # log(1 + exp(-a)); a coordinate of which nothing is known (0) says nothing
        lost = agree.clamp(max=0).abs() + (-agree.abs()).exp().log1p()
        return (lost * (released != 0)).sum(dim=1)

    def bits(self, coordinates: int) -> float:
        return float(coordinates)
