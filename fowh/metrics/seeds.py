"""Rates over several runs of one experiment: runs and subjects both vary, and cross."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.metrics.intervals import Value, interval, resamples


def crossed(
    values: list[NDArray[Any]],
    subjects: list[NDArray[Any]],
    rng: np.random.Generator,
    replicates: int = 1000,
    limits: tuple[float, float] = (0.0, 1.0),
) -> Value:
    """Mean over runs of the mean over templates, with a 95 % interval for both kinds of luck.

    Runs and subjects are resampled independently of each other, with replacement (the pigeonhole
    bootstrap of Owen, 2007, which errs on the wide side): the runs, since an attacker's samples and
    initial weights are draws; the subjects, since templates of one succeed and fail together. With
    three runs the spread over runs is itself known badly.

    Args:
        values: for each run (n_r,) successes or differences of paired successes; no NaN.
        subjects: for each run (n_r,) whose template each row is.
        rng: draws the resamples.
        replicates: number of resamples.
        limits: smallest and largest possible value.

    Returns:
        The mean; ``n`` counts the rows of all runs.

    Raises:
        ValueError: no run, or rows and subjects differ in number.
    """
    if not values or [len(v) for v in values] != [len(s) for s in subjects]:
        raise ValueError("expected for every run as many values as subjects, and one run at least")
    people = np.unique(np.concatenate(subjects))
    sums, counts = (np.zeros((len(values), len(people))) for _ in range(2))
    for run, (column, whose) in enumerate(zip(values, subjects, strict=True)):
        codes = np.searchsorted(people, whose)
        sums[run] = np.bincount(codes, np.asarray(column, np.float64), minlength=len(people))
        counts[run] = np.bincount(codes, minlength=len(people))
    value = float((sums.sum(axis=1) / counts.sum(axis=1)).mean())
    runs = np.concatenate(list(resamples(len(values), replicates, rng)))
    drawn = np.concatenate(list(resamples(len(people), replicates, rng)))
    there = np.maximum(drawn @ counts.T, 1e-9)
    rates = (runs * (drawn @ sums.T) / there).sum(axis=1) / len(values)
    low, high = interval(value, rates, len(people), limits)
    return Value(value, low, high, int(counts.sum()))
