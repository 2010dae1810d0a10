"""What a scheme costs in recognition: FNMR with it less FNMR without, paired by subject."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.metrics import intervals, recognition
from fowh.metrics.bootstrap import interval, resampled, resamples
from fowh.metrics.intervals import Value

Columns = Mapping[str, NDArray[Any]]  # score, mated, subject_a, subject_b: (n,) each
LEVEL = 1e-2  # FMR at which the two are compared


def fnmr_loss(
    protected: Columns, clear: Columns, rng: np.random.Generator, replicates: int = 200
) -> Value:
    """FNMR at FMR 1 % under protection, less the same without, with its 95 % interval.

    Subjects are resampled for both sides together, and both thresholds set anew each time: who is
    hard to recognise is so with the scheme and without. Resampling sees nothing where nobody is
    rejected: the interval also spans the paired difference of the mated comparisons rejected at the
    estimates' own thresholds (``intervals.difference``), or, where the two sides made different
    comparisons, the ends of either side alone.

    Args:
        protected: comparisons under the scheme.
        clear: of the unprotected values.
        rng: draws the resamples.
        replicates: number of resamples.

    Returns:
        The loss in -1..1; ``n`` counts protected mated comparisons. Unknown where either side has
        no mated or no non-mated comparison.
    """
    sides = (protected, clear)
    n = int(protected["mated"].sum())
    if any(side["mated"].all() or not side["mated"].any() for side in sides):
        return Value(None, None, None, n)
    people = np.unique(np.concatenate([s[k] for s in sides for k in ("subject_a", "subject_b")]))
    drawn = np.concatenate(list(resamples(len(people), replicates, rng))).astype(np.int32)
    (rate_p, refused_p, many_p), (rate_c, refused_c, many_c) = (
        _readings(side, people, drawn) for side in sides
    )
    value = rate_p - rate_c
    gaps = many_p - many_c
    low, high = interval(value, gaps[np.isfinite(gaps)])
    whose_p, whose_c = (side["subject_a"][side["mated"]] for side in sides)
    if np.array_equal(whose_p, whose_c):
        plain = intervals.difference(refused_p, refused_c, whose_p, rng)
        ends = (plain.ci_low, plain.ci_high)
    else:
        one, two = (
            intervals.rate(refused, whose, rng)
            for refused, whose in ((refused_p, whose_p), (refused_c, whose_c))
        )
        assert None not in (one.ci_low, one.ci_high, two.ci_low, two.ci_high)
        ends = (one.ci_low - two.ci_high, one.ci_high - two.ci_low)  # type: ignore[operator]
    assert ends[0] is not None and ends[1] is not None
    return Value(value, min(low, ends[0]), max(high, ends[1]), n)


def _readings(
    side: Columns, people: NDArray[Any], drawn: NDArray[np.int32]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """FNMR at the level; which mated comparisons that rejects; FNMR of every resample."""
    score, mated = np.asarray(side["score"]), np.asarray(side["mated"], dtype=bool)
    fmr, fnmr, thresholds = recognition.det(score[mated], score[~mated])
    at = int(np.argmax(fmr <= LEVEL))
    refused = (~(score[mated] >= thresholds[at])).astype(np.float64)
    left, right = (np.searchsorted(people, side[k]) for k in ("subject_a", "subject_b"))
    distinct = thresholds[:-1].astype(score.dtype)
    genuine, others = resampled(score, mated, left, right, distinct, drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        fmrs, fnmrs = others / others[:, :1], (genuine[:, :1] - genuine) / genuine[:, :1]
    many = recognition.fnmr_at(fmrs, fnmrs, LEVEL)
    return float(fnmr[at]), refused, np.where(others[:, 0] > 0, many, np.nan)
