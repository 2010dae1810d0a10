"""A small residual network trained here: an independent witness beside DenseNet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fowh.targets._trained import TrainedTarget

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Resnet(TrainedTarget):
    """Basic residual blocks (He et al. 2016), one per width, on 32, 16, 8 and 4 pixels.

    Made to judge reconstructions (``--witness resnet``): another architecture, and by default
    another seed and another loss than ``densenet``; the protocol gives it other training samples.
    """

    loss: Literal["sphereface", "arcface", "cosface"] = "cosface"
    seed: int = 1

    def network(self, classes: int) -> nn.Module:
        from torch import nn
        from torchvision.models.resnet import BasicBlock

        def block(narrow: int, wide: int) -> nn.Module:
            shorter = nn.Sequential(
                nn.Conv2d(narrow, wide, 1, stride=2, bias=False), nn.BatchNorm2d(wide)
            )
            made: nn.Module = BasicBlock(narrow, wide, stride=2, downsample=shorter)
            return made

        return nn.Sequential(
            nn.Conv2d(3, 16, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            block(16, 32),
            block(32, 64),
            block(64, 96),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(96 * 16, self.dimension, bias=False),
            nn.BatchNorm1d(self.dimension),
        )

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        from fowh.kit.training import initialise

        initialise(network, generator)
