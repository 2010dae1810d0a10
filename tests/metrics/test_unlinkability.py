import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.metrics.unlinkability import Linkability, d_sys, m_linkability

MEASURES = [d_sys, m_linkability]


@pytest.mark.parametrize("measure", MEASURES)
def test_disjoint_scores_are_fully_linkable(measure):
    found = measure(np.linspace(2, 3, 500), np.linspace(0, 1, 900))
    assert found.value == pytest.approx(1)
    assert (found.low, found.high) == (0, 3)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_same_scores_are_unlinkable(measure):
    scores = np.random.default_rng(0).normal(size=1000)
    assert measure(scores, scores).value == 0
    assert measure(np.full(20, 0.5), np.full(30, 0.5)).value == 0


@pytest.mark.parametrize("measure", MEASURES)
def test_equal_distributions_are_unlinkable_within_bin_noise(measure):
    draw = np.random.default_rng(1)
    many = measure(draw.normal(size=40_000), draw.normal(size=40_000)).value
    few = measure(draw.normal(size=400), draw.normal(size=400)).value
    assert 0 < many < 0.03
    assert many < few < 0.3


def test_d_sys_by_hand():
    # Bins [0, 1) and [1, 2]: p = (1/4, 3/4), q = (3/4, 1/4); LR = 3 in the second: D = 6/4 - 1.
    mated, non_mated = np.array([0.0, 1.5, 1.5, 2]), np.array([0, 0.5, 0.5, 2.0])
    assert d_sys(mated, non_mated, bins=2) == Linkability(0.375, 2, 0, 2)
    # omega = 2: LR' = 2/3 <= 1 in the first, 6 in the second: D = 12/7 - 1.
    assert d_sys(mated, non_mated, bins=2, omega=2).value == pytest.approx(0.75 * 5 / 7)


def test_m_by_hand():
    mated, non_mated = np.array([0.0, 1.5, 1.5, 2]), np.array([0, 0.5, 0.5, 2.0])
    assert m_linkability(mated, non_mated, bins=2).value == pytest.approx(np.log2(1.5))


def test_bins_are_stated():
    scores = np.linspace(0, 1, 370)
    assert d_sys(scores, scores).bins == 37
    assert d_sys(np.linspace(0, 1, 5000), scores).bins == 100
    assert d_sys(scores[:5], scores).bins == 1
    assert m_linkability(scores, scores).bins == 30


@pytest.mark.parametrize("measure", MEASURES)
def test_failed_comparisons_are_evidence_too(measure):
    failed = np.full(100, -np.inf)
    assert measure(np.full(100, 0.0), failed).value == pytest.approx(1)
    assert measure(failed, failed).value == 0
    assert measure(failed, np.full(100, np.inf)).value == pytest.approx(1)
    half = np.where(np.arange(100) % 2, 0.0, -np.inf)
    assert 0 < measure(half, failed).value < 1


@pytest.mark.parametrize("measure", MEASURES)
def test_nan_and_nothing_are_refused(measure):
    for bad in (np.array([]), np.array([np.nan])):
        with pytest.raises(ValueError, match="NaN"):
            measure(np.ones(3), bad)


@given(
    st.lists(st.floats(-9, 9), min_size=1, max_size=60),
    st.lists(st.floats(-9, 9), min_size=1, max_size=60),
)
def test_both_lie_between_zero_and_one(mated, non_mated):
    for measure in MEASURES:
        assert -1e-12 <= measure(np.array(mated), np.array(non_mated)).value <= 1 + 1e-12
