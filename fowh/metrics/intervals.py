"""Estimates with 95 % intervals that count people, never templates.

Templates of one subject succeed and fail together: taking them one by one would promise far more
certainty than the people at hand can give. One rule serves rates, their differences and rates
over runs, at 0 and 100 % as in between (``betabinomial``). How well it covers is in
docs/intervals.md, measured by ``bench/coverage.py``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.metrics import betabinomial

Floats = NDArray[np.float64]
Ends = tuple[float, float]
CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2


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


def rate(success: NDArray[Any], subjects: NDArray[Any], rng: np.random.Generator) -> Value:
    """Mean of successes with a 95 % interval for people like these.

    The rule is the one of ``betabinomial.ends``. The interval always contains the rate.

    Args:
        success: (n,) bool, or float in 0..1; NaN means not measured and is left out. A fraction
            counts as so much of a success, which errs on the wide side.
        subjects: (n,) whose template each row is.
        rng: not used, the interval is computed.

    Returns:
        The rate; ``n`` counts the measured rows.

    Raises:
        ValueError: rows and subjects differ in number, or a success lies outside 0..1.
    """
    numbers, codes = _measured(success, subjects)
    if not len(numbers):
        return Value(None, None, None, 0)
    low, high = betabinomial.ends(np.bincount(codes, numbers), np.bincount(codes))
    value = float(numbers.mean())  # may differ from the rule's own in the last digit
    return Value(value, min(low, value), max(high, value), len(numbers))


def mean(
    values: NDArray[Any],
    subjects: NDArray[Any],
    rng: np.random.Generator,
    limits: tuple[float, float] = (-math.inf, math.inf),
) -> Value:
    """Mean of real values with a 95 % t interval over subjects; of numbers in 0..1 as ``rate``.

    The variance is that of a ratio of sums over subjects (Cochran, Sampling techniques, 1977,
    6.3) with one degree of freedom less than subjects.

    Args:
        values: (n,) real; NaN means not measured and is left out.
        subjects: (n,) whose template each row is.
        rng: not used, the interval is computed.
        limits: smallest and largest possible value; without them no interval can be stated where
            all subjects share one mean.

    Returns:
        The mean; no interval if it is not finite.

    Raises:
        ValueError: rows and subjects differ in number.
    """
    if tuple(limits) == (0.0, 1.0):
        return rate(values, subjects, rng)
    numbers, codes = _measured(values, subjects)
    if not len(numbers):
        return Value(None, None, None, 0)
    value = float(numbers.mean())
    if not math.isfinite(value):
        return Value(value, None, None, len(numbers))
    rest = np.bincount(codes, numbers - value) / len(numbers)
    people = len(rest)
    if people == 1 or np.abs(rest).max() <= 1e-12 * max(1.0, abs(value)):
        return Value(value, *bound(value, people, limits), len(numbers))
    half = t_quantile(people - 1) * math.sqrt(people / (people - 1) * float(rest @ rest))
    return Value(value, max(value - half, limits[0]), min(value + half, limits[1]), len(numbers))


def difference(
    success_a: NDArray[Any],
    success_b: NDArray[Any],
    subjects: NDArray[Any],
    rng: np.random.Generator,
) -> Value:
    """How much more often a succeeds than b on the same templates, paired.

    The shares of templates on which only a and only b succeeds have intervals by ``rate``; see
    ``difference_ends``.

    Args:
        success_a: (n,) bool or float in 0..1; NaN rows of either side are left out.
        success_b: (n,) the same templates under the other attack.
        subjects: (n,) whose template each row is.
        rng: not used, the interval is computed.

    Returns:
        Mean of a - b in -1..1.

    Raises:
        ValueError: rows and subjects differ in number, or a success lies outside 0..1.
    """
    gain = np.asarray(success_a, dtype=np.float64) - np.asarray(success_b, dtype=np.float64)
    numbers, codes = _measured(gain, subjects)
    if not len(numbers):
        return Value(None, None, None, 0)
    low, high = difference_ends(numbers, codes)
    return Value(float(numbers.mean()), low, high, len(numbers))


def difference_ends(gain: Floats, codes: NDArray[np.intp]) -> Ends:
    """The ends of ``difference``: two intervals joined by MOVER (Zou and Donner, 2008).

    The shares exclude each other, so they are taken to correlate as in one multinomial draw.

    Args:
        gain: (n,) in -1..1.
        codes: (n,) subjects as numbers from 0, none left out.

    Returns:
        Both ends, around the mean.
    """
    rows = np.bincount(codes)
    up, down = (np.maximum(side, 0.0) for side in (gain, -gain))
    more, less = float(up.mean()), float(down.mean())
    more_low, more_high = betabinomial.ends(np.bincount(codes, up), rows)
    less_low, less_high = betabinomial.ends(np.bincount(codes, down), rows)
    other = (1 - more) * (1 - less)
    alike = -min(1.0, math.sqrt(more * less / other)) if other > 0 else 0.0
    low = more - less - joined(more - more_low, less_high - less, alike)
    high = more - less + joined(more_high - more, less - less_low, alike)
    return max(low, -1.0), min(high, 1.0)


def bound(
    value: float, subjects: int, limits: tuple[float, float]
) -> tuple[float | None, float | None]:
    """Interval of a mean of real values that is the same for every one of the subjects.

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
    deviate = 1 - _TAIL ** (1 / subjects)
    low, high = (value + deviate * (limit - value) for limit in limits)
    return low if math.isfinite(low) else None, high if math.isfinite(high) else None


def t_quantile(freedom: int) -> float:
    """How many standard errors reach to either end of a 95 % interval."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - _TAIL))


def joined(one: float, other: float, correlation: float = 0.0) -> float:
    """Distance from a sum to its end, of the distances of two summands to theirs (MOVER)."""
    return math.sqrt(max(0.0, one**2 + other**2 - 2 * correlation * one * other))


def _measured(values: NDArray[Any], subjects: NDArray[Any]) -> tuple[Floats, NDArray[np.intp]]:
    """The rows that are not NaN, and their subjects as numbers from 0."""
    numbers, labels = np.asarray(values, dtype=np.float64), np.asarray(subjects)
    if numbers.ndim != 1 or numbers.shape != labels.shape:
        raise ValueError(f"values {numbers.shape} and subjects {labels.shape} must be (n,) alike")
    kept = ~np.isnan(numbers)
    return numbers[kept], np.unique(labels[kept], return_inverse=True)[1]
