"""Infer a hidden attribute of a person from a linear model's outcome, by maximum a posteriori.

Source: Fredrikson, Lantz, Jha, Lin, Page and Ristenpart (2014), "Privacy in pharmacogenetics: an
end-to-end case study of personalized warfarin dosing", USENIX Security, sec. 3. Who attacks knows
the model, the marginal distribution of every attribute, how far the model errs, and of a person
the outcome and perhaps the other attributes.

Plain functions of arrays: rows of a table are no samples that a recogniser could be asked about,
so this is no plug-in that a cell runs. ``fowh reproduce fredrikson2014`` does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
_AT_ONCE = 2**22  # likelihoods held at a time, 32 MB


@dataclass(frozen=True, eq=False)
class LinearModel:
    """What was released: outcome = effect of the hidden value + others @ weights + error.

    Attributes:
        effects: (c,) outcome at others = 0, for every value of the hidden attribute.
        weights: (k,) of the other attributes.
        error: standard deviation of the residuals, in units of the outcome, > 0.
    """

    effects: Floats
    weights: Floats
    error: float


def fit(hidden: Codes, others: Floats, outcome: Floats, values: int) -> LinearModel:
    """Least squares, of smallest norm where attributes depend on each other.

    Args:
        hidden: (n,) values of the hidden attribute, 0 to ``values`` - 1, each at least once.
        others: (n, k) numbers of about unit spread.
        outcome: (n,).
        values: c.

    Returns:
        The model; its error has as many degrees of freedom as it has free coefficients less. An
        exact fit is given an error of 1e-9 of the outcome's spread.
    """
    design = np.column_stack([hidden[:, None] == np.arange(values), others])
    solution, _, rank, _ = np.linalg.lstsq(design, outcome, rcond=None)
    rest = outcome - design @ solution
    error = math.sqrt(float(rest @ rest) / max(len(outcome) - int(rank), 1))
    least = 1e-9 * float(outcome.std()) or 1.0
    return LinearModel(solution[:values], solution[values:], max(error, least))


def from_marginals(
    others: Floats, groups: Sequence[slice], draws: int, rng: np.random.Generator
) -> Floats:
    """People that nobody is: every attribute drawn by itself.

    Args:
        others: (n, k) of those whose marginals are known.
        groups: columns of one attribute each (a category takes several); together all k.
        draws: d.
        rng: draws them.

    Returns:
        (d, k).
    """
    made = np.empty((draws, others.shape[1]))
    for group in groups:
        made[:, group] = others[rng.integers(len(others), size=draws), group]
    return made


def map_attribute(model: LinearModel, prior: Floats, outcome: Floats, possible: Floats) -> Floats:
    """Posterior of the hidden attribute; the attack's guess is its arg-max.

    A value weighs prior * mean over the person's possible attributes of the normal density of
    outcome - prediction. The published sum runs over rows that agree with what is known, each
    weighing the product of its marginals: with all others known that is one row, whose weight is
    the same for every value; with none known the mean over draws from the marginals estimates it.

    Args:
        model: as released.
        prior: (c,) or (n, c), shares of each value.
        outcome: (n,) of the people attacked.
        possible: (n, 1, k), what is known of each of them, or (1, d, k), what anybody could be.

    Returns:
        (n, c), rows sum to 1. Where every likelihood underflows they are compared as logarithms.
    """
    rest = outcome[:, None] - possible @ model.weights  # (n, 1) or (n, d)
    with np.errstate(divide="ignore"):  # a value of prior 0 stays at 0
        weight = np.broadcast_to(np.log(prior), (len(outcome), len(model.effects)))
    block = max(1, _AT_ONCE // (rest.shape[1] * len(model.effects)))
    seen = [
        _log_mean(-0.5 * np.square((part[:, None] - model.effects[:, None]) / model.error))
        for part in np.split(rest, range(block, len(rest), block))
    ]
    score = weight + np.concatenate(seen)
    likely = np.exp(score - score.max(axis=1, keepdims=True))
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))


def _log_mean(values: Floats) -> Floats:
    """Logarithm of the mean of exponentials over the last axis."""
    top = values.max(axis=-1, keepdims=True)
    return np.asarray(np.log(np.exp(values - top).mean(axis=-1)) + top[..., 0])
