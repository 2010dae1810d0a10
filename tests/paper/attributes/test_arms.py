"""Worlds of which it is known whether the model leaks, and what the arms say of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fowh.paper.attributes.arms import HELD_OUT, IMPUTED, MEMBERS, PRIOR, Arm, measure, roc_area
from fowh.paper.attributes.table import Table, made


def world(effect: float, told: float, people: int = 240, values: int = 2, seed: int = 0) -> Table:
    """The outcome has ``effect`` error deviations of each step of the hidden attribute.

    ``told`` is how far another attribute moves with it.
    """
    rng = np.random.default_rng(seed)
    hidden = rng.permutation(np.arange(people) % values)
    others = rng.normal(size=(people, 2)) + told * hidden[:, None] * [1, 0]
    dose = effect * hidden + others @ [1.0, 2.0] + rng.normal(size=people)
    columns = {"gene": [str(v) for v in hidden], "dose": [repr(float(v)) for v in dose]}
    columns |= {f"x{at}": [repr(float(v)) for v in others[:, at]] for at in range(2)}
    return made("made", columns, "gene", "dose")


def measured(table: Table) -> dict[tuple[str, str], Arm]:
    return {(arm.people, arm.key): arm for arm in measure(table)}


def low(arm: Arm) -> float:
    assert arm.above_imputation is not None and arm.above_imputation.ci_low is not None
    return arm.above_imputation.ci_low


def high(arm: Arm) -> float:
    assert arm.above_imputation is not None and arm.above_imputation.ci_high is not None
    return arm.above_imputation.ci_high


@pytest.mark.parametrize("values", [2, 3])
def test_a_model_that_leaks_beats_imputation(values: int) -> None:
    """A strong effect of an attribute that nothing else tells."""
    arm = measured(world(effect=5, told=0, values=values))
    for people in (HELD_OUT, MEMBERS):
        assert arm[people, "map"].accuracy.value > 0.95
        assert low(arm[people, "map"]) > 0.3
        assert arm[people, "map"].area > 0.98
    assert high(arm[HELD_OUT, PRIOR]) < 0.15
    assert arm[HELD_OUT, "map_marginals"].accuracy.value < arm[HELD_OUT, "map"].accuracy.value


def test_without_an_effect_it_is_imputation() -> None:
    """The other attributes tell the hidden one; the outcome adds nothing, and MAP knows nothing."""
    arm = measured(world(effect=0, told=3))
    assert arm[HELD_OUT, IMPUTED].accuracy.value > 0.85
    assert high(arm[HELD_OUT, "map"]) < -0.2
    assert low(arm[HELD_OUT, "combined"]) <= 0 <= high(arm[HELD_OUT, "combined"])


def test_where_both_tell_something_together_they_tell_more() -> None:
    arm = measured(world(effect=2, told=1.5, people=400))
    both = arm[HELD_OUT, "combined"]
    assert low(both) > 0
    assert both.accuracy.value > arm[HELD_OUT, "map"].accuracy.value


def test_a_shuffled_attribute_is_at_chance_for_every_arm() -> None:
    arm = measured(world(effect=0, told=0, people=400))
    for each in arm.values():
        assert each.accuracy.ci_low <= 0.5 <= each.accuracy.ci_high + 0.06
        assert each.area == pytest.approx(0.5, abs=0.07)


def test_membership_matters_where_the_model_remembers_its_people() -> None:
    """40 attributes for 100 people: half of a member's error has gone into the weights."""
    rng = np.random.default_rng(3)
    hidden, others = np.arange(100) % 2, rng.normal(size=(100, 40))
    dose = 2.0 * hidden + others.sum(axis=1) + rng.normal(size=100)
    columns = {f"x{at}": [repr(float(v)) for v in others[:, at]] for at in range(40)}
    columns |= {"gene": list(map(str, hidden)), "dose": [repr(float(v)) for v in dose]}
    arm = measured(made("wide", columns, "gene", "dose"))
    gain = arm[MEMBERS, "map"].for_members
    assert gain is not None and gain.ci_low is not None and gain.ci_low > 0


def test_it_is_repeatable_and_everybody_is_attacked_once_in_a_partition() -> None:
    table = world(effect=1, told=1, people=60)
    one, two = measure(table), measure(table)
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.right, b.right)
        assert (a.accuracy, a.area) == (b.accuracy, b.area)
    assert one[0].right.shape == (300,)
    assert one[0].accuracy.value == pytest.approx(0.5)


@pytest.mark.parametrize("values", [2, 4])
def test_the_roc_area_is_scikit_learns(values: int) -> None:
    rng = np.random.default_rng(4)
    truth = np.arange(80) % values
    chances = np.round(rng.dirichlet(np.ones(values), 80) + 0.3 * np.eye(values)[truth], 1)
    each = [roc_auc_score(truth == v, chances[:, v]) for v in range(values)]
    expected = each[1] if values == 2 else np.mean(each)
    assert roc_area(chances, truth) == pytest.approx(expected)
