"""Laplace noise on updates whose gradients are clipped in L1: pure differential privacy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme, beyond
from schemes import _clipping


@dataclass(frozen=True)
class Laplace(UpdateScheme):
    """The Laplace mechanism (Dwork et al. 2006) on the sum of gradients.

    A sample adds at most ``norm`` in L1 to the sum: noise of scale ``scale * norm`` gives each
    step epsilon 1 / scale to those who are in it, less by sampling (log(1 + q (e^eps - 1)), Balle,
    Barthe and Gaboardi 2018), and steps add up. Noise of the same privacy as a Gaussian's is far
    larger in so many coordinates.

    Attributes:
        scale: of the noise, in units of ``norm``.
        norm: largest L1 norm of a sample's gradient.
    """

    scale: float = 0.01
    norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("scale", "norm"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"laplace: {name} is {value}; give a positive number")

    def pace(self, clients: int) -> float:
        return _clipping.longer(self.norm, 2**0.5 * self.scale, clients, order=1)

    def each(self, gradients: Any) -> Any:
        return _clipping.clip(gradients, self.norm, order=1)

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        noise = rng.laplace(0, self.scale * self.norm / size, means.shape)
        return np.asarray(means + noise, dtype=np.float32)

    def deviation(self, released: Floats, size: int) -> Floats:
        spread = 2**0.5 * self.scale * self.norm / size
        return np.full(len(released), spread, dtype=np.float32)

    def unlike(self, means: Any, released: Any, spread: Any, known: Any) -> Any:
        """Minus log-likelihood: absolute differences, not squares."""
        return ((means - released) * known / spread).abs().sum(dim=1) * 2**0.5

    def unsent(self, means: Any, released: Any, spread: Any, known: Any, bound: Any) -> Any:
        """Minus log of Laplace's share of an interval."""
        return beyond(means, spread / 2**0.5, 1 - known, bound, _outside)

    def spent(self, rounds: int, share: float, delta: float) -> float:
        each = 1 / self.scale
        # log(1 + q (e^eps - 1)) without overflow
        out = np.log1p(-share) if share < 1 else -np.inf
        return float(rounds * np.logaddexp(out, np.log(share) + each))


def _outside(size: Any, limit: Any) -> tuple[Any, Any]:
    """-log P(|a + n| <= t) and its derivative, n of Laplace's distribution with scale 1.

    P is 1 - (exp(a - t) + exp(-a - t)) / 2 up to a = t, and falls by exp(t - a) beyond.
    """
    within = size.minimum(limit)
    above, below = (within - limit).exp_().div_(2), (-within - limit).exp_().div_(2)
    inside = (1 - above).sub_(below)
    steep = above.sub_(below).div_(inside)
    return size.sub_(within).sub_(inside.log_()), steep
