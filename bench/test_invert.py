"""Inverting gradients, all rows at once, against the bare double backward of one after another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from attacks.invert_gradients import InvertGradients
from bench.conftest import Against
from fowh.core.release import Release
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.kit import federated
from fowh.kit.parallel import training_threads

ROWS, SIDE, CLASSES, STEPS, WIDTHS = 16, 32, 40, 4, (16, 32, 64)


def network() -> nn.Module:
    """Three convolutions and a linear layer, 190,000 weights."""
    layers: list[nn.Module] = []
    wide = 1
    for number, width in enumerate(WIDTHS):
        layers += [nn.Conv2d(wide, width, 3, padding=1), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if number else []
        wide = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide * (SIDE // 4) ** 2, CLASSES))


@pytest.mark.benchmark(group="updates")
def test_invert_gradients(against: Against) -> None:
    torch.manual_seed(0)
    net, rng = network(), np.random.default_rng(0)
    labels = torch.arange(ROWS)
    seen = federated.per_sample(net, torch.rand(ROWS, 1, SIDE, SIDE), labels).detach()
    own = rng.integers(0, 256, (8, SIDE, SIDE), dtype=np.uint8)
    answers = np.full((8, CLASSES), 1 / CLASSES, np.float32)
    release = Release(seen.numpy())
    view = View(UpdateScheme(), release, answers, np.arange(8), own, module=net, modality="image")
    weights = list(net.parameters())

    @training_threads()
    def floor() -> None:
        for _ in range(STEPS):
            for row in range(ROWS):
                picture = torch.rand(1, 1, SIDE, SIDE, requires_grad=True)
                loss = cross_entropy(net(picture), labels[row : row + 1])
                parts = torch.autograd.grad(loss, weights, create_graph=True)
                found = torch.cat([part.flatten() for part in parts])
                distance = 1 - torch.cosine_similarity(found, seen[row], dim=0)
                torch.autograd.grad(distance, picture)

    against(
        lambda: InvertGradients(steps=STEPS, tv=0.03).run(view, rng),
        floor,
        floor_is="double backward of one picture after another",
        units=ROWS * STEPS,
        unit="image-steps",
        what="invert_gradients",
        shape=f"{ROWS} rows of {seen.shape[1]:,} weights",
        bytes_each=0,
    )
