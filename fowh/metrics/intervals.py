"""Estimates with confidence intervals: bootstrap over subjects, never over templates.

Templates of one subject succeed and fail together, so resampling them one by one would promise
far more certainty than the subjects at hand can give.

Few subjects make percentile intervals too narrow. Measured coverage of the nominal 95 %, 1,000
simulated runs with 10 templates per subject and strong differences between subjects: at a rate
of 0.4, 90 % with 8 subjects and 94 % with 100; at a rate of 0.05, 87 and 92 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
_BLOCK = 2**21  # weights held at once: 16 MB


@dataclass(frozen=True)
class Value:
    """One measured number.

    Attributes:
        value: the estimate; None when nothing was measured.
        ci_low: lower end of the 95 % interval; None when none can be stated.
        ci_high: upper end.
        n: observations behind it (templates, comparisons), not subjects.
    """

    value: float | None
    ci_low: float | None
    ci_high: float | None
    n: int

    def to_json(self) -> dict[str, float | int | None]:
        """As a JSON object; infinities and NaN, which JSON has not, become None."""
        return {
            name: number if number is not None and math.isfinite(number) else None
            for name, number in asdict(self).items()
        }


def rate(
    success: NDArray[Any],
    subjects: NDArray[Any],
    rng: np.random.Generator,
    replicates: int = 1000,
) -> Value:
    """Mean of successes with a 95 % percentile bootstrap that resamples subjects.

    Args:
        success: (n,) bool, or float in 0..1; NaN means not measured and is left out.
        subjects: (n,) whose template each row is.
        rng: draws the resamples.
        replicates: number of resamples.

    Returns:
        The rate; ``n`` counts the measured rows. Where all subjects share one rate (0 of 8, or a
        single subject), resampling cannot spread, and the interval is the one of ``bound``.

    Raises:
        ValueError: rows and subjects differ in number.
    """
    return mean(success, subjects, rng, replicates, limits=(0.0, 1.0))


def mean(
    values: NDArray[Any],
    subjects: NDArray[Any],
    rng: np.random.Generator,
    replicates: int = 1000,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Value:
    """Mean of real values with a 95 % percentile bootstrap that resamples subjects.

    Args:
        values: (n,) real; NaN means not measured and is left out.
        subjects: (n,) whose template each row is.
        rng: draws the resamples.
        replicates: number of resamples.
        limits: smallest and largest possible value; without them no interval can be stated where
            all subjects share one mean.

    Returns:
        The mean; no interval if it is not finite.

    Raises:
        ValueError: rows and subjects differ in number.
    """
    numbers = np.asarray(values, dtype=np.float64)
    labels = np.asarray(subjects)
    if numbers.ndim != 1 or numbers.shape != labels.shape:
        raise ValueError(f"values {numbers.shape} and subjects {labels.shape} must be (n,) alike")
    kept = ~np.isnan(numbers)
    numbers = numbers[kept]
    if not len(numbers):
        return Value(None, None, None, 0)
    value = float(numbers.mean())
    if not math.isfinite(value):
        return Value(value, None, None, len(numbers))
    _, codes = np.unique(labels[kept], return_inverse=True)
    counts = np.bincount(codes).astype(np.float64)
    sums = np.bincount(codes, weights=numbers)
    drawn = np.concatenate(
        [(w @ sums) / (w @ counts) for w in resamples(len(counts), replicates, rng)]
    )
    low, high = interval(value, drawn, len(counts), limits)
    return Value(value, low, high, len(numbers))


def difference(
    success_a: NDArray[Any],
    success_b: NDArray[Any],
    subjects: NDArray[Any],
    rng: np.random.Generator,
) -> Value:
    """How much more often a succeeds than b on the same templates, paired.

    Args:
        success_a: (n,) bool or float in 0..1; NaN rows of either side are left out.
        success_b: (n,) the same templates under the other attack.
        subjects: (n,) whose template each row is.
        rng: draws the resamples.

    Returns:
        Mean of a - b in -1..1.

    Raises:
        ValueError: rows and subjects differ in number.
    """
    gain = np.asarray(success_a, dtype=np.float64) - np.asarray(success_b, dtype=np.float64)
    return mean(gain, subjects, rng, limits=(-1.0, 1.0))


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


def interval(
    value: float, drawn: NDArray[np.float64], subjects: int, limits: tuple[float, float]
) -> tuple[float | None, float | None]:
    """95 % percentile interval of resampled estimates, or ``bound`` where they all agree.

    It always contains the estimate itself, which a skewed bootstrap might leave out.

    Args:
        value: the estimate.
        drawn: (r,) the estimate on each resample; may be empty.
        subjects: number of subjects.
        limits: smallest and largest possible value.

    Returns:
        Both ends; None where none can be stated.
    """
    if len(drawn) == 0 or np.ptp(drawn) <= 1e-12 * max(1.0, abs(value)):
        return bound(value, subjects, limits)
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return min(float(low), value), max(float(high), value)


def bound(
    value: float, subjects: int, limits: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Interval of a mean that is the same for every one of the subjects.

    If none of k subjects deviates, then fewer than u = 1 - 0.025^(1/k) of all subjects do
    (Clopper and Pearson 1934, with subjects as the trials), and these at most as far as the
    limits: 0 of 8 subjects is [0, 0.37]. Taking each subject as one trial is cautious, as if
    further templates of a subject told nothing new.

    Args:
        value: the common mean.
        subjects: k.
        limits: smallest and largest possible value.

    Returns:
        Both ends; None on the side of an infinite limit.
    """
    deviate = 1 - ((1 - CONFIDENCE) / 2) ** (1 / subjects)
    low, high = (value + deviate * (limit - value) for limit in limits)
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None
