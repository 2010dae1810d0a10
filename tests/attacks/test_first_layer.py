"""Pictures out of a fully connected first layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from attacks._first import Prior, first_layer
from attacks._guessed import Guesses
from attacks._ratios import rescaled, settled, shortened
from attacks.first_layer import FirstLayer
from fowh.core.attack import unfit
from fowh.kit.images import as_tensor
from schemes.dp_sgd import DpSgd
from tests.attacks._clients import found, stolen, turned

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("estimate", ["ratio", "least_squares", "map"])
def test_a_single_picture_comes_back_to_the_byte(estimate: str) -> None:
    attack = FirstLayer(estimate)  # type: ignore[arg-type]
    view, truth, _ = stolen(attack)
    assert found(attack.run(view, RNG), truth) == 1
    assert found(attack.run(turned(view), RNG), truth) == 0


def test_with_noise_who_knows_more_is_nearer() -> None:
    view, truth, _ = stolen(FirstLayer(), DpSgd(sigma=0.003), rows=6)
    error = {}
    for estimate in ("ratio", "least_squares", "map"):
        made = FirstLayer(estimate).run(view, RNG)  # type: ignore[arg-type]
        error[estimate] = np.square(made.astype(float) - truth[:, 0]).mean()
    assert error["map"] < error["least_squares"] < error["ratio"]


@pytest.mark.parametrize("sigma", [0.03, 0.1, 0.3, 1])
def test_where_noise_is_strong_the_estimate_is_no_worse_than_the_mean_picture(sigma: float) -> None:
    """What is likeliest lies near the mean of the prior where the update says next to nothing."""
    view, truth, _ = stolen(FirstLayer(), DpSgd(sigma=sigma), rows=24)
    assert view.samples is not None
    made = FirstLayer().run(view, RNG).astype(float)
    mean = view.samples.astype(float).mean(axis=0)
    error, blind = (np.square(of - truth[:, 0]).mean() for of in (made, mean))
    assert error < 1.02 * blind


def test_how_much_a_scheme_shortens_is_told_by_the_guess() -> None:
    view, truth, labels = stolen(FirstLayer(), DpSgd(sigma=0.01, norm=0.05), rows=3)
    guesses, scheme = Guesses(view, apart=True), view.scheme
    assert isinstance(scheme, DpSgd)
    x, y = as_tensor(truth[:, 0], "cpu")[:, None], torch.from_numpy(labels)
    found = guesses.gradients(x, y)
    want = (0.05 / found.norm(dim=2, keepdim=True)).clamp_max(1)
    torch.testing.assert_close(shortened(scheme, guesses, x, y), want)
    assert float(want.max()) < 1


def test_noise_alone_makes_nobody_doubt_the_network() -> None:
    """Signals are kept where it is right, and follow what was seen where it is surely wrong."""
    draw = torch.Generator().manual_seed(0)
    rows, units, pixels = 200, 64, 30
    signal = torch.randn(rows, units, generator=draw)
    x, floor = torch.rand(rows, pixels, generator=draw), torch.full((rows, 1), 4.0)
    seen = signal[:, :, None] * x[:, None] + 2 * torch.randn(rows, units, pixels, generator=draw)
    shifts = signal + 2 * torch.randn(rows, units, generator=draw)
    kept = settled(signal, shifts, seen, x, floor)
    assert float((kept == signal).all(dim=1).float().mean()) > 0.95
    wrong = settled(-5 * signal, shifts, seen, x, floor)
    assert torch.nn.functional.cosine_similarity(wrong, signal).mean() > 0.5


def test_a_rescaled_signal_follows_the_bias_where_noise_lets_it() -> None:
    model = torch.ones(1, 50)
    quiet, loud = torch.full((1, 1), 1e-12), torch.full((1, 1), 1e9)
    assert float(rescaled(model, 0.4 * model, quiet)) == pytest.approx(0.4)
    assert float(rescaled(model, 0.4 * model, loud)) == pytest.approx(1, abs=1e-3)


def test_the_likeliest_picture_is_that_of_the_normal_equations() -> None:
    draw = np.random.default_rng(1)
    axes = torch.from_numpy(np.linalg.qr(draw.standard_normal((5, 2)))[0].T.copy())
    prior = Prior(
        torch.from_numpy(draw.standard_normal(5)), axes, torch.tensor([3.0, 2.0]).double(), 0.5
    )
    signal, seen = (torch.from_numpy(draw.standard_normal(s)) for s in ((1, 2, 4), (1, 4, 5)))
    noise = torch.tensor([0.3]).double()
    cover = axes.T @ torch.diag(prior.spread - prior.rest) @ axes + 0.5 * torch.eye(5).double()
    # The same in full: vec(x) of two pictures, Kronecker products of signals and pixels.
    inverse = torch.linalg.inv(cover)
    left = torch.kron(
        (signal[0] @ signal[0].T / 0.3).contiguous(), torch.eye(5).double()
    ) + torch.kron(torch.eye(2).double(), inverse.contiguous())
    right = (signal[0] @ seen[0] / 0.3 + inverse @ prior.mean).flatten()
    want = torch.linalg.solve(left.double(), right).reshape(2, 5)
    loose = Prior(prior.mean, axes, prior.spread, prior.rest)
    torch.testing.assert_close(loose.of_many(signal, seen, noise)[0], want)
    one = loose.of_one(
        signal[:, 0] @ seen[0], signal[:, 0].square().sum() * torch.ones(1, 5), noise[:, None]
    )
    torch.testing.assert_close(one, loose.of_many(signal[:, :1], seen, noise)[:, 0])


def test_other_networks_are_refused_in_words() -> None:
    view, _, _ = stolen(FirstLayer())
    other = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(1800, 12))
    rows = np.zeros((4, sum(w.numel() for w in other.parameters())), np.float32)
    view = replace(view, module=other, release=replace(view.release, code=rows))
    assert "fully connected" in str(unfit(FirstLayer(), view))
    assert first_layer(view) is None
