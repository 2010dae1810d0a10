"""Rates over several runs: what is estimated, and that both kinds of luck widen the interval."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from fowh.metrics.intervals import difference, mean, rate
from fowh.metrics.seeds import crossed


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def world(run: int, chance: float, people: int = 20, each: int = 5):
    """Successes and subjects of one run; subjects differ in how often they are hit."""
    draw = np.random.default_rng([11, run])
    subjects = np.repeat(np.arange(people), each)
    own = np.clip(chance + np.linspace(-0.25, 0.25, people), 0, 1)
    return (draw.random(people * each) < own[subjects]).astype(float), subjects


def width(value) -> float:
    return value.ci_high - value.ci_low


def test_one_run_is_the_plain_rate_or_difference() -> None:
    values, subjects = world(0, 0.4)
    alone = rate(values, subjects, rng())
    found = crossed([values], [subjects], rng())
    assert found.n == alone.n == 100
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx(
        (alone.value, alone.ci_low, alone.ci_high)
    )
    other = world(1, 0.3)[0]
    paired = difference(values, other, subjects, rng())
    gains = crossed([values - other], [subjects], rng(), limits=(-1.0, 1.0))
    assert (gains.ci_low, gains.ci_high) == pytest.approx((paired.ci_low, paired.ci_high))


def test_the_estimate_is_the_mean_over_runs_of_each_run_s_mean() -> None:
    values = [np.array([1.0, 0, 0, 0]), np.array([1.0, 1, 0]), np.array([1.0])]
    subjects = [np.array([0, 0, 1, 2]), np.array([1, 2, 2]), np.array([5])]
    found = crossed(values, subjects, rng())
    assert found.value == pytest.approx((1 / 4 + 2 / 3 + 1) / 3)  # not 4 of 8 rows
    assert found.n == 8


def test_each_row_counts_within_its_run_not_each_subject() -> None:
    values, subjects = np.array([1.0, 1, 1, 0]), np.array([0, 0, 0, 1])
    assert crossed([values], [subjects], rng()).value == pytest.approx(0.75)


def test_negative_differences_have_their_own_limits() -> None:
    gains = [np.array([-1.0, 0, 0, 1, -1]), np.array([-1.0, -1, 0, 0, 0])]
    found = crossed(gains, [np.arange(5)] * 2, rng(), limits=(-1.0, 1.0))
    assert found.value == pytest.approx((-1 / 5 - 2 / 5) / 2)
    assert -1 <= found.ci_low < found.value < found.ci_high <= 1


def test_runs_that_disagree_widen_the_interval() -> None:
    alike = [world(run, 0.5) for run in range(3)]
    apart = [world(run, chance) for run, chance in enumerate((0.3, 0.5, 0.7))]
    near, far = (
        crossed([v for v, _ in runs], [s for _, s in runs], rng()) for runs in (alike, apart)
    )
    assert far.value == pytest.approx(near.value, abs=0.06)
    assert width(far) > 1.3 * width(near)
    middle = mean(*apart[1], rng())
    assert width(far) > width(middle)  # the subjects of one run alone know nothing of the others


def test_only_the_runs_differ() -> None:
    """Three means at 0.45, 0.5 and 0.55: t of two degrees of freedom, joined with the people's."""
    subjects = np.repeat(np.arange(8), 20)
    values = [np.tile(np.arange(20) < won, 8).astype(float) for won in (9, 10, 11)]
    found = crossed(values, [subjects] * 3, rng())
    together = rate(np.concatenate(values), np.tile(subjects, 3), rng())
    half = t.ppf(0.975, 2) * 0.05 / np.sqrt(3)
    assert found.value == pytest.approx(0.5)
    assert found.ci_high - 0.5 == pytest.approx(np.hypot(half, together.ci_high - 0.5))
    assert 0.5 - found.ci_low == pytest.approx(np.hypot(half, 0.5 - together.ci_low))


