"""The network that a malicious server hands out: the honest one behind a layer of bins."""

from __future__ import annotations

import torch
from torch import Tensor, nn

GAIN = 0.1  # of what the bins add to a picture: enough for a gradient, too little to ruin answers


class Imprinted(nn.Module):
    """Measures each picture against thresholds, and adds what it found to it, evenly.

    Attributes:
        bins: the planted layer; its gradients come first in an update.
        honest: the network as it was.
    """

    def __init__(self, honest: nn.Module, axis: Tensor, thresholds: Tensor) -> None:
        super().__init__()
        self.bins = nn.Linear(len(axis), len(thresholds))
        with torch.no_grad():
            self.bins.weight.copy_(axis.expand(len(thresholds), -1))
            self.bins.bias.copy_(-thresholds)
        self.bins.to(axis.device)
        self.honest = honest
        self.train(honest.training)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (n, classes) of pictures (n, c, h, w)."""
        passed = torch.relu(self.bins(pictures.flatten(1))).mean(dim=1)
        answered: Tensor = self.honest(pictures + GAIN * passed[:, None, None, None])
        return answered
