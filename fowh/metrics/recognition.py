"""Recognition: FMR, FNMR, DET and EER (ISO/IEC 19795-1) with intervals over subjects.

A comparison is accepted iff its score is at least the threshold, so equal scores are accepted or
rejected together. Infinite scores are ordinary ones: -inf is a comparison that failed. Only +inf
cannot be rejected by any number; the threshold beyond it is NaN, which accepts nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.metrics.bootstrap import RESAMPLES, interval, resampled, resamples
from fowh.metrics.intervals import Value, joined, rate

Floats = NDArray[np.floating[Any]]
Rates = NDArray[np.float64]
FMRS = {"fnmr_at_fmr_1e-2": 1e-2, "fnmr_at_fmr_1e-3": 1e-3}
LEVEL = 1e-2  # FMR at which the costs of a scheme are counted


def det(mated: NDArray[Any], non_mated: NDArray[Any]) -> tuple[Rates, Rates, Rates]:
    """All operating points.

    Args:
        mated: (m,) scores, m > 0.
        non_mated: (n,) scores, n > 0.

    Returns:
        fmr, fnmr and thresholds, each (t,) float64, by rising threshold: every distinct score,
        from (1, 0) on, and the point just above the largest, (0, 1).

    Raises:
        ValueError: no scores, or NaN among them.
    """
    genuine, others = np.sort(_checked(mated)), np.sort(_checked(non_mated))
    thresholds = np.unique(np.concatenate([genuine, others]))
    thresholds = np.append(thresholds, _above(thresholds[-1]))
    fmr = (len(others) - np.searchsorted(others, thresholds)) / len(others)
    fnmr = np.searchsorted(genuine, thresholds) / len(genuine)
    return fmr, fnmr, thresholds.astype(np.float64)


def threshold_at_fmr(non_mated: NDArray[Any], fmr: float) -> float:
    """The smallest threshold that at most this share of non-mated comparisons reaches.

    With few or discrete scores it is cautious: the FMR that it attains lies below the one asked
    for. For distances, negate: ``-threshold_at_fmr(-distances, fmr)``.

    Args:
        non_mated: (n,) scores of development subjects, n > 0.
        fmr: highest admissible share, 0..1.

    Returns:
        One of the scores, or the next number above the largest in the dtype of the scores (so
        that comparing float32 scores with it does not round it back).

    Raises:
        ValueError: no scores, or NaN among them.
    """
    scores = _checked(non_mated)
    n = len(scores)
    admitted = min(n, int(fmr * n) + 1)
    while admitted / n > fmr:  # not floor(fmr * n): 0.29 * 100 is 28.999...
        admitted -= 1
    if admitted == n:
        return float(scores.min())
    refused = np.partition(scores, n - 1 - admitted)[n - 1 - admitted]
    larger = scores[scores > refused]
    return float(larger.min() if len(larger) else _above(refused))


def operating(
    scores: NDArray[Any], is_mated: NDArray[Any], threshold: float
) -> tuple[float, float]:
    """FMR and FNMR at a threshold that was set elsewhere.

    Args:
        scores: (n,) of all comparisons.
        is_mated: (n,) bool.
        threshold: accept iff score >= threshold.

    Returns:
        fmr, fnmr; NaN for the kind of which there are no comparisons.

    Raises:
        ValueError: no scores, or NaN among them.
    """
    accepted = _checked(scores) >= threshold
    mated = np.asarray(is_mated, dtype=bool)
    fmr = float(accepted[~mated].mean()) if not mated.all() else math.nan
    fnmr = 1 - float(accepted[mated].mean()) if mated.any() else math.nan
    return fmr, fnmr


def fnmr_at(fmr: Rates, fnmr: Rates, level: float) -> Rates:
    """The lowest FNMR among all operating points whose FMR is at most ``level``.

    Args:
        fmr: (..., t) along a DET, by rising threshold; the last point has FMR 0.
        fnmr: (..., t) of the same points.
        level: of the FMR.

    Returns:
        (...) rates.
    """
    first = np.argmax(fmr <= level, axis=-1)[..., None]  # the last point always qualifies
    return np.take_along_axis(fnmr, first, axis=-1)[..., 0]


def eer(fmr: Rates, fnmr: Rates) -> Rates:
    """Where FMR equals FNMR, on straight lines between neighbouring points of a DET.

    Args:
        fmr: (..., t) by rising threshold, from 1 to 0.
        fnmr: (..., t) of the same points, from 0 to 1.

    Returns:
        (...) rates.
    """
    gap = fnmr - fmr  # rises from -1 to 1
    after = np.argmax(gap >= 0, axis=-1)[..., None]
    gap_after, gap_before = (np.take_along_axis(gap, at, axis=-1) for at in (after, after - 1))
    high, low = (np.take_along_axis(fnmr, at, axis=-1) for at in (after, after - 1))
    return (low - gap_before / (gap_after - gap_before) * (high - low))[..., 0]


def summary(
    scores: NDArray[Any],
    is_mated: NDArray[Any],
    subject_a: NDArray[Any],
    subject_b: NDArray[Any],
    rng: np.random.Generator,
    replicates: int = RESAMPLES,
) -> dict[str, Value]:
    """FNMR at FMR 1 % and 0.1 % and EER, with 95 % intervals that resample subjects.

    The estimates are exact. In the resamples a mated comparison weighs as often as its subject
    was drawn, a non-mated one as often as both were, the threshold is set anew each time, and
    more than ``LEVELS`` distinct scores are thinned to that many thresholds (``bootstrap.levels``).
    Resampling sees nothing where all subjects agree: the interval also spans the one of ``rate``
    for the mated comparisons rejected at the estimate's own threshold.

    Args:
        scores: (n,) of all comparisons.
        is_mated: (n,) bool.
        subject_a: (n,) subject of the template.
        subject_b: (n,) subject of the probe.
        rng: draws the resamples.
        replicates: number of resamples.

    Returns:
        ``fnmr_at_fmr_1e-2``, ``fnmr_at_fmr_1e-3`` and ``eer``; ``n`` counts mated comparisons.

    Raises:
        ValueError: no scores, or NaN among them.
    """
    values, mated = _checked(scores), np.asarray(is_mated, dtype=bool)
    n = int(mated.sum())
    if n in (0, len(values)):
        return {name: Value(None, None, None, n) for name in (*FMRS, "eer")}
    fmr, fnmr, thresholds = det(values[mated], values[~mated])
    labels = np.union1d(subject_a, subject_b)
    left, right = (np.searchsorted(labels, whose) for whose in (subject_a, subject_b))
    weights = np.concatenate(list(resamples(len(labels), replicates, rng))).astype(np.int32)
    distinct = thresholds[:-1].astype(values.dtype)
    genuine, others = resampled(values, mated, left, right, distinct, weights)
    usable = (genuine[:, 0] > 0) & (others[:, 0] > 0)
    genuine, others = genuine[usable], others[usable]
    fmrs = others / others[:, :1]
    fnmrs = (genuine[:, :1] - genuine) / genuine[:, :1]
    at = {name: int(np.argmax(fmr <= level)) for name, level in FMRS.items()}
    at["eer"] = int(np.argmax(fnmr >= fmr))
    drawn = {name: fnmr_at(fmrs, fnmrs, level) for name, level in FMRS.items()}
    drawn["eer"] = eer(fmrs, fnmrs)
    out = {}
    for name, point in at.items():
        value = float(eer(fmr, fnmr) if name == "eer" else fnmr[point])
        low, high = interval(value, drawn[name])
        refused = ~(values[mated] >= thresholds[point])
        plain = rate(refused, left[mated], rng)
        assert plain.ci_low is not None and plain.ci_high is not None  # n > 0
        out[name] = Value(value, min(low, plain.ci_low), max(high, plain.ci_high), n)
    return out


def only_decides(scores: NDArray[Any]) -> bool:
    """Whether a scheme answers yes or no: no finite score but 0 and 1.

    Args:
        scores: (n,) of all comparisons.

    Raises:
        ValueError: no scores, or NaN among them.
    """
    values = _checked(scores)
    return bool(np.isin(values[np.isfinite(values)], (0, 1)).all())


def operating_point(
    scores: NDArray[Any],
    is_mated: NDArray[Any],
    subject_a: NDArray[Any],
    subject_b: NDArray[Any],
    rng: np.random.Generator,
) -> tuple[Value, Value]:
    """FNMR and FMR of a scheme that answers yes or no, at its own decision: a score of 1 or more.

    A DET of such scores has one point only; reading it at an FMR of 1 % says FNMR 100 % of a
    scheme that accepts 1.1 % of the others. A non-mated comparison has two subjects, either of
    whom may be easy to confuse: the intervals over the one and over the other are joined as if both
    kinds of luck were independent (MOVER; Zou and Donner, 2008).

    Args:
        scores: (n,) of all comparisons, 0 or 1; -inf is a comparison that failed.
        is_mated: (n,) bool.
        subject_a: (n,) subject of the template.
        subject_b: (n,) subject of the probe.
        rng: as for ``rate``.

    Returns:
        fnmr, fmr, each with the number of comparisons behind it.

    Raises:
        ValueError: no scores, NaN among them, or scores between which a threshold can be chosen.
    """
    if not only_decides(scores):
        raise ValueError("scores must be 0 or 1 (or -inf) to be a decision")
    passed, mated = np.asarray(scores) >= 1, np.asarray(is_mated, dtype=bool)
    fnmr = rate(~passed[mated], np.asarray(subject_a)[mated], rng)
    first, second = (
        rate(passed[~mated], np.asarray(whose)[~mated], rng) for whose in (subject_a, subject_b)
    )
    if first.value is None:
        return fnmr, first
    assert first.ci_low is not None and first.ci_high is not None
    assert second.ci_low is not None and second.ci_high is not None
    low = first.value - joined(first.value - first.ci_low, first.value - second.ci_low)
    high = first.value + joined(first.ci_high - first.value, second.ci_high - first.value)
    return fnmr, Value(first.value, max(low, 0.0), min(high, 1.0), first.n)


def decision_error(fnmr: Value, fmr: Value, level: float = LEVEL) -> Value:
    """What a decision errs where it cannot be moved: FNMR, and FMR beyond a level.

    The two kinds of luck are taken for independent (MOVER). Up to the level it is the FNMR, and
    what accepts everybody errs all but the level.

    Args:
        fnmr: at the decision, as ``operating_point`` has it; not unknown.
        fmr: likewise.
        level: FMR that costs nothing.
    """
    ends = [fnmr.ci_low, fnmr.value, fnmr.ci_high], [fmr.ci_low, fmr.value, fmr.ci_high]
    (low, value, high), (less, beyond, more) = (
        np.array(ends[0], dtype=np.float64),
        np.maximum(np.array(ends[1], dtype=np.float64) - level, 0),
    )
    total = float(value + beyond)
    return Value(
        min(total, 1.0),
        max(total - joined(value - low, beyond - less), 0.0),
        min(total + joined(high - value, more - beyond), 1.0),
        fnmr.n,
    )


def _checked(scores: NDArray[Any]) -> Floats:
    values = np.asarray(scores)
    if not np.issubdtype(values.dtype, np.floating):
        values = values.astype(np.float64)
    if values.ndim != 1 or not len(values) or np.isnan(values).any():
        raise ValueError("scores must be (n,) numbers, at least one and none of them NaN")
    return values


def _above(score: np.floating[Any]) -> np.floating[Any]:
    """The threshold just above a score, in its own dtype; NaN above +inf."""
    if np.isposinf(score):
        return type(score)(np.nan)
    with np.errstate(over="ignore"):  # the largest number of all: infinity is above it
        above: np.floating[Any] = np.nextafter(score, type(score)(np.inf))
    return above
