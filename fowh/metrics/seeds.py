"""Rates over several runs of one experiment: runs and subjects both vary, and cross."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.metrics import betabinomial
from fowh.metrics.intervals import Value, difference_ends, joined, t_quantile


def crossed(
    values: list[NDArray[Any]],
    subjects: list[NDArray[Any]],
    rng: np.random.Generator,
    limits: tuple[float, float] = (0.0, 1.0),
    groups: Sequence[Any] | None = None,
) -> Value:
    """Mean over runs of the mean over templates, with a 95 % interval for both kinds of luck.

    Subjects: the interval of ``rate`` or ``difference`` on the rows of all runs together, since
    templates of one subject succeed and fail together in every run. Runs: a t interval of the runs'
    means, since an attacker's samples and initial weights are draws; three runs know their own
    spread badly, and t of two degrees of freedom says so. MOVER (Zou and Donner, 2008) joins both.
    It errs on the wide side, as the runs' means vary by the templates' luck too. One run has no
    spread: its interval is for its subjects only.

    Args:
        values: for each run (n_r,) successes or differences of paired successes; no NaN.
        subjects: for each run (n_r,) whose template each row is.
        rng: not used, the interval is computed.
        limits: (0, 1) for successes, (-1, 1) for differences.
        groups: for each run what it shares with others, such as the seed of the target: groups
            then count as runs, because runs against one target know nothing of the next.

    Returns:
        The mean; ``n`` counts the rows of all runs.

    Raises:
        ValueError: no run, or rows, subjects and groups differ in number.
    """
    if not values or [len(v) for v in values] != [len(s) for s in subjects]:
        raise ValueError("expected for every run as many values as subjects, and one run at least")
    if groups is not None and len(groups) != len(values):
        raise ValueError(f"expected a group for each of {len(values)} runs, not {len(groups)}")
    rows = np.concatenate(values).astype(np.float64)
    _, codes = np.unique(np.concatenate(subjects), return_inverse=True)
    means = np.array([np.mean(each, dtype=np.float64) for each in values])
    if tuple(limits) == (0.0, 1.0):
        low, high = betabinomial.ends(np.bincount(codes, rows), np.bincount(codes))
    else:
        low, high = difference_ends(rows, codes)
    value, pooled, half = float(means.mean()), float(rows.mean()), _half(means, groups)
    low = value - joined(pooled - low, half)
    high = value + joined(high - pooled, half)
    return Value(value, max(low, limits[0]), min(high, limits[1]), len(rows))


def _half(means: NDArray[np.float64], groups: Sequence[Any] | None) -> float:
    """Half the t interval of the mean of runs, or of groups of them; 0 for a single one."""
    codes = np.unique(np.arange(len(means)) if groups is None else groups, return_inverse=True)[1]
    rest = np.bincount(codes, means - means.mean()) / len(means)
    if len(rest) == 1:
        return 0.0
    spread = len(rest) / (len(rest) - 1) * float(rest @ rest)
    return t_quantile(len(rest) - 1) * math.sqrt(spread)
