"""Unlinkability: can two databases tell that they hold the same subject under different keys?

Mated here means one subject under two keys, non-mated two subjects under two keys. Both measures
compare histograms over equal bins from the smallest to the largest finite score; scores of
-inf and +inf (failed comparisons) get a bin of their own. Finite samples make both measures
positive even for equal distributions, so bins and range are part of the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Linkability:
    """A linkability measure and the histogram that it was read from.

    Attributes:
        value: 0 (unlinkable) to 1 (fully linkable).
        bins: number of equal bins.
        low: lower end of the range, the smallest finite score.
        high: upper end, the largest finite score.
    """

    value: float
    bins: int
    low: float
    high: float


def d_sys(
    mated: NDArray[Any], non_mated: NDArray[Any], bins: int | None = None, omega: float = 1.0
) -> Linkability:
    """Global linkability D_sys (Gomez-Barrero et al., TIFS 2018).

    The integral over the mated density is the sum over bins, without the end correction of a
    trapezoid rule, so that disjoint scores give exactly 1.

    Args:
        mated: (m,) scores across keys, m > 0.
        non_mated: (n,) scores across keys, n > 0.
        bins: default min(m / 10, 100).
        omega: prior odds of mated to non-mated.

    Returns:
        The measure with its bins.

    Raises:
        ValueError: no scores, or NaN among them.
    """
    count = max(1, min(len(mated) // 10, 100)) if bins is None else bins
    p, q, low, high = _histograms(mated, non_mated, count)
    # D = 2 w LR / (1 + w LR) - 1 with LR = p / q, written so that q = 0 gives 1 by itself.
    local = np.maximum((omega * p - q) / np.where(p > 0, omega * p + q, 1), 0)
    return Linkability(float(local @ p), count, low, high)


def m_linkability(mated: NDArray[Any], non_mated: NDArray[Any], bins: int = 30) -> Linkability:
    """Maximal linkability in bits (Otroshi Shahreza and Marcel, TIFS 2023).

    Args:
        mated: (m,) scores across keys, m > 0.
        non_mated: (n,) scores across keys, n > 0.
        bins: number of equal bins.

    Returns:
        log2 of the sum over bins of the larger probability, with its bins.

    Raises:
        ValueError: no scores, or NaN among them.
    """
    p, q, low, high = _histograms(mated, non_mated, bins)
    return Linkability(float(np.log2(np.maximum(p, q).sum())), bins, low, high)


def _histograms(
    mated: NDArray[Any], non_mated: NDArray[Any], bins: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float, float]:
    """Probabilities (bins + 2,) of both kinds, the first and last of -inf and +inf; the range."""
    both = [np.asarray(scores, dtype=np.float64) for scores in (mated, non_mated)]
    if any(not len(scores) or np.isnan(scores).any() for scores in both):
        raise ValueError("scores must be numbers, at least one of each kind and none of them NaN")
    finite = [scores[np.isfinite(scores)] for scores in both]
    everything = np.concatenate(finite)
    low, high = (everything.min(), everything.max()) if len(everything) else (0.0, 0.0)
    p, q = (
        np.concatenate(
            [
                [np.isneginf(scores).mean()],
                np.histogram(inner, bins=bins, range=(low, high))[0] / len(scores),
                [np.isposinf(scores).mean()],
            ]
        )
        for scores, inner in zip(both, finite, strict=True)
    )
    return p, q, float(low), float(high)
