"""A classifier's network as whoever asks it sees it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as in ``fowh.kit.images.alike``


class Answering(nn.Module):
    """Pictures (n, 1 or 3, h, w) in 0..1 to probabilities (n, classes).

    Args:
        network: of squares of ``side`` pixels to logits.
        side: pixels.
        channels: of the pictures that the network takes, 1 or 3; others are turned into them.
    """

    def __init__(self, network: nn.Module, side: int, channels: int) -> None:
        super().__init__()
        self.network, self.side, self.channels = network, side, channels

    def forward(self, pictures: Tensor) -> Tensor:
        if pictures.shape[-2:] != (self.side, self.side):
            size = (self.side, self.side)
            pictures = nn.functional.interpolate(pictures, size, mode="bilinear", antialias=True)
        if self.channels == 1 and pictures.shape[1] == 3:
            pictures = torch.einsum("nchw,c->nhw", pictures, pictures.new_tensor(LUMA))[:, None]
        answers: Tensor = self.network(pictures.expand(-1, self.channels, -1, -1)).softmax(dim=1)
        return answers
