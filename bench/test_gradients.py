"""Gradients of single samples against one forward and backward of the same batch."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.conftest import Against
from fowh.core.registry import load
from fowh.kit import federated

CLASSES, SIDE = 40, 32


@pytest.mark.benchmark(group="gradients")
@pytest.mark.parametrize("target", ["mlp", "convnet"])
def test_gradients_of_single_samples(target: str, against: Against) -> None:
    count = 32
    generator = torch.Generator().manual_seed(0)
    network = load("target", target).network(CLASSES, 1, generator)
    samples = torch.rand(count, 1, SIDE, SIDE, generator=generator)
    labels = torch.randint(CLASSES, (count,), generator=generator)

    def floor() -> None:
        loss = cross_entropy(network(samples), labels)
        torch.autograd.grad(loss, list(network.parameters()))

    against(
        lambda: federated.per_sample(network, samples, labels),
        floor,
        floor_is="one forward and backward of the batch",
        units=count,
        unit="samples",
        what=target,
        shape=f"batches of {count}, {SIDE} x {SIDE}",
        bytes_each=4 * federated.size_of(network),
    )
