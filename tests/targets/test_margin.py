"""Angular margins against vectors worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.targets._margin import NAMES, SCALE, cosines, logits, loss, sphere

# One sample of class 0: length 5, cosines 0.6 with its own class and 0.8 with the other.
FEATURES = torch.tensor([[3.0, 4.0]])
WEIGHTS = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
LABELS = torch.tensor([0])


def entropy(wanted: float, other: float) -> float:
    """Cross-entropy of the first of two logits."""
    return float(np.logaddexp(0, other - wanted))


def test_sphere_at_the_borders_of_its_pieces() -> None:
    angles = torch.deg2rad(torch.tensor([0, 45, 90, 135, 180], dtype=torch.float64))
    wanted = torch.tensor([1, -1, -3, -5, -7], dtype=torch.float64)
    assert (sphere(angles.cos()) - wanted).abs().max() < 1e-12
    assert (sphere(angles.float().cos()) - wanted).abs().max() < 1e-4


def test_sphere_is_its_definition_and_falls() -> None:
    angle = np.linspace(0.001, np.pi - 0.001, 4001)
    piece = np.select([angle < np.pi / 4, angle < np.pi / 2, angle < 3 * np.pi / 4], [0, 1, 2], 3)
    wanted: NDArray[np.float64] = np.where(piece % 2, -1, 1) * np.cos(4 * angle) - 2 * piece
    got = sphere(torch.from_numpy(np.cos(angle))).numpy()
    np.testing.assert_allclose(got, wanted, atol=1e-9)
    assert (np.diff(got) < 0).all()
    assert (got <= np.cos(angle)).all()  # it is a margin: never easier than the plain cosine


def test_cosface_by_hand() -> None:
    got = loss("cosface", FEATURES, WEIGHTS, LABELS, 0.5).item()
    assert got == pytest.approx(entropy(30 * 0.25, 30 * 0.8), rel=1e-5)  # 16.5


def test_arcface_by_hand() -> None:
    # cos(a + 0.5) from the addition theorem, sin(a) being 0.8
    wanted = 0.6 * math.cos(0.5) - 0.8 * math.sin(0.5)
    got = loss("arcface", FEATURES, WEIGHTS, LABELS, 0.5).item()
    assert got == pytest.approx(entropy(30 * wanted, 30 * 0.8), rel=1e-5)


def test_arcface_beyond_pi_keeps_falling() -> None:
    features = torch.tensor([[-0.96, 0.28]])  # 163.7 degrees; 28.6 more would be beyond 180
    got = loss("arcface", features, WEIGHTS, LABELS, 0.0).item()
    assert got == pytest.approx(entropy(30 * (-0.96 - 0.5 * math.sin(0.5)), 30 * 0.28), rel=1e-5)
    angle = torch.linspace(0.01, math.pi - 0.01, 500, dtype=torch.float64)
    circle = torch.stack([angle.cos(), angle.sin() * 0, angle.sin()], dim=1)
    ends = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    one = torch.tensor([0])
    costs = [loss("arcface", row[None], ends, one, 0.0).item() for row in circle]
    assert (np.diff(costs) > 0).all()  # a sample farther from its class never costs less


@pytest.mark.parametrize(("progress", "plain"), [(0.0, 1000.0), (0.5, 1000 / 101), (1.0, 5.0)])
def test_sphereface_by_hand(progress: float, plain: float) -> None:
    # 53.13 degrees are in the second piece: -cos(4 t) - 2, where cos(4 t) is -0.8432
    wanted = (plain * 0.6 + 0.8432 - 2) / (1 + plain)
    got = loss("sphereface", FEATURES, WEIGHTS, LABELS, progress).item()
    assert got == pytest.approx(entropy(5 * wanted, 5 * 0.8), rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_the_mean_is_over_samples_and_the_margin_is_the_labels_alone(name: str) -> None:
    features = torch.tensor([[3.0, 4.0], [4.0, 3.0]])
    both = loss(name, features, WEIGHTS, torch.tensor([0, 0]), 1.0).item()
    each = [loss(name, row[None], WEIGHTS, LABELS, 1.0).item() for row in features]
    assert both == pytest.approx(np.mean(each), rel=1e-5)
    mirrored = loss(name, features.flip(0), WEIGHTS, torch.tensor([1, 1]), 1.0).item()
    assert mirrored == pytest.approx(both, rel=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_finite_at_the_poles(name: str) -> None:
    features = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 3.0], [0.0, -3.0]], requires_grad=True)
    weights = WEIGHTS.clone().requires_grad_()
    labels = torch.tensor([0, 0, 1, 1])
    cost = loss(name, features, weights, labels, 1.0)
    slopes = torch.autograd.grad(cost, [features, weights])
    assert torch.isfinite(cost)
    assert all(torch.isfinite(slope).all() for slope in slopes)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_those_of_the_loss(name: str) -> None:
    numbers = torch.Generator().manual_seed(1)
    features = torch.randn(5, 3, generator=numbers, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(4, 3, generator=numbers, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 1, 2, 3, 1])
    torch.autograd.gradcheck(lambda f, w: loss(name, f, w, labels, 1.0), (features, weights))


def test_cosines_ignore_lengths() -> None:
    got = cosines(FEATURES * 7, WEIGHTS * 0.01)
    assert (got - torch.tensor([[0.6, 0.8]])).abs().max() < 1e-6
    assert cosines(WEIGHTS, WEIGHTS).max() < 1


@pytest.mark.parametrize(("name", "scale"), [("sphereface", 5), ("arcface", 30), ("cosface", 30)])
def test_logits_have_no_margin(name: str, scale: float) -> None:
    assert SCALE == 30
    got = logits(name, FEATURES, WEIGHTS)
    assert (got - scale * torch.tensor([[0.6, 0.8]])).abs().max() < 1e-4


@pytest.mark.parametrize("name", NAMES)
def test_training_is_harder_than_what_is_shown_afterwards(name: str) -> None:
    plain = torch.nn.functional.cross_entropy(logits(name, FEATURES, WEIGHTS), LABELS)
    assert loss(name, FEATURES, WEIGHTS, LABELS, 1.0) > plain + 0.5


def test_unknown_margins_are_refused() -> None:
    with pytest.raises(InputError, match="loss"):
        load("target", "densenet:loss=softmax")