def test_nothing_in_any_run_is_a_rate_of_no_success() -> None:
    found = crossed([np.zeros(20)] * 2, [np.repeat(np.arange(10), 2)] * 2, rng())
    once = rate(np.zeros(40), np.tile(np.repeat(np.arange(10), 2), 2), rng())
    assert (found.value, found.ci_low, found.ci_high) == (0, 0, once.ci_high)
    assert 0.02 < found.ci_high < 1 - 0.025 ** (1 / 10)


def test_runs_against_one_target_count_as_one_run() -> None:
    """Three runs each against three targets that differ: nine runs would promise too much."""
    targets = [0.3, 0.5, 0.7]
    runs = [world(3 * i + run, chance) for i, chance in enumerate(targets) for run in range(3)]
    values, subjects = [v for v, _ in runs], [s for _, s in runs]
    nine = crossed(values, subjects, rng())
    three = crossed(values, subjects, rng(), groups=[7] * 3 + [8] * 3 + [9] * 3)
    assert three.value == nine.value
    assert width(three) > 2 * width(nine)
    one = crossed(values, subjects, rng(), groups=[7] * 9)
    assert width(one) < width(nine)  # no other target was seen, none is spoken of
    with pytest.raises(ValueError, match="a group for each of 9 runs"):
        crossed(values, subjects, rng(), groups=[1, 2])


def test_subjects_are_named_by_anything_and_may_differ_between_runs() -> None:
    runs = [world(run, 0.4) for run in range(2)]
    values, numbers = [v for v, _ in runs], [s for _, s in runs]
    names = [np.array([f"s{s:02d}" for s in whose]) for whose in numbers]
    assert crossed(values, names, rng()) == crossed(values, numbers, rng())
    apart = crossed(values, [numbers[0], numbers[1] + 100], rng())
    assert apart.value == pytest.approx(np.mean([v.mean() for v in values]))
    assert apart.ci_low <= apart.value <= apart.ci_high


def test_the_same_generator_gives_the_same_interval_and_inputs_are_left_alone() -> None:
    runs = [world(run, 0.4) for run in range(3)]
    values, subjects = [v for v, _ in runs], [s for _, s in runs]
    before = [v.copy() for v in values]
    assert crossed(values, subjects, rng()) == crossed(values, subjects, rng())
    for was, now in zip(before, values, strict=True):
        np.testing.assert_array_equal(was, now)


def test_success_may_be_boolean() -> None:
    values, subjects = world(0, 0.4)
    assert crossed([values > 0], [subjects], rng()) == crossed([values], [subjects], rng())


@pytest.mark.parametrize(
    ("values", "subjects"),
    [
        ([], []),
        ([np.ones(3)], [np.arange(4)]),
        ([np.ones(3), np.ones(3)], [np.arange(3)]),
    ],
)
def test_no_run_or_unequal_lengths_are_errors(values, subjects) -> None:
    with pytest.raises(ValueError, match="as many values as subjects"):
        crossed(values, subjects, rng())


RUN = st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=20)


@given(st.lists(RUN, min_size=1, max_size=4))
@settings(deadline=None)
def test_the_interval_contains_the_estimate(runs) -> None:
    columns = [[np.array(column) for column in zip(*rows, strict=True)] for rows in runs]
    found = crossed([v for v, _ in columns], [s for _, s in columns], rng())
    assert found.value == pytest.approx(np.mean([v.mean() for v, _ in columns]))
    assert -1e-12 <= found.ci_low <= found.value <= found.ci_high <= 1 + 1e-12


def test_the_interval_covers_the_truth_where_runs_and_subjects_both_vary() -> None:
    draw = np.random.default_rng(2025)
    subjects, covered, naive = np.repeat(np.arange(25), 8), 0, 0
    for _ in range(100):
        person, run = draw.normal(0, 0.15, 25), draw.normal(0, 0.08, 5)
        chance = np.clip(0.5 + person[subjects] + run[:, None], 0, 1)
        hits = (draw.random(chance.shape) < chance).astype(float)
        found = crossed(list(hits), [subjects] * 5, draw)
        covered += found.ci_low <= 0.5 <= found.ci_high
        rows = mean(hits.ravel(), np.arange(hits.size), draw)
        naive += rows.ci_low <= 0.5 <= rows.ci_high
    assert covered >= 88
    assert naive < 75  # every row on its own would promise too much
