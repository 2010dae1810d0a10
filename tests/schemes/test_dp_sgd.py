"""Noise on clipped gradients, and what accountants make of it where members are sampled."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemes.dp_sgd import LOOSE, DpSgd
from schemes.laplace import Laplace


@pytest.mark.parametrize(
    ("sigma", "share", "rounds", "epsilon"),
    [
        (1.0, 0.1, 200, 9.97128),
        (1.0, 0.01, 1000, 1.82824),
        (4.0, 0.01, 10000, 0.94700),
        (2.0, 0.1, 200, 3.35966),
        (0.5, 0.1, 50, 22.62287),
    ],
)
def test_another_accountant_says_the_same(
    sigma: float, share: float, rounds: int, epsilon: float
) -> None:
    """Google's dp-accounting 0.6.0, PLDAccountant (Koskela et al. 2020), delta 1e-5."""
    found = DpSgd(sigma=sigma).spent(rounds, share, 1e-5)
    assert found == pytest.approx(epsilon, abs=0.03)


def test_the_published_example_is_an_upper_bound() -> None:
    """Abadi et al. 2016, section 3.2: q .01, sigma 4, 10000 steps, delta 1e-5: epsilon 1.26."""
    found = DpSgd(sigma=4.0).spent(10000, 0.01, 1e-5)
    assert found is not None and 0.9 < found < 1.26


def test_little_noise_falls_back_to_the_looser_bound() -> None:
    """And does not ask for terabytes."""
    found = [DpSgd(sigma=sigma).spent(200, 0.1, 1e-5) for sigma in (0.001, 0.01, 0.1, 0.2)]
    assert found == sorted(found, reverse=True) and found[-1] > LOOSE
    assert all(np.isfinite(found))
    loose = DpSgd(sigma=0.3).spent(200, 0.1, 1e-5)  # dp-accounting: 161.52
    assert loose is not None and 161.52 < loose < 1.2 * 161.52


@given(st.floats(0.3, 20), st.integers(1, 200), st.floats(1e-8, 0.1))
def test_where_nothing_is_sampled_epsilon_is_that_of_one_gaussian(
    sigma: float, rounds: int, delta: float
) -> None:
    """Its privacy loss is normal: with mean m = shift^2 / 2 and variance 2 m, integrated."""
    epsilon, mean = DpSgd(sigma=sigma).spent(rounds, 1.0, delta), rounds / sigma**2 / 2
    wide = math.sqrt(2 * mean)
    loss = np.linspace(max(epsilon, mean - 12 * wide), max(epsilon, mean) + 12 * wide, 200_001)
    weight = np.exp(-((loss - mean) ** 2) / (4 * mean)) / math.sqrt(4 * math.pi * mean)
    spent = np.trapezoid(weight * -np.expm1(epsilon - loss), loss)
    assert spent <= delta * (1 + 1e-4) + 1e-12
    assert epsilon == 0 or spent == pytest.approx(delta, rel=1e-3)
    assert DpSgd(sigma=sigma / rounds**0.5).spent(1, 1.0, delta) == pytest.approx(epsilon, rel=1e-6)


@pytest.mark.parametrize(("sigma", "rounds"), [(1.0, 20), (2.0, 20), (8.0, 5)])
def test_the_sampling_accountant_agrees_where_it_samples_everybody(
    sigma: float, rounds: int
) -> None:
    """PRV's estimate is an upper one, by a hundredth of epsilon as it is set."""
    from opacus.accountants import PRVAccountant

    accountant = PRVAccountant()
    accountant.history = [(sigma, 1.0, rounds)]
    bound = accountant.get_epsilon(delta=1e-5)
    found = DpSgd(sigma=sigma).spent(rounds, 1.0, 1e-5)
    assert bound - 0.03 < found <= bound


@given(st.floats(1e-9, 1e3), st.floats(1.01, 10), st.integers(1, 200))
def test_epsilon_falls_with_noise_whatever_the_noise(
    sigma: float, more: float, rounds: int
) -> None:
    """And neither overflows nor is a number that is none."""
    found, less = (DpSgd(sigma=s).spent(rounds, 1.0, 1e-5) for s in (sigma, sigma * more))
    assert math.isfinite(found) and 0 <= less <= found
    assert less < found or found < 1e-3
    assert DpSgd(sigma=sigma).spent(rounds + 1, 1.0, 1e-5) >= found


def test_epsilon_falls_with_noise_and_rises_with_rounds_and_shares() -> None:
    def spent(sigma: float = 1.0, rounds: int = 50, share: float = 0.1) -> float:
        found = DpSgd(sigma=sigma).spent(rounds, share, 1e-5)
        assert found is not None
        return found

    assert spent(0.5) > spent(0.8) > spent(1) > spent(2) > spent(4) > 0
    assert 0 < spent(rounds=1) < spent(rounds=50) < spent(rounds=100)
    assert spent(share=0.01) < spent(share=0.1) < spent(share=1.0)
    assert DpSgd(norm=7).spent(50, 0.1, 1e-5) == spent()  # noise is counted in norms


@given(
    scale=st.floats(0.001, 50), share=st.floats(0.001, 1), rounds=st.integers(0, 1000)
)  # the inverse of a tiny scale must not overflow
@settings(max_examples=50)
def test_pure_privacy_by_hand(scale: float, share: float, rounds: int) -> None:
    found = Laplace(scale=scale).spent(rounds, share, 1e-5)
    assert found is not None and 0 <= found <= rounds / scale * (1 + 1e-9)
    if scale > 0.01:
        by_hand = rounds * math.log1p(share * math.expm1(1 / scale))
        assert found == pytest.approx(by_hand, rel=1e-9, abs=1e-12)


def test_noise_is_of_the_sum_and_drawn_once_for_each_client() -> None:
    """Deviation sigma * norm / size, by 4 sigma of its own error; no sample draws its own."""
    means = np.zeros((200, 500), dtype=np.float32)
    left = DpSgd(sigma=0.5, norm=3).update(means, 10, np.random.default_rng(0))
    assert left.dtype == np.float32
    assert abs(left.std() / 0.15 - 1) < 4 / math.sqrt(2 * left.size)
    assert abs(left.mean()) < 4 * 0.15 / math.sqrt(left.size)
    other = Laplace(scale=0.5, norm=3).update(means, 10, np.random.default_rng(0))
    assert abs(np.abs(other).mean() / 0.15 - 1) < 4 / math.sqrt(other.size)  # Laplace: E|x| = b
    assert abs(other.std() / (0.15 * math.sqrt(2)) - 1) < 0.02
    one, two = Laplace(scale=0.5, norm=3).deviation(means[:2], 10)
    assert one == two == pytest.approx(0.15 * math.sqrt(2))
