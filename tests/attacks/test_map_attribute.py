"""The posterior of a hidden attribute: by hand, against SciPy's densities, and its properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from attacks import _map_attribute
from attacks._map_attribute import LinearModel, fit, from_marginals, map_attribute


def model(*effects: float, weights: tuple[float, ...] = (1.0,), error: float = 1.0) -> LinearModel:
    return LinearModel(np.array(effects), np.array(weights), error)


def test_three_people_and_two_values_by_hand() -> None:
    """With r = outcome - other, the odds are prior odds * exp((r^2 - (r - 2)^2) / 2)."""
    prior = np.array([0.75, 0.25])
    others = np.array([[0.0], [1.0], [-1.0]])
    rest = np.array([1.0, 1 + math.log(3) / 2, 3.0])  # odds 1/3, 1 and e^4 / 3
    found = map_attribute(model(0, 2), prior, rest + others[:, 0], others[:, None])
    odds = math.exp(4) / 3
    assert found[:, 1] == pytest.approx([0.25, 0.5, odds / (1 + odds)])
    assert found[[0, 2]].argmax(axis=1).tolist() == [0, 1]


def test_what_is_not_known_is_averaged_over_its_marginals_by_hand() -> None:
    """Others 0 or 4 alike: p(v) / 2 * (density at r + density at r - 4)."""
    anybody = np.array([[[0.0], [4.0]]])
    found = map_attribute(model(0, 2), np.array([0.5, 0.5]), np.array([0.0, 6.0, 3.0]), anybody)
    weight = np.array(
        [[norm.pdf(y - v) + norm.pdf(y - v - 4) for v in (0, 2)] for y in (0.0, 6.0, 3.0)]
    )
    assert found == pytest.approx(weight / weight.sum(axis=1, keepdims=True))


@given(st.integers(0, 10_000))
def test_it_is_bayes_rule_person_by_person(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, c, k = rng.integers(1, 6), rng.integers(2, 5), rng.integers(1, 4)
    made = LinearModel(rng.normal(size=c), rng.normal(size=k), rng.uniform(0.5, 2))
    prior, outcome = rng.dirichlet(np.ones(c)), rng.normal(size=n)
    others = rng.normal(size=(n, k))
    found = map_attribute(made, prior, outcome, others[:, None])
    for person in range(n):
        predicted = made.effects + others[person] @ made.weights
        weight = prior * norm.pdf(outcome[person], predicted, made.error)
        assert found[person] == pytest.approx(weight / weight.sum(), rel=1e-9)
    own = map_attribute(made, np.tile(prior, (n, 1)), outcome, others[:, None])
    assert own == pytest.approx(found)


def test_blocks_and_outliers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    anybody, outcome = rng.normal(size=(1, 50, 1)), np.append(rng.normal(size=30), 1e6)
    whole = map_attribute(model(0, 1, 2), np.full(3, 1 / 3), outcome, anybody)
    assert whole[-1].tolist() == [0, 0, 1]  # densities that underflow are compared all the same
    monkeypatch.setattr(_map_attribute, "_AT_ONCE", 400)
    assert np.array_equal(map_attribute(model(0, 1, 2), np.full(3, 1 / 3), outcome, anybody), whole)


def test_a_value_that_nobody_has_is_never_guessed() -> None:
    found = map_attribute(model(0, 2), np.array([1.0, 0.0]), np.array([2.0]), np.zeros((1, 1, 1)))
    assert found.tolist() == [[1, 0]]


def test_the_fit_finds_the_coefficients_and_the_error() -> None:
    rng = np.random.default_rng(1)
    hidden, others = rng.integers(0, 3, 20_000), rng.normal(size=(20_000, 2))
    outcome = np.array([1.0, -2, 4])[hidden] + others @ [3.0, -1] + 0.5 * rng.normal(size=20_000)
    found = fit(hidden, others, outcome, 3)
    assert found.effects == pytest.approx([1, -2, 4], abs=0.02)
    assert found.weights == pytest.approx([3, -1], abs=0.02)
    assert found.error == pytest.approx(0.5, abs=0.01)


def test_an_exact_fit_and_a_constant_attribute_break_nothing() -> None:
    hidden = np.tile([0, 1], 10)
    others = np.column_stack([np.arange(20.0), np.zeros(20)])
    outcome = 5.0 * hidden + others[:, 0]
    found = fit(hidden, others, outcome, 2)
    guess = map_attribute(found, np.full(2, 0.5), outcome, others[:, None]).argmax(axis=1)
    assert guess.tolist() == hidden.tolist()


def test_people_from_the_marginals_keep_categories_and_lose_dependence() -> None:
    rng = np.random.default_rng(2)
    category = rng.integers(0, 3, 500)
    coded = (category[:, None] == np.arange(3)).astype(float)
    others = np.column_stack([coded, category])
    made = from_marginals(others, (slice(0, 3), slice(3, 4)), 4000, rng)
    assert (made[:, :3].sum(axis=1) == 1).all()
    assert made.mean(axis=0) == pytest.approx(others.mean(axis=0), abs=0.05)
    assert abs(np.corrcoef(made[:, 2], made[:, 3])[0, 1]) < 0.05
