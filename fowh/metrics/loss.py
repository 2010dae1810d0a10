"""What a scheme costs in recognition: FNMR with it less FNMR without, paired by subject."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.metrics import intervals, recognition
from fowh.metrics.bootstrap import RESAMPLES, interval, resampled, resamples
from fowh.metrics.intervals import Value

Columns = Mapping[str, NDArray[Any]]  # score, mated, subject_a, subject_b: (n,) each
LEVEL = recognition.LEVEL  # FMR at which the two are compared


def fnmr_loss(
    protected: Columns, clear: Columns, rng: np.random.Generator, replicates: int = RESAMPLES
) -> Value:
    """FNMR at FMR 1 % under protection, less the same without, with its 95 % interval.

    Subjects are resampled for both sides together, and both thresholds set anew each time: who is
    hard to recognise is so with the scheme and without. Resampling sees nothing where nobody is
    rejected: the interval also spans the paired difference of the mated comparisons rejected at the
    estimates' own thresholds (``intervals.difference``), or, where the two sides made different
    comparisons, the ends of either side alone.

    A scheme that answers yes or no cannot be set to an FMR of 1 %. Its own decision counts, and
    what that accepts beyond 1 % of the non-mated counts as lost like what it rejects of the mated.

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
    beyond_p, beyond_c = (_beyond(side, rng) for side in sides)
    rejected = rate_p - rate_c
    value = rejected + beyond_p[1] - beyond_c[1]
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
    below = (rejected - ends[0], beyond_p[1] - beyond_p[0], beyond_c[2] - beyond_c[1])
    above = (ends[1] - rejected, beyond_p[2] - beyond_p[1], beyond_c[1] - beyond_c[0])
    low, high = min(low, value - math.hypot(*below)), max(high, value + math.hypot(*above))
    return Value(value, max(low, -1.0), min(high, 1.0), n)


def _beyond(side: Columns, rng: np.random.Generator) -> tuple[float, float, float]:
    """FMR beyond the level with the ends of its interval; nothing where a threshold can be set."""
    if not recognition.only_decides(side["score"]):
        return 0.0, 0.0, 0.0
    _, fmr = recognition.operating_point(
        side["score"], side["mated"], side["subject_a"], side["subject_b"], rng
    )
    low, value, high = (max(0.0, (x or 0.0) - LEVEL) for x in (fmr.ci_low, fmr.value, fmr.ci_high))
    return low, value, high


def _readings(
    side: Columns, people: NDArray[Any], drawn: NDArray[np.int32]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """FNMR at the level; which mated comparisons that rejects; FNMR of every resample."""
    score, mated = np.asarray(side["score"]), np.asarray(side["mated"], dtype=bool)
    fmr, fnmr, thresholds = recognition.det(score[mated], score[~mated])
    decides = recognition.only_decides(score)
    at = int(np.searchsorted(thresholds[:-1], 1) if decides else np.argmax(fmr <= LEVEL))
    refused = (~(score[mated] >= thresholds[at])).astype(np.float64)
    left, right = (np.searchsorted(people, side[k]) for k in ("subject_a", "subject_b"))
    distinct = thresholds[:-1].astype(score.dtype)
    genuine, others = resampled(score, mated, left, right, distinct, drawn)
    with np.errstate(invalid="ignore", divide="ignore"):
        fmrs, fnmrs = others / others[:, :1], (genuine[:, :1] - genuine) / genuine[:, :1]
    if decides:
        many = fnmrs[:, at] + np.maximum(0, fmrs[:, at] - LEVEL)
    else:
        many = recognition.fnmr_at(fmrs, fnmrs, LEVEL)
    return float(fnmr[at]), refused, np.where(others[:, 0] > 0, many, np.nan)
