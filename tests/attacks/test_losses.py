"""The losses against an independent implementation and against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from pytorch_msssim import ssim

from attacks._morph import losses
from attacks._versions import perceptual


def pictures(channels: int, seed: int, side: int = 32) -> torch.Tensor:
    """(4, channels, side, side) in 0..1: smooth, with some noise."""
    randomness = torch.Generator().manual_seed(seed)
    coarse = torch.rand(4, channels, side // 8, side // 8, generator=randomness)
    noise = torch.rand(4, channels, side, side, generator=randomness)
    return 0.8 * torch.kron(coarse, torch.ones(8, 8)) + 0.2 * noise


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [16, 64])
def test_structural_is_what_pytorch_msssim_computes(channels: int, side: int) -> None:
    made = pictures(channels, 1, side).requires_grad_()
    true = (0.5 * pictures(channels, 2, side) + 0.5 * made.detach()).clamp(0, 1)
    ours = losses.structural(made, true)
    (our_gradient,) = torch.autograd.grad(ours, made)
    theirs = 1 - ssim(made, true, data_range=1, win_size=7)
    (their_gradient,) = torch.autograd.grad(theirs, made)
    assert 0.05 < ours.item() < 0.95
    assert ours.item() == pytest.approx(theirs.item(), abs=1e-5)
    scale = float(their_gradient.abs().max())
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-3, atol=1e-4 * scale)


def test_structural_of_equal_pictures_is_zero() -> None:
    same = pictures(1, 3)
    assert float(losses.structural(same, same)) == pytest.approx(0, abs=1e-6)
    assert float(losses.structural(same, 1 - same)) > 0.5


def test_structural_knows_a_side_of_its_own_after_another() -> None:
    """The window's matrix is kept: one side must not answer for the other."""
    for side in (16, 32, 16):
        made, true = pictures(1, 1, side), pictures(1, 2, side)
        theirs = 1 - float(ssim(made, true, data_range=1, win_size=7))
        assert float(losses.structural(made, true)) == pytest.approx(theirs, abs=1e-5)


def test_pixels_is_the_mean_absolute_error() -> None:
    made, true = torch.tensor([[0.0, 0.5], [1.0, 0.25]]), torch.tensor([[1.0, 0.5], [0.0, 0.5]])
    assert float(losses.pixels(made, true)) == pytest.approx((1 + 0 + 1 + 0.25) / 4)


def test_feature_distance_is_in_units_of_the_true_spread() -> None:
    true = torch.tensor([[0.0, 0.0], [2.0, 4.0]])  # variances 2 and 8
    made = torch.tensor([[1.0, 0.0], [2.0, 1.0]])  # squared distances 1 and 9
    assert float(losses.perceptual(made, true)) == pytest.approx(5 / 10)


def test_perceptual_distance_by_hand() -> None:
    true = [torch.tensor([[0.0, 2.0]]), torch.tensor([[1.0], [3.0], [5.0]])]
    made = [torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0], [3.0], [2.0]])]  # 1/2 and 9/3 apart
    variance = [torch.tensor(2.0), torch.tensor(4.0)]
    assert float(perceptual.distance(made, true, variance)) == pytest.approx((0.5 / 2 + 3 / 4) / 2)
    assert float(perceptual.distance(true, true, variance)) == 0
    doubled = [[10 * part for part in parts] for parts in (made, true)]
    wider = [100 * part for part in variance]
    assert float(perceptual.distance(*doubled, wider)) == pytest.approx(0.5)  # no unit


def log_sigmoid(logit: float) -> float:
    return math.log(1 / (1 + math.exp(-logit)))


def test_adversarial_losses_by_hand() -> None:
    real, fake = [2.0, -1.0, 0.5], [-3.0, 0.0, 1.5]
    first = -sum(log_sigmoid(x) for x in real) / 3
    second = -sum(math.log(1 - 1 / (1 + math.exp(-x))) for x in fake) / 3
    found = losses.discriminator(torch.tensor(real), torch.tensor(fake))
    assert float(found) == pytest.approx(first + second, rel=1e-5)
    wanted = -sum(log_sigmoid(x) for x in fake) / 3
    assert float(losses.generator(torch.tensor(fake))) == pytest.approx(wanted, rel=1e-5)


def test_adversarial_losses_pull_against_each_other() -> None:
    fake = torch.tensor([-60.0, 0.0, 60.0], requires_grad=True)
    (up,) = torch.autograd.grad(losses.generator(fake), fake)
    (down,) = torch.autograd.grad(losses.discriminator(torch.zeros(3), fake), fake)
    assert up.tolist() == pytest.approx([-1 / 3, -1 / 6, 0], abs=1e-6)  # where refused, it learns
    assert down.tolist() == pytest.approx([0, 1 / 6, 1 / 3], abs=1e-6)
    assert torch.isfinite(losses.discriminator(torch.tensor([-500.0]), torch.tensor([500.0])))
