"""A layer that a malicious server puts in front of the honest network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fowh.kit.training import blank


class Planted(nn.Module):
    """Units that count how far a picture is along a few directions, and pass their sum on.

    Unit j fires where a direction's value is above its threshold. All of them are added to the
    logits with the same weights, so that every unit that fires gets the same derivative of a
    sample: what neighbours on one direction differ by is the samples between their thresholds.

    Attributes:
        count: weights (units, d) and biases: minus the thresholds.
        honest: the network that was to be handed out.
    """

    push: Tensor

    def __init__(
        self, honest: nn.Module, directions: Tensor, thresholds: Tensor, push: Tensor
    ) -> None:
        """Args: the network, directions (f, d), rising thresholds (f, units), push (classes,)."""
        super().__init__()
        self.honest = honest
        units = thresholds.shape[1]
        self.count = blank(lambda: nn.Linear(directions.shape[1], thresholds.numel()))
        with torch.no_grad():
            self.count.weight.copy_(directions.repeat_interleave(units, dim=0))
            self.count.bias.copy_(-thresholds.flatten())
        self.register_buffer("push", push)

    def forward(self, pictures: Tensor) -> Tensor:
        fired: Tensor = self.count(pictures.flatten(1)).relu().sum(dim=1, keepdim=True)
        logits: Tensor = self.honest(pictures) + fired * self.push
        return logits


def cells(network: Planted, rows: Tensor, kinds: int) -> tuple[Tensor, Tensor]:
    """What cells hold: sums of derivatives times pictures (u, f, units, d), and of derivatives.

    Args:
        network: that was handed out.
        rows: (u, p) updates.
        kinds: f, how many directions.
    """
    honest = sum(weights.numel() for weights in network.honest.parameters())
    units, width = network.count.weight.shape
    weight = rows[:, honest : honest + units * width].reshape(len(rows), kinds, -1, width)
    bias = rows[:, honest + units * width :].reshape(len(rows), kinds, -1, 1)
    both = torch.cat([weight, bias], dim=3).double()
    both[:, :, :-1] -= both[:, :, 1:].clone()  # those above the next threshold as well
    return both[..., :-1], both[..., -1]
