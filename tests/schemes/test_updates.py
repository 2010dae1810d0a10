"""Schemes for updates: hand-computed vectors, and what every one of them promises."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import laplace, norm

from fowh.checks import run_checks
from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.core.updates import UpdateScheme

gradients = hnp.arrays(
    np.float32, (2, 3, 5), elements=st.floats(-8, 8, width=32, allow_subnormal=False)
)


def released(text: str, values: Any, seed: int = 0) -> Any:
    scheme = load("scheme", text)
    keys = np.zeros(len(values), dtype=np.uint64)
    array = np.asarray(values, dtype=np.float32)
    return scheme.release(array, keys, np.random.default_rng(seed)).code


def test_plain_is_the_mean_over_samples() -> None:
    assert released("plain", [[[1, 2], [3, 6]]]).tolist() == [[2, 4]]


def test_clipping_shortens_each_sample_and_keeps_its_direction() -> None:
    # (3, 4) has length 5 and becomes (.6, .8); (0, .5) is short enough.
    found = released("clip:norm=1", [[[3, 4], [0, 0.5]]])
    np.testing.assert_allclose(found, [[0.3, 0.65]], atol=1e-6)


@settings(max_examples=50, deadline=None)
@given(gradients, st.floats(0.1, 10))
def test_nothing_is_longer_than_the_bound(values: Any, bound: float) -> None:
    scheme = load("scheme", f"clip:norm={bound}")
    assert (np.linalg.norm(scheme.each(values), axis=-1) <= bound * (1 + 1e-5)).all()
    laplace = load("scheme", f"laplace:norm={bound}")
    assert (np.abs(laplace.each(values)).sum(axis=-1) <= bound * (1 + 1e-5)).all()
    np.testing.assert_allclose(
        scheme.each(torch.from_numpy(values)).numpy(), scheme.each(values), atol=1e-6
    )


@settings(max_examples=50, deadline=None)
@given(gradients)
def test_a_mean_of_clipped_gradients_is_no_longer_either(values: Any) -> None:
    assert (np.linalg.norm(released("clip", values), axis=1) <= 1 + 1e-5).all()


def test_noise_of_dp_sgd_is_on_the_sum() -> None:
    values = np.zeros((400, 4, 50))
    seen = released("dp_sgd:sigma=2,norm=3", values)
    assert seen.std() == pytest.approx(2 * 3 / 4, rel=0.02)
    assert load("scheme", "dp_sgd:sigma=2,norm=3").deviation(seen, 4)[0] == pytest.approx(1.5)


def exact_delta(epsilon: float, sigma: float) -> float:
    """Balle and Wang (2018, theorem 8): the Gaussian mechanism of sensitivity 1, exactly."""
    first = norm.cdf(1 / (2 * sigma) - epsilon * sigma)
    return float(first - math.exp(epsilon) * norm.cdf(-1 / (2 * sigma) - epsilon * sigma))


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_epsilon_without_sampling_is_that_of_the_gaussian_mechanism(sigma: float) -> None:
    epsilon = load("scheme", f"dp_sgd:sigma={sigma}").spent(1, 1.0, 1e-3)
    # The accountant's epsilon is an upper bound, by at most a hundredth.
    assert exact_delta(epsilon, sigma) <= 1e-3 <= exact_delta(epsilon - 0.011, sigma)


def test_epsilon_of_many_rounds_is_that_of_one_with_less_noise() -> None:
    # Without sampling, n rounds of sigma compose exactly to one of sigma / sqrt(n).
    many = load("scheme", "dp_sgd:sigma=8").spent(16, 1.0, 1e-3)
    assert exact_delta(many, 2.0) <= 1e-3 <= exact_delta(many - 0.011, 2.0)


def test_epsilon_falls_with_noise_and_is_finite_where_there_is_hardly_any() -> None:
    spent = [
        load("scheme", f"dp_sgd:sigma={s}").spent(200, 0.1, 1 / 2800) for s in (0.1, 0.5, 1, 2)
    ]
    assert spent == sorted(spent, reverse=True) and math.isfinite(spent[0])
    # The accountant's own figure at sigma 1, measured before this scheme was written.
    assert spent[2] == pytest.approx(7.8, abs=0.1) and spent[3] == pytest.approx(2.6, abs=0.1)


def test_laplace_epsilon_adds_up() -> None:
    scheme = load("scheme", "laplace:scale=2")
    assert scheme.spent(1, 1.0, 0.0) == pytest.approx(0.5)
    assert scheme.spent(10, 1.0, 0.0) == pytest.approx(5)
    assert scheme.spent(1, 0.1, 0.0) == pytest.approx(math.log1p(0.1 * (math.exp(0.5) - 1)))


def test_top_k_keeps_the_largest() -> None:
    found = released("top_k:share=0.4", [[[1, -5, 2, 0.5, 3]]])
    assert found.tolist() == [[0, -5, 0, 0, 3]]
    scheme = load("scheme", "top_k:share=0.4")
    assert scheme.revealed(found).tolist() == [[False, True, False, False, True]]


def test_quantised_values_lie_on_the_grid_and_are_right_on_average() -> None:
    values = np.random.default_rng(0).standard_normal((1, 1, 40)).astype(np.float32)
    scale = np.abs(values).max() / 7
    seen = np.stack([released("quantise:bits_each=4", values, seed)[0] for seed in range(500)])
    np.testing.assert_allclose(seen / scale, np.round(seen / scale), atol=1e-4)
    assert np.abs(seen.mean(axis=0) - values[0, 0]).max() < 5 * scale / 2 / 500**0.5
    assert (np.abs(seen - values[0, 0]) <= scale * (1 + 1e-5)).all()


def test_signs() -> None:
    assert released("sign:step=1", [[[1, -2, 0.5]]]).tolist() == [[1, -1, 1]]
    lots = released("sign", np.zeros((1, 1, 400)))
    np.testing.assert_allclose(np.abs(lots), 0.01)
    assert abs(lots.mean()) < 0.002  # nothing is shown of what is silent


def test_the_server_sees_the_mean_of_clients() -> None:
    values = [[[1, 1]], [[3, 5]], [[0, 0]], [[2, 2]]]
    assert released("secure_aggregation:clients=2", values).tolist() == [[2, 3], [1, 1]]


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.float32, (4, 2, 3), elements=st.floats(-9, 9, width=32)),
    st.permutations([0, 1, 2, 3]),
)
def test_a_sum_knows_no_order(values: Any, order: list[int]) -> None:
    one = released("secure_aggregation:clients=4", values)
    np.testing.assert_allclose(
        released("secure_aggregation:clients=4", values[order]), one, atol=1e-5
    )


def test_a_chain_does_what_its_stages_do() -> None:
    values = np.random.default_rng(1).standard_normal((1, 2, 20)).astype(np.float32)
    found = released("chain:of=dp_sgd:sigma=0.1;norm=2+top_k:share=0.2", values)
    first = released("dp_sgd:sigma=0.1,norm=2", values)
    kept = np.argsort(-np.abs(first[0]))[:4]
    assert np.flatnonzero(found[0]).tolist() == sorted(kept)
    np.testing.assert_array_equal(found[0, kept], first[0, kept])
    scheme = load("scheme", "chain:of=dp_sgd:sigma=1+top_k")
    assert scheme.spent(200, 0.1, 1e-3) == load("scheme", "dp_sgd:sigma=1").spent(200, 0.1, 1e-3)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chain:of=top_k", "at least two schemes"),
        ("chain:of=top_k+dp_sgd", "stands first"),
        ("chain:of=secure_aggregation+top_k", "stands last"),
        ("chain:of=sign+top_k", "stands last"),
        ("chain:of=sign+secure_aggregation", "stands last"),
        ("chain:of=top_k+secure_aggregation", "no likelihood here"),
        ("chain:of=quantise+top_k", "stands last"),
        ("chain:of=quantise+secure_aggregation", "stands last"),
        ("chain:of=quantise+sign", "stands last"),
        ("chain:of=top_k+sign", "drawn by lot"),
        ("chain:of=iom+top_k", "protects no updates"),
        ("dp_sgd:sigma=0", "give a positive number"),
        ("top_k:share=2", "at most 1"),
        ("quantise:bits_each=1", "give 2 to 16"),
        ("secure_aggregation:clients=0", "give at least 1"),
        ("clip:norm=-1", "give a positive number"),
        ("laplace:scale=nan", "expected 0, or a size of 1e-30"),
    ],
)
def test_nonsense_is_refused_in_one_line(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        load("scheme", text)


def test_the_truth_is_likelier_the_less_noise_there_is() -> None:
    rng = np.random.default_rng(3)
    true = rng.standard_normal((1, 1, 500)).astype(np.float32)
    other = rng.standard_normal((1, 1, 500)).astype(np.float32)
    gaps = []
    for sigma in (0.01, 0.1, 1.0):
        scheme = load("scheme", f"dp_sgd:sigma={sigma}")
        seen = torch.from_numpy(released(f"dp_sgd:sigma={sigma}", true))
        own, wrong = (float(scheme.misfit(torch.from_numpy(g), seen, 1)) for g in (true, other))
        gaps.append(wrong - own)
        # Squares in units of the noise: half a unit for each coordinate.
        assert own == pytest.approx(250, rel=0.2)
    assert gaps == sorted(gaps, reverse=True) and gaps[0] > 1000


def test_noise_of_several_clients_averages_out() -> None:
    """A sum is explained by the noise that is in it, not by that of a single client."""
    text = "chain:of=dp_sgd:sigma=3+secure_aggregation:clients=9"
    scheme = load("scheme", text)
    true = np.random.default_rng(4).standard_normal((9, 2, 4000)).astype(np.float32)
    seen = released(text, true)
    assert scheme.deviation(seen, 2) == pytest.approx(3 / 2 / 3)
    noise = seen - scheme.each(true).reshape(-1, 4000).mean(axis=0)
    assert noise.std() == pytest.approx(0.5, rel=0.05)
    guess = torch.from_numpy(true.reshape(1, 18, 4000))
    own = float(scheme.misfit(guess, torch.from_numpy(seen), 2))
    assert own == pytest.approx(2000, rel=0.1)  # half a unit for each coordinate


def test_misfits_by_hand() -> None:
    row, guess = torch.tensor([[1.0, 0.0]]), torch.tensor([[[0.2, 0.0], [0.4, 0.2]]])  # mean .3 .1

    def misfit(text: str) -> float:
        return float(load("scheme", text).misfit(guess, row, 2))

    assert misfit("dp_sgd:sigma=0.5") == pytest.approx((0.7**2 + 0.1**2) / 2 * 16)  # deviation 1/4
    assert misfit("laplace:scale=0.5") == pytest.approx(0.8 * 4)  # scale 1/4
    # The second value is 0 because it was not larger than 1: 4 units of the noise; .1 is .4.
    share = 1 - (math.exp(-3.6) + math.exp(-4.4)) / 2
    dropped = misfit("chain:of=laplace:scale=0.5+top_k")
    assert dropped == pytest.approx(0.7 * 4 - math.log(share))
    share = norm.cdf(3.6) - norm.cdf(-4.4)
    dropped = misfit("chain:of=dp_sgd:sigma=0.5+top_k")
    assert dropped == pytest.approx(0.7**2 / 2 * 16 - math.log(share))
    summed = misfit("chain:of=laplace:scale=0.5+secure_aggregation:clients=2")  # variance 1/16
    assert summed == pytest.approx((0.7**2 + 0.1**2) / 2 * 16)


@pytest.mark.parametrize("noise", ["dp_sgd:sigma=1e-4;norm=1e4", "laplace:scale=1e-4;norm=1e4"])
@pytest.mark.parametrize("guessed", [0.0, 0.5, 1.9, 2.1, 3.5, 9.0, -3.5])
def test_what_was_dropped_lay_below_the_least_that_was_kept(noise: str, guessed: float) -> None:
    """-log P(|g + n| <= 2), in units of the noise, and its slope, near and far."""
    law = norm if noise.startswith("dp_sgd") else laplace
    scheme, row = load("scheme", f"chain:of={noise}+top_k"), torch.tensor([[3.0, -2.0, 0.0, 0.0]])

    def exact(at: float) -> float:
        return -math.log(law.sf(abs(at) - 2) - law.sf(abs(at) + 2))

    guess = torch.tensor([[[3.0, -2.0, guessed, 0.0]]], requires_grad=True)
    found = scheme.misfit(guess, row, 1)
    assert found.item() == pytest.approx(exact(guessed) + exact(0), rel=1e-5)
    (slope,) = torch.autograd.grad(found.sum(), guess)
    expected = (exact(guessed + 1e-4) - exact(guessed - 1e-4)) / 2e-4
    assert slope[0, 0, 2].item() == pytest.approx(expected, rel=1e-3, abs=1e-6)
    assert slope[0, 0, 3] == 0


def test_without_noise_what_exceeds_the_least_that_was_kept_costs_its_square() -> None:
    scheme, row = load("scheme", "top_k:share=0.5"), torch.tensor([[2.0, -1.0, 0.0, 0.0]])
    width = 1e-3 * (5 / 4) ** 0.5  # a thousandth of the row's root mean square

    def misfit(*guess: float) -> float:
        return float(scheme.misfit(torch.tensor([[guess]]), row, 1))

    assert misfit(2, -1, 0.9, -0.9) == 0
    assert misfit(2, -1, 1.2, -0.9) == pytest.approx((0.2 / width) ** 2 / 2, rel=1e-4)
    assert misfit(2, -1.1, 0.9, -1.1) == pytest.approx((0.1 / width) ** 2, rel=1e-4)


def test_a_row_of_zeros_says_nothing_of_a_guess() -> None:
    """Beside one that does: what an attack makes of its prior alone."""
    for text in ("top_k", "chain:of=dp_sgd:sigma=0.5+top_k", "chain:of=laplace+top_k"):
        guess = torch.tensor([[[5.0, 0.2, 0.1]], [[5.0, 0.2, 0.1]]], requires_grad=True)
        lost = load("scheme", text).misfit(guess, torch.tensor([[0.0, 0, 0], [1.0, 0, 0]]), 1)
        lost.sum().backward()
        assert lost[0] == 0 < lost[1] and (guess.grad[0] == 0).all()
        assert torch.isfinite(guess.grad).all()


@pytest.mark.parametrize(
    "text",
    [
        "chain:of=dp_sgd:sigma=0.01+quantise",
        "chain:of=top_k+quantise",
        "chain:of=dp_sgd:sigma=0.01+sign",
        "chain:of=laplace:scale=0.01+secure_aggregation:clients=3",
        "chain:of=clip+top_k+quantise:bits_each=4",
    ],
)
def test_a_chain_keeps_the_contract_of_a_scheme(text: str) -> None:
    found = run_checks(load("scheme", text))
    assert len(found) > 5
    assert not [finding for finding in found if not finding.passed]


@pytest.mark.parametrize("signal", [0.3, 1.0])
@pytest.mark.parametrize(
    ("text", "deviation"),
    [
        ("top_k", 1.0),
        ("chain:of=dp_sgd:sigma=1e-4;norm=1e4+top_k", 1.0),  # far too long a norm to clip
        ("chain:of=laplace:scale=1e-6;norm=1e6+top_k", 2**0.5),
        ("chain:of=dp_sgd:sigma=1e-4;norm=1e4+top_k+quantise:bits_each=4", 1.0),
    ],
)
def test_the_likeliest_gradient_is_as_long_as_the_true_one(
    text: str, deviation: float, signal: float
) -> None:
    """What is kept was selected by its noise as well: alone it asks for a longer gradient."""
    scheme = load("scheme", text)
    true = np.random.default_rng(5).standard_normal((20, 1, 2000), dtype=np.float32)
    true *= np.float32(signal * deviation)
    seen = torch.from_numpy(released(text, true))
    lengths = np.geomspace(0.25, 5, 25, dtype=np.float32)
    lost = [float(scheme.misfit(torch.from_numpy(c * true), seen, 1).sum()) for c in lengths]
    assert 0.7 < lengths[int(np.argmin(lost))] < 1.4


def test_a_sign_after_noise_costs_what_the_normal_distribution_says() -> None:
    noisy = load("scheme", "chain:of=dp_sgd:sigma=0.8;norm=100+sign")
    guess = torch.tensor([[[8.0, 4.0, -2.0]]])  # in units of the noise: .1, .05, -.025
    lost = float(noisy.misfit(guess, torch.tensor([[1.0, -1.0, 1.0]]), 1))
    assert math.exp(-lost) == pytest.approx(norm.cdf([0.1, -0.05, -0.025]).prod(), abs=0.01)


def test_the_default_scheme_is_plain() -> None:
    assert isinstance(load("scheme", "plain"), UpdateScheme)
    assert load("scheme", "plain").spent(200, 0.1, 1e-3) is None


@pytest.mark.parametrize(
    ("text", "pace"),
    [
        ("plain", 1),
        ("clip", 10),
        ("clip:norm=4", 2.5),  # it shortens less
        ("dp_sgd:sigma=0.01", 10),
        ("dp_sgd:sigma=0.1", 5),  # as long as the noise lets them be
        ("dp_sgd:sigma=0.1,norm=0.5", 10),
        ("dp_sgd:sigma=1", 0.5),
        ("chain:of=dp_sgd:sigma=0.1+top_k", 5),
        ("top_k", 1),
    ],
)
def test_the_pace_makes_up_for_clipping_and_bears_noise(text: str, pace: float) -> None:
    assert load("scheme", text).pace(1) == pytest.approx(pace)


def test_the_pace_bears_the_noise_of_every_client() -> None:
    scheme = load("scheme", "dp_sgd:sigma=1")
    assert scheme.pace(25) == pytest.approx(0.1)
    assert load("scheme", "clip").pace(25) == 10


@pytest.mark.parametrize("text", ["dp_sgd:sigma=2", "laplace:scale=0.5", "clip", "sign:step=1"])
def test_a_mean_is_that_of_what_clients_send(text: str) -> None:
    scheme, rng = load("scheme", text), np.random.default_rng(0)
    means = rng.standard_normal((9, 20000), dtype=np.float32)
    one, all_ = scheme.mean(means, 3, rng), scheme.update(means, 3, rng).mean(axis=0)
    assert one.shape == (20000,)
    assert one.dtype == np.float32
    off, other = one - means.mean(axis=0), all_ - means.mean(axis=0)
    assert off.std() == pytest.approx(other.std(), rel=0.03, abs=1e-6)
    assert abs(off.mean() - other.mean()) < 0.05
