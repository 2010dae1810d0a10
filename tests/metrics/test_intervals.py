import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.special import gammaln
from scipy.stats import beta, betabinom, binomtest, norm, ttest_1samp

from fowh.metrics import betabinomial, bootstrap
from fowh.metrics.bootstrap import resamples
from fowh.metrics.intervals import Value, difference, mean, rate


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


def hits(won: list[int], each: int = 10):
    """Rows of subjects with ``each`` templates and these many successes."""
    success = (np.arange(each) < np.array(won)[:, None]).ravel()
    return success, np.repeat(np.arange(len(won)), each)


def ends(won: list[int], each: int = 10) -> tuple[float, float]:
    found = rate(*hits(won, each), rng())
    return found.ci_low, found.ci_high


@pytest.mark.parametrize("rho", [0.01, 0.3, 0.9])
@pytest.mark.parametrize(("won", "rows"), [([0, 3, 7, 10], [10] * 4), ([1, 5, 2], [1, 9, 30])])
def test_the_likelihood_is_scipy_s_beta_binomial(rho, won, rows):
    won, rows = np.array(won, float), np.array(rows, float)
    p, scale = np.array([0.02, 0.4, 0.7]), 1 / rho - 1
    ours = betabinomial.log_likelihood(
        *betabinomial.tallied(won, rows), np.arcsin(np.sqrt(p)), np.array([rho])
    )[:, 0]
    theirs = np.array([betabinom.logpmf(won, rows, scale * q, scale * (1 - q)).sum() for q in p])
    theirs -= (gammaln(rows + 1) - gammaln(won + 1) - gammaln(rows - won + 1)).sum()
    assert ours == pytest.approx(theirs, abs=1e-8)


def test_hundreds_of_templates_are_taken_in_groups():
    draw = np.random.default_rng(5)
    rows = np.full(40, 1000.0)
    p, rho = np.linspace(0.3, 0.5, 5), np.array([0.02, 0.2, 0.6])
    won = draw.binomial(1000, draw.beta(1.2, 1.8, 40)).astype(float)
    places, *tallies = betabinomial.tallied(won, rows)
    assert len(places) < 100
    ours = betabinomial.log_likelihood(places, *tallies, np.arcsin(np.sqrt(p)), rho)
    theirs = np.array(
        [
            [betabinom.logpmf(won, 1000, q * (1 / r - 1), (1 - q) * (1 / r - 1)).sum() for r in rho]
            for q in p
        ]
    )
    assert ours - ours[2, 1] == pytest.approx(theirs - theirs[2, 1], rel=5e-3)


def score_ends(share: float, rows: float) -> tuple[float, float]:
    """Wilson's interval by its definition: rates whose own standard error reaches the share."""

    def gap(p: float) -> float:
        return (share - p) ** 2 - norm.ppf(0.975) ** 2 * p * (1 - p) / rows

    return brentq(gap, 0, share), brentq(gap, share, 1)


def test_one_template_each_is_an_ordinary_binomial():
    """No correlation can be told: half way from Jeffreys to Clopper and Pearson, by SciPy."""
    for won, people in ((1, 20), (7, 20), (30, 40)):
        low, high = ends([1] * won + [0] * (people - won), each=1)
        lost = people - won
        mine = beta.ppf(0.025, won + 0.25, lost + 0.75), beta.ppf(0.975, won + 0.75, lost + 0.25)
        theirs = score_ends(won / people, people - 1)  # variances of n subjects know n - 1
        assert low == pytest.approx(min(mine[0], theirs[0]), abs=5e-4)
        assert high == pytest.approx(max(mine[1], theirs[1]), abs=5e-4)
        exact = binomtest(won, people).proportion_ci(method="exact")
        assert exact.low - 0.01 < low < high < exact.high + 0.01


@pytest.mark.parametrize("people", [2, 8, 40])
def test_all_or_none_is_an_ordinary_binomial_of_people(people):
    """Between Jeffreys and Clopper and Pearson with people as trials."""
    for won in range(1, people, 3):
        low, high = ends([10] * won + [0] * (people - won))
        exact = binomtest(won, people).proportion_ci(method="exact")
        jeffreys = beta.ppf([0.025, 0.975], won + 0.5, people - won + 0.5)
        assert exact.low - 0.02 < low < jeffreys[0] + 0.03
        assert jeffreys[1] - 0.03 < high < exact.high + 0.02


