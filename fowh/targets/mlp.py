"""A perceptron with one hidden layer, trained by clients together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fowh.core.errors import InputError
from fowh.core.memory import fits
from fowh.targets._learner import FederatedTarget

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Mlp(FederatedTarget):
    """Pixels to ``width`` rectified units to logits; weights start as He et al. (2015) draw them.

    The gradient of its first layer holds the pixels, less ``federated.MIDDLE`` (Phong et al. 2017,
    sec. 3.1).

    Attributes:
        width: of the hidden layer.
    """

    width: int = 256

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1:
            raise InputError(f"mlp: width={self.width}; give 1 or more")
        fits("mlp: width, side", (self.width, 3 * self.side**2))

    @property
    def rate(self) -> float:
        return 0.5

    def network(self, classes: int, channels: int, generator: torch.Generator) -> nn.Module:
        from torch import nn

        from fowh.kit.federated import Centre
        from fowh.kit.training import blank, initialise

        def layers() -> nn.Module:
            return nn.Sequential(
                Centre(),
                nn.Flatten(),
                nn.Linear(channels * self.side**2, self.width),
                nn.ReLU(),
                nn.Linear(self.width, classes),
            )

        made = blank(layers)
        initialise(made, generator)
        return made
