"""What a scheme costs in recognition, by hand and against a plain bootstrap."""

from __future__ import annotations

import numpy as np
import pytest

from fowh.metrics.loss import LEVEL, fnmr_loss
from fowh.metrics.recognition import det, fnmr_at


def comparisons(
    people: int, readings: int, hard: float, seed: int, apart: float = 4.0
) -> dict[str, np.ndarray]:
    """All ordered pairs of readings; a share of the people is hard to recognise."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(people), readings)
    a, b = (index.ravel() for index in np.indices((len(whose), len(whose))))
    a, b = a[a != b], b[a != b]
    mated = whose[a] == whose[b]
    bad = rng.permuted(np.arange(people) < round(hard * people))[whose]
    score = rng.normal(size=len(a)) + apart * mated * ~(mated & bad[a])
    named = {"subject_a": whose[a], "subject_b": whose[b]}
    return {"score": score.astype(np.float32), "mated": mated, **named}


def fnmr(side: dict[str, np.ndarray]) -> float:
    rates = det(side["score"][side["mated"]], side["score"][~side["mated"]])[:2]
    return float(fnmr_at(*rates, LEVEL))


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_the_value_is_the_difference_of_the_two_readings() -> None:
    worse, better = comparisons(20, 4, 0.3, 1), comparisons(20, 4, 0.1, 2)
    found = fnmr_loss(worse, better, rng())
    assert found.value == pytest.approx(fnmr(worse) - fnmr(better))
    assert found.ci_low is not None and found.ci_high is not None
    assert found.ci_low < found.value < found.ci_high
    assert found.n == worse["mated"].sum()
    back = fnmr_loss(better, worse, rng())
    assert back.value == pytest.approx(-found.value)


def test_the_same_comparisons_lose_nothing_and_more_people_say_so_more_surely() -> None:
    widths = []
    for people in (8, 40):
        side = comparisons(people, 3, 0.2, 3)
        found = fnmr_loss(side, side, rng())
        assert found.value == 0
        assert found.ci_low is not None and found.ci_high is not None
        assert found.ci_low <= 0 <= found.ci_high
        widths.append(found.ci_high - found.ci_low)
    assert widths[1] < widths[0] / 2


def test_pairing_by_subject_is_what_makes_the_interval_narrow() -> None:
    """The same people are hard on both sides: their luck cancels."""
    side = comparisons(40, 3, 0.3, 4)
    other = dict(side)
    gentle = np.random.default_rng(5).normal(size=len(side["score"])) * 0.05
    other["score"] = (side["score"] + gentle).astype(np.float32)
    paired = fnmr_loss(other, side, rng())
    apart = fnmr_loss(comparisons(40, 3, 0.3, 6), comparisons(40, 3, 0.3, 8), rng())
    one, two = ((f.ci_high or 0) - (f.ci_low or 0) for f in (paired, apart))
    assert one < 0.7 * two


def test_different_comparisons_of_the_two_sides_are_compared_all_the_same() -> None:
    whole, few = comparisons(20, 4, 0.3, 1), comparisons(20, 3, 0.3, 1)
    found = fnmr_loss(whole, few, rng())
    assert found.value == pytest.approx(fnmr(whole) - fnmr(few))
    assert found.ci_low is not None and found.ci_low <= found.value


def test_without_strangers_nothing_is_known() -> None:
    side = comparisons(1, 4, 0.0, 1)
    found = fnmr_loss(side, side, rng())
    assert (found.value, found.ci_low, found.ci_high) == (None, None, None)


def decided(side: dict[str, np.ndarray], refused: int, admitted: int) -> dict[str, np.ndarray]:
    """The same comparisons answered by yes or no, of which so many are wrong."""
    score = side["mated"].astype(np.float32)
    score[np.flatnonzero(side["mated"])[:refused]] = 0
    score[np.flatnonzero(~side["mated"])[:admitted]] = 1
    return side | {"score": score}


@pytest.mark.parametrize(
    ("refused", "admitted", "lost"),
    [
        (7, 0, 7 / 240),
        (7, 60, 7 / 240),  # 60 of 6,080 are 0.99 %
        (7, 66, 7 / 240 + 66 / 6080 - 0.01),  # 1.09 %, which no threshold can mend
        (0, 6080, 0.99),  # yes to everybody
        (240, 0, 1.0),
    ],
)
def test_a_decision_counts_as_it_is(refused: int, admitted: int, lost: float) -> None:
    clear = comparisons(20, 4, 0.0, 1, apart=50.0)
    assert (clear["mated"].sum(), (~clear["mated"]).sum()) == (240, 6080)
    found = fnmr_loss(decided(clear, refused, admitted), clear, rng())
    assert found.value == pytest.approx(lost)
    assert found.ci_low is not None and found.ci_high is not None
    assert -1 <= found.ci_low <= found.value <= found.ci_high <= 1
    if admitted == 66:  # who is confused is a matter of luck, too
        alone = fnmr_loss(decided(clear, refused, 0), clear, rng())
        assert alone.ci_high is not None
        assert found.ci_high - found.value > alone.ci_high - alone.value


def test_two_decisions_are_compared_as_they_are() -> None:
    side = comparisons(20, 4, 0.0, 1)
    found = fnmr_loss(decided(side, 24, 608), decided(side, 12, 0), rng())
    assert found.value == pytest.approx(12 / 240 + 0.1 - 0.01)


def test_coverage_under_clustering() -> None:
    """Of 150 draws of 24 people, who are hard on either side by chance, most hold the true loss."""
    truth = fnmr(comparisons(400, 3, 0.25, 11)) - fnmr(comparisons(400, 3, 0.10, 12))
    rngs, held = np.random.default_rng(13), 0
    for seed in range(150):
        shares = rngs.binomial(24, [0.25, 0.10]) / 24
        worse, better = (comparisons(24, 3, s, 20 + 2 * seed + i) for i, s in enumerate(shares))
        found = fnmr_loss(worse, better, np.random.default_rng(seed), replicates=100)
        assert found.ci_low is not None and found.ci_high is not None
        held += found.ci_low <= truth <= found.ci_high
    assert held >= 141  # 94 %
