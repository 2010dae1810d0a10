import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from fowh.metrics import intervals
from fowh.metrics.intervals import Value, difference, mean, rate, resamples


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_value_survives_json_and_infinity_becomes_null():
    value = Value(0.25, 0.1, 0.5, 40)
    assert Value(**json.loads(json.dumps(value.to_json()))) == value
    odd = Value(math.inf, None, math.nan, 3).to_json()
    assert odd == {"value": None, "ci_low": None, "ci_high": None, "n": 3}
    json.dumps(odd, allow_nan=False)


def test_rate_is_the_mean_of_what_was_measured():
    found = rate(np.array([1.0, np.nan, 0, 1, 1]), np.array([0, 0, 1, 1, 2]), rng())
    assert (found.value, found.n) == (0.75, 4)
    assert 0 <= found.ci_low < 0.75 < found.ci_high <= 1


def test_nothing_measured():
    assert rate(np.full(3, np.nan), np.arange(3), rng()) == Value(None, None, None, 0)
    assert rate(np.array([]), np.array([]), rng()) == Value(None, None, None, 0)


@pytest.mark.parametrize("subjects", [1, 2, 8, 40])
@pytest.mark.parametrize("success", [False, True])
def test_unanimous_subjects_get_clopper_and_pearson_over_subjects(subjects, success):
    found = rate(np.full(10 * subjects, success), np.repeat(np.arange(subjects), 10), rng())
    exact = binomtest(subjects * success, subjects).proportion_ci(0.95, method="exact")
    assert (found.ci_low, found.ci_high) == pytest.approx((exact.low, exact.high), abs=1e-12)
    assert (found.value, found.n) == (float(success), 10 * subjects)


def test_none_of_eight_subjects_is_not_certainty():
    found = rate(np.zeros(80), np.repeat(np.arange(8), 10), rng())
    assert found.ci_low == 0
    assert found.ci_high == pytest.approx(1 - 0.025**0.125)  # 0.369


def test_equal_rates_of_all_subjects_do_not_collapse_the_interval():
    found = rate(np.tile([0, 1], 6), np.repeat(np.arange(6), 2), rng())
    share = 1 - 0.025 ** (1 / 6)
    assert (found.ci_low, found.ci_high) == pytest.approx((0.5 - share / 2, 0.5 + share / 2))


def test_difference_is_paired():
    a = np.array([1, 1, 0, 1, 0, 1.0])
    subjects = np.array([0, 0, 1, 1, 2, 2])
    same = difference(a, a, subjects, rng())
    share = 1 - 0.025 ** (1 / 3)
    assert same.value == 0
    assert (same.ci_low, same.ci_high) == pytest.approx((-share, share))
    better = difference(np.ones(6), np.zeros(6), subjects, rng())
    assert (better.value, better.ci_high) == (1, 1)
    assert better.ci_low == pytest.approx(1 - 2 * share)
    skipped = difference(a, np.where(subjects == 2, np.nan, 0.0), subjects, rng())
    assert (skipped.value, skipped.n) == (0.75, 4)


def test_pairing_narrows_the_interval():
    subjects = np.repeat(np.arange(30), 5)
    base = np.repeat(rng().random(30), 5) < 0.5
    better = base.copy()
    better[::15] = True
    paired = difference(better, base, subjects, rng())
    alone = rate(better, subjects, rng())
    assert paired.ci_high - paired.ci_low < (alone.ci_high - alone.ci_low) / 2


def test_mean_of_real_values():
    values = np.array([-1.5, 2.0, 4.0, 5.5])
    found = mean(values, np.arange(4), rng())
    assert found.value == 2.5
    assert -1.5 <= found.ci_low < 2.5 < found.ci_high <= 5.5
    constant = mean(np.ones(4), np.arange(4), rng())
    assert constant == Value(1.0, None, None, 4)  # without limits nothing bounds the deviation
    bounded = mean(np.ones(4), np.arange(4), rng(), limits=(-1, 1))
    assert bounded.ci_high == 1
    assert bounded.ci_low == pytest.approx(1 - 2 * (1 - 0.025**0.25))
    infinite = mean(np.array([1.0, np.inf]), np.arange(2), rng())
    assert infinite.to_json() == {"value": None, "ci_low": None, "ci_high": None, "n": 2}


def test_rows_must_match_subjects():
    with pytest.raises(ValueError, match="alike"):
        rate(np.ones(3), np.arange(4), rng())


def test_resamples_draw_as_many_subjects_as_there_are(monkeypatch):
    monkeypatch.setattr(intervals, "_BLOCK", 50)
    blocks = list(resamples(20, 401, rng()))
    assert len(blocks) > 100
    weights = np.concatenate(blocks)
    assert weights.shape == (401, 20)
    assert (weights.sum(axis=1) == 20).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(20), abs=0.25)
    assert weights.var() == pytest.approx(1 - 1 / 20, abs=0.1)  # multinomial


def test_the_same_generator_gives_the_same_interval():
    success, subjects = rng().random(60) < 0.4, np.repeat(np.arange(12), 5)
    assert rate(success, subjects, rng()) == rate(success, subjects, rng())
    relabelled = rate(success, np.array([f"s{s:02d}" for s in subjects]), rng())
    assert relabelled == rate(success, subjects, rng())


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5)), min_size=1, max_size=40))
def test_interval_contains_the_rate_and_stays_within_zero_and_one(rows):
    success, subjects = (np.array(column) for column in zip(*rows, strict=True))
    found = rate(success, subjects, rng(), replicates=50)
    assert found.value == pytest.approx(success.mean())
    assert -1e-12 <= found.ci_low <= found.value <= found.ci_high <= 1 + 1e-12


def test_clustered_interval_covers_the_truth_and_a_naive_one_would_not():
    draw = np.random.default_rng(2024)
    subjects = np.repeat(np.arange(30), 10)
    covered = narrow = 0
    for _ in range(200):
        chance = draw.beta(0.6, 0.9, size=30)  # subjects differ strongly; the true rate is 0.4
        success = draw.random(300) < np.repeat(chance, 10)
        found = rate(success, subjects, draw, replicates=300)
        covered += found.ci_low <= 0.4 <= found.ci_high
        naive = rate(success, np.arange(300), draw, replicates=300)
        narrow += naive.ci_low <= 0.4 <= naive.ci_high
    assert 170 <= covered <= 198
    assert narrow < 150
