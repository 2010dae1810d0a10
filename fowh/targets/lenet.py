"""The network of Deep Leakage from Gradients, sigmoids throughout, trained by clients together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fowh.core.errors import InputError
from fowh.targets._learner import FederatedTarget

if TYPE_CHECKING:
    import torch
    from torch import nn

MAPS, KERNEL, STRIDES = 12, 5, (2, 2, 1)
BOUND = 0.5  # of the published code's weights


@dataclass(frozen=True)
class Lenet(FederatedTarget):
    """Three convolutions and one linear layer (Zhu, Liu and Han 2019, and their published code).

    Twice differentiable, as their attack wants it, for sigmoids stand where others have ReLU. Three
    of them pass next to nothing on: by plain descent it learns from neither start in 200 rounds.

    Attributes:
        start: of weights and biases. default: uniform within 1 / sqrt(inputs of a unit), torch's
            default. uniform: within 0.5, as the published code has it.
    """

    start: Literal["default", "uniform"] = "default"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.start not in ("default", "uniform"):
            raise InputError(f"lenet: start={self.start!r}; give default or uniform")

    @property
    def rate(self) -> float:
        return 0.01

    def network(self, classes: int, channels: int, generator: torch.Generator) -> nn.Module:
        import torch
        from torch import nn

        from fowh.kit.training import blank

        def layers() -> nn.Module:
            parts: list[nn.Module] = []
            width, side = channels, self.side
            for stride in STRIDES:
                parts += [nn.Conv2d(width, MAPS, KERNEL, stride, KERNEL // 2), nn.Sigmoid()]
                width, side = MAPS, side // stride
            return nn.Sequential(*parts, nn.Flatten(), nn.Linear(width * side**2, classes))

        made = blank(layers)
        with torch.no_grad():
            for layer in made.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    fan = layer.weight[0].numel()
                    bound = BOUND if self.start == "uniform" else fan**-0.5
                    for weights in layer.parameters():
                        weights.uniform_(-bound, bound, generator=generator)
        return made