def test_no_success_is_no_certainty_and_many_people_are_worth_more():
    highs = [ends([0] * people)[1] for people in (1, 2, 8, 40, 600)]
    assert highs == sorted(highs, reverse=True)
    assert 0.5 < highs[0] < 0.975  # one person: between knowing and not knowing the others
    eight, forty = highs[2:4]
    of_rows, of_people = (1 - 0.025 ** (1 / n) for n in (80, 8))  # Clopper and Pearson
    assert of_rows < eight < of_people
    assert 1 - 0.025 ** (1 / 400) < forty < 1 - 0.025 ** (1 / 40)
    assert ends([0] * 8)[0] == 0
    assert ends([10] * 8) == pytest.approx((1 - eight, 1))


@pytest.mark.parametrize("people", [1, 8, 40])
@pytest.mark.parametrize("order", ["subject by subject", "in turns"])
def test_one_success_more_moves_neither_end_down(people, order):
    won, before = [0] * people, (-1.0, 0.0)
    for count in range(10 * people + 1):
        now = ends(won)
        assert now[0] >= before[0] - 1e-5, count
        assert now[1] >= before[1] - 1e-5, count
        before = now
        if count < 10 * people:
            won[count // 10 if order == "subject by subject" else count % people] += 1
    assert before[1] == 1


@given(st.lists(st.integers(0, 10), min_size=1, max_size=9))
@settings(deadline=None)
def test_failures_mirror_successes(won):
    low, high = ends(won)
    mirrored = ends([10 - each for each in won])
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_a_few_who_always_succeed_are_not_taken_for_a_beta_distribution():
    """With 600 people the beta-binomial model alone is sure of a wrong rate."""
    won = np.array([0] * 120 + [10] * 290 + [9] * 190)
    rows = np.full(600, 10.0)
    alone = 1 - betabinomial.posterior(rows - won, rows), betabinomial.posterior(won + 0.0, rows)
    middle, spread = won.mean() / 10, won.std() / 10 / np.sqrt(600)
    low, high = ends(won.tolist())
    assert low < middle - 1.8 * spread < middle + 1.8 * spread < high
    assert not alone[0] < middle - 1.8 * spread < middle + 1.8 * spread < alone[1]


def test_fractions_count_as_so_much_of_a_success():
    whole = rate(*hits([2, 4, 6]), rng())
    shares = rate(np.repeat([0.2, 0.4, 0.6], 10), np.repeat(np.arange(3), 10), rng())
    assert (shares.ci_low, shares.ci_high) == pytest.approx((whole.ci_low, whole.ci_high))
    half = rate(np.array([0.5, 0, 0, 0]), np.array([0, 1, 2, 3]), rng())
    assert ends([0] * 4, 1)[1] <= half.ci_high <= ends([1, 0, 0, 0], 1)[1]
    for wrong in ([1.5, 0], [-0.5, 1]):
        with pytest.raises(ValueError, match=r"0\.\.1"):
            rate(np.array(wrong), np.arange(2), rng())


def test_six_hundred_people_cost_milliseconds():
    data = hits(np.random.default_rng(0).integers(0, 11, 600).tolist())
    rate(*data, rng())
    betabinomial._quantile.cache_clear()
    start = time.process_time()
    rate(*data, rng())
    assert time.process_time() - start < 0.2  # 0.01 on an idle core


def test_difference_is_paired():
    a = np.array([1, 1, 0, 1, 0, 1.0])
    subjects = np.array([0, 0, 1, 1, 2, 2])
    none = rate(np.zeros(6), subjects, rng()).ci_high
    same = difference(a, a, subjects, rng())
    assert same.value == 0
    assert (same.ci_low, same.ci_high) == pytest.approx((-none, none))
    better = difference(np.ones(6), np.zeros(6), subjects, rng())
    assert (better.value, better.ci_high) == (1, 1)
    assert better.ci_low == pytest.approx(1 - np.hypot(none, none))
    skipped = difference(a, np.where(subjects == 2, np.nan, 0.0), subjects, rng())
    assert (skipped.value, skipped.n) == (0.75, 4)


@pytest.mark.parametrize("people", [8, 40])
def test_no_difference_is_bounded_by_what_never_differed(people):
    nothing = np.zeros(10 * people)
    found = difference(nothing, nothing, hits([0] * people)[1], rng())
    assert found.value == 0
    assert (-found.ci_low, found.ci_high) == pytest.approx((ends([0] * people)[1],) * 2)
    assert found.ci_high < {8: 0.26, 40: 0.06}[people]


def test_a_difference_from_nothing_is_no_surer_than_the_rate():
    success, subjects = hits([3, 0, 5, 1, 0, 0, 9, 2])
    alone, zeros = rate(success, subjects, rng()), np.zeros(80)
    found = difference(success, zeros, subjects, rng())
    assert found.value == alone.value
    assert found.ci_high == pytest.approx(alone.ci_high)
    assert found.ci_low < alone.ci_low
    mirrored = difference(zeros, success, subjects, rng())
    assert (mirrored.ci_low, mirrored.ci_high) == pytest.approx((-found.ci_high, -found.ci_low))


def test_two_sides_that_exclude_each_other_vary_more_than_two_alone():
    """MOVER by hand, with the correlation of a multinomial draw: -1 at half and half."""
    success, subjects = hits([5] * 20)
    found = difference(success, ~success, subjects, rng())
    low, high = ends([5] * 20)
    assert found.value == 0
    assert found.ci_high == pytest.approx(high - 0.5 + 0.5 - low)


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
    theirs = ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((2.5, *theirs))
    twice = mean(np.repeat(values, 3), np.repeat(np.arange(4), 3), rng())
    assert (twice.ci_low, twice.ci_high) == pytest.approx(tuple(theirs))  # templates prove nothing
    constant = mean(np.ones(4), np.arange(4), rng())
    assert constant == Value(1.0, None, None, 4)  # without limits nothing bounds the deviation
    bounded = mean(np.ones(4), np.arange(4), rng(), limits=(-1, 1))
    assert bounded.ci_high == 1
    assert bounded.ci_low == pytest.approx(1 - 2 * (1 - 0.025**0.25))
    infinite = mean(np.array([1.0, np.inf]), np.arange(2), rng())
    assert infinite.to_json() == {"value": None, "ci_low": None, "ci_high": None, "n": 2}


def test_a_mean_stays_within_its_limits_and_that_of_rates_is_a_rate():
    cosines = np.array([1.0, 1, 1, 0.2])
    assert mean(cosines, np.arange(4), rng(), limits=(-1, 1)).ci_high == 1
    success, subjects = hits([1, 0, 7])
    assert mean(success, subjects, rng(), limits=(0, 1)) == rate(success, subjects, rng())


def test_rows_must_match_subjects():
    with pytest.raises(ValueError, match="alike"):
        rate(np.ones(3), np.arange(4), rng())


def test_resamples_draw_as_many_subjects_as_there_are(monkeypatch):
    monkeypatch.setattr(bootstrap, "_BLOCK", 50)
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
@settings(deadline=None)
def test_interval_contains_the_rate_and_stays_within_zero_and_one(rows):
    success, subjects = (np.array(column) for column in zip(*rows, strict=True))
    found = rate(success, subjects, rng())
    assert found.value == pytest.approx(success.mean())
    assert 0 <= found.ci_low <= found.value <= found.ci_high <= 1


def test_clustered_interval_covers_the_truth_and_a_naive_one_would_not():
    draw = np.random.default_rng(2024)
    subjects = np.repeat(np.arange(30), 10)
    covered = narrow = 0
    for _ in range(200):
        chance = draw.beta(0.6, 0.9, size=30)  # subjects differ strongly; the true rate is 0.4
        success = draw.random(300) < np.repeat(chance, 10)
        found = rate(success, subjects, draw)
        covered += found.ci_low <= 0.4 <= found.ci_high
        naive = rate(success, np.arange(300), draw)
        narrow += naive.ci_low <= 0.4 <= naive.ci_high
    assert 188 <= covered <= 199  # 94 %
    assert narrow < 150
