"""Bootstrap of what is read off a DET: subjects are resampled, with all that they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scores = NDArray[np.floating[Any]]
LEVELS = 4096
RESAMPLES = 200  # of every interval that is read off a DET
_TAIL = 0.025  # beyond either end
_BLOCK = 2**21  # weights held at once: 16 MB
_TOGETHER, _COMPARISONS = 32, 2**15  # resamples and comparisons at once: 4 MB


def resamples(
    subjects: int, replicates: int, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """How often each subject is drawn when as many are drawn with replacement.

    Args:
        subjects: number of subjects.
        replicates: number of resamples.
        rng: draws them.

    Yields:
        Blocks (b, subjects) of float64 counts, each row with the sum ``subjects``; ``replicates``
        rows in all. Counting uniform draws is several times faster than multinomial variates.
    """
    step = max(1, _BLOCK // subjects)
    for start in range(0, replicates, step):
        rows = min(step, replicates - start)
        drawn = rng.integers(subjects, size=(rows, subjects))
        drawn += np.arange(rows)[:, None] * subjects
        counts = np.bincount(drawn.ravel(), minlength=rows * subjects)
        yield counts.reshape(rows, subjects).astype(np.float64)


def interval(value: float, drawn: Floats) -> tuple[float, float]:
    """95 % percentile interval of resampled estimates, around the estimate itself.

    Args:
        value: the estimate.
        drawn: (r,) the estimate on each resample; may be empty.

    Returns:
        Both ends, which a skewed bootstrap might otherwise put on one side of the estimate.
    """
    if not len(drawn):
        return value, value
    low, high = np.percentile(drawn, [100 * _TAIL, 100 * (1 - _TAIL)])
    return min(float(low), value), max(float(high), value)


def levels(values: Scores, mated: NDArray[np.bool_], distinct: Scores) -> Scores:
    """Thresholds for the resamples: all, or quantiles of the scores of either kind.

    Between two neighbours lies about 0.0005 of the mated and as much of the non-mated scores, ties
    apart. That bounds the error in FNMR at any FMR by the former, in EER by the larger of both.
    """
    if len(distinct) <= LEVELS:
        return distinct
    chosen = [distinct[:1]]
    for scores in (np.sort(values[mated]), np.sort(values[~mated])):
        chosen.append(scores[np.linspace(0, len(scores) - 1, LEVELS // 2 - 1).astype(np.intp)])
    return np.unique(np.concatenate(chosen))


def accepted(
    bins: NDArray[np.intp],
    levels: int,
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    weights: NDArray[np.int32],
) -> Floats:
    """(r, levels + 1) weight of the comparisons at or above each level; the last is zero.

    Every comparison is read once for ``_TOGETHER`` resamples, whose weights of a subject lie side
    by side: the time grows with comparisons, however many people or pairs of people they are of.
    Integers, because float32 sums stop growing at 2^24.

    Args:
        bins: (n,) level of each comparison, rising.
        levels: how many there are.
        left: (n,) codes of the templates' subjects.
        right: (n,) of the probes'; a mated comparison weighs as often as its subject was drawn.
        weights: (r, subjects) how often each subject was drawn.
    """
    subjects = weights.shape[1]
    others = np.where(left == right, subjects, right)  # a subject that weighs 1
    out = np.zeros((len(weights), levels + 1))
    for start in range(0, len(weights), _TOGETHER):
        few = weights[start : start + _TOGETHER]
        drawn = np.ones((subjects + 1, len(few)), dtype=np.int32)
        drawn[:-1] = few.T
        for at in range(0, len(bins), _COMPARISONS):
            part = slice(at, at + _COMPARISONS)
            mass = drawn[left[part]]
            mass *= drawn[others[part]]
            firsts = np.flatnonzero(np.diff(bins[part], prepend=-1))
            out[start : start + len(few), bins[part][firsts]] += np.add.reduceat(mass, firsts).T
    return np.cumsum(out[:, ::-1], axis=1)[:, ::-1]


def resampled(
    values: Scores,
    mated: NDArray[np.bool_],
    left: NDArray[np.intp],
    right: NDArray[np.intp],
    distinct: Scores,
    weights: NDArray[np.int32],
) -> tuple[Floats, Floats]:
    """Weights of mated and of non-mated comparisons at or above each level, for every resample.

    Args:
        values: (n,) scores.
        mated: (n,) bool.
        left: (n,) codes of the templates' subjects.
        right: (n,) of the probes'.
        distinct: thresholds, of which ``levels`` are taken.
        weights: (r, subjects) how often each subject was drawn.

    Returns:
        Two arrays (r, levels + 1), as ``accepted``.
    """
    chosen = levels(values, mated, distinct)
    order = np.argsort(values)
    starts = np.searchsorted(values, chosen, sorter=order)
    bins = np.repeat(np.arange(len(chosen)), np.diff(starts, append=len(values)))
    mated, left, right = mated[order], left[order], right[order]
    genuine, others = (
        accepted(bins[kind], len(chosen), left[kind], right[kind], weights)
        for kind in (mated, ~mated)
    )
    return genuine, others
