"""What guessing costs, in bits, of any scheme with the same acceptance region.

These are estimates of the work of who only guesses; an attack may need far less.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def cap_bound_bits(theta_radians: float, dimension: float) -> float:
    """Bits of a matcher that accepts all directions within an angle of the enrolled one.

    A uniform guess falls into that cap of the sphere S^(d-1) with probability
    I_{sin^2 theta}((d-1)/2, 1/2) / 2, so no scheme that accepts it is harder to guess.
    Computed in logarithms: hundreds of bits do not underflow.

    Args:
        theta_radians: acceptance angle, 0 < theta <= pi.
        dimension: d > 1; an effective dimension need not be whole.

    Returns:
        -log2 of the cap's share of the sphere; 1 at a right angle, 0 at pi.

    Raises:
        ValueError: angle or dimension out of range.
    """
    if not (0 < theta_radians <= math.pi and dimension > 1):
        raise ValueError(f"no cap of angle {theta_radians} in dimension {dimension}")
    share = math.exp(_log_cap(min(theta_radians, math.pi - theta_radians), dimension))
    if theta_radians > math.pi / 2:
        return -math.log1p(-share) / math.log(2) + 0.0  # + 0.0: no minus zero
    return -_log_cap(theta_radians, dimension) / math.log(2)


def guessing_probability(fmr: float, n: int) -> float:
    """Chance that one of n unrelated samples is falsely accepted: 1 - (1 - FMR)^n.

    Args:
        fmr: 0..1, taken as independent from sample to sample.
        n: samples that the attacker presents.

    Returns:
        Probability, accurate for tiny FMR too.
    """
    if fmr >= 1:
        return float(n > 0)
    return -math.expm1(n * math.log1p(-fmr)) + 0.0  # + 0.0: no minus zero


def guessing_bits(fmr: float, comparisons: int | None = None) -> float:
    """-log2 FMR: bits of work until a stranger's sample is accepted.

    No false match among N comparisons does not mean FMR 0: with 95 % confidence it is below 3/N
    (rule of three), and the bits returned are then those of 3/N, the most that N can vouch for.

    Args:
        fmr: measured, 0..1.
        comparisons: N, non-mated comparisons behind it.

    Returns:
        Bits; NaN for an FMR of 0 without the number of comparisons.
    """
    if fmr > 0:
        return -math.log2(fmr) + 0.0
    return math.log2(max(1.0, comparisons / 3)) if comparisons else math.nan


def effective_dimension(embeddings: NDArray[Any]) -> float:
    """Participation ratio (sum of eigenvalues)^2 / sum of squares, of the covariance spectrum.

    Both sums are traces, so no eigenvalue is computed: tr C and tr C^2. Never above n - 1, so few
    samples understate it.

    Args:
        embeddings: (n, d), n > 1, not all equal.

    Returns:
        1 (all variance on one axis) to d (equal variance everywhere).

    Raises:
        ValueError: embeddings without variance.
    """
    centred = np.asarray(embeddings, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    n, d = centred.shape
    gram = centred.T @ centred if d <= n else centred @ centred.T  # the same eigenvalues
    squares = float(np.square(gram).sum())
    if not squares > 0:
        raise ValueError("these embeddings do not vary")
    return float(np.trace(gram)) ** 2 / squares


def _log_cap(theta: float, dimension: float) -> float:
    """Logarithm of the cap's share of the sphere for theta <= pi/2; -inf at 0.

    Where the incomplete beta function underflows it is summed as a series with its power taken
    out: I_x(a, 1/2) = x^a / B(a, 1/2) * sum of (1/2)_k / k! * x^k / (a + k) (DLMF 8.17.7), where
    a tenth of a terms are more than enough, so small is x there.
    """
    from scipy.special import betainc, betaln

    if theta <= 0:
        return -math.inf
    a, sine = (dimension - 1) / 2, math.sin(theta)
    share = float(betainc(a, 0.5, sine * sine))
    if share > 1e-280:
        return math.log(share / 2)
    k = np.arange(1, 2 + math.ceil(-20 / math.log(sine)))
    terms = np.cumprod((k - 0.5) / k * sine * sine) / (a + k)
    series = math.log(1 / a + float(terms.sum()))
    return 2 * a * math.log(sine) + series - math.log(2) - float(betaln(a, 0.5))
