"""DP-SGD: clipped gradients and Gaussian noise, with the epsilon of a whole training."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme
from schemes import _clipping

LOOSE = 50.0  # epsilon above which the exact accountant's grid no longer fits into memory


@dataclass(frozen=True)
class DpSgd(UpdateScheme):
    """Abadi et al. (2016, algorithm 1): clip each sample's gradient, add noise to the sum.

    One row is one step of a client; the noise is on the sum over its samples, so that in the mean
    it shrinks with their number. Epsilon is that of a whole training. Against a server who knows
    who took part nothing is sampled, and it is exact (Balle and Wang 2018, "analytic Gaussian
    mechanism"). Against who sees the models alone it is by the accountant of Gopi et al. (2021,
    "Numerical composition of differential privacy", Opacus' PRV), which is tight; where that is
    above ``LOOSE``, Renyi accounting's (Mironov 2017), which is an upper bound and loose itself: a
    number that promises nothing either way.

    Attributes:
        sigma: standard deviation of the noise, in units of ``norm``.
        norm: largest L2 norm of a sample's gradient.
    """

    sigma: float = 1.0
    norm: float = 1.0

    def __post_init__(self) -> None:
        for name in ("sigma", "norm"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise InputError(f"dp_sgd: {name} is {value}; give a positive number")

    def pace(self, clients: int) -> float:
        return _clipping.longer(self.norm, self.sigma, clients)

    def each(self, gradients: Any) -> Any:
        return _clipping.clip(gradients, self.norm)

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        noise = rng.standard_normal(means.shape, dtype=np.float32)
        noise *= np.float32(self.sigma * self.norm / size)
        noise += means
        return noise

    def mean(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        # Independent normal deviates add up to one.
        spread = self.sigma * self.norm / size / math.sqrt(len(means))
        noise = rng.standard_normal(means.shape[1], dtype=np.float32) * np.float32(spread)
        return np.asarray(means.mean(axis=0) + noise, dtype=np.float32)

    def deviation(self, released: Floats, size: int) -> Floats:
        return np.full(len(released), self.sigma * self.norm / size, dtype=np.float32)

    def spent(self, rounds: int, share: float, delta: float) -> float:
        if share == 1:
            return exact(math.sqrt(rounds) / self.sigma, delta)
        from opacus.accountants import PRVAccountant, RDPAccountant

        spent = 0.0
        with warnings.catch_warnings():  # of orders and grids, which the bound below answers
            warnings.simplefilter("ignore")
            for accountant in (RDPAccountant(), PRVAccountant()):
                accountant.history = [(self.sigma, share, rounds)]
                spent = float(accountant.get_epsilon(delta=delta))
                if spent > LOOSE:
                    break
        return spent


def exact(shift: float, delta: float) -> float:
    """Epsilon of a Gaussian that a sample shifts by so many of its deviations.

    Rounds in which the sample takes part shift by the root of their number: together they are one.
    Delta is Phi(gap) - exp(epsilon) Phi(gap - shift), where gap is shift / 2 - epsilon / shift; the
    second term is written so that nothing overflows.
    """
    from scipy.optimize import brentq
    from scipy.special import erfcx, ndtr, ndtri

    def over(gap: float) -> float:
        less = math.exp(-gap * gap / 2) * erfcx((shift - gap) / 2**0.5) / 2
        return float(ndtr(gap) - less - delta)

    if over(shift / 2) <= 0:  # epsilon 0
        return 0.0
    gap = brentq(over, float(ndtri(delta)), shift / 2, xtol=1e-12)
    return float(shift * (shift / 2 - gap))
