"""A small convolutional network with ReLU, trained by clients together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fowh.core.errors import InputError
from fowh.targets._learner import FederatedTarget

if TYPE_CHECKING:
    import torch
    from torch import nn

WIDTHS, POOLED = (16, 32, 64), (1, 2)  # of the convolutions; after which the maps are halved


@dataclass(frozen=True)
class Convnet(FederatedTarget):
    """3 x 3 convolutions and one linear layer, after the ConvNet of Geiping et al. (2020, app. A).

    Theirs has eight convolutions of 64 to 256 maps; two cores can invert three of 16 to 64.

    Attributes:
        norm: batch normalisation. none: there is none. eval: by stored statistics; they stay what
            they are at the start (0 and 1), for no client sends new ones, so that a learnt scale
            and shift is all that is left. train: by the batch's own statistics, so that a gradient
            exists of a whole batch only; answers use those of all members, which are settled when
            the training is over.
    """

    norm: Literal["none", "eval", "train"] = "none"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.norm not in ("none", "eval", "train"):
            raise InputError(f"convnet: norm={self.norm!r}; give none, eval or train")

    @property
    def rate(self) -> float:
        return 0.1 if self.norm == "none" else 0.03

    @property
    def alone(self) -> bool:
        return self.norm != "train"

    def network(self, classes: int, channels: int, generator: torch.Generator) -> nn.Module:
        from torch import nn

        from fowh.kit.federated import BatchNorm, Centre
        from fowh.kit.training import blank, initialise

        def layers() -> nn.Module:
            parts: list[nn.Module] = [Centre()]
            width, side = channels, self.side
            for number, wide in enumerate(WIDTHS):
                parts.append(nn.Conv2d(width, wide, 3, padding=1))
                if self.norm != "none":
                    parts.append(BatchNorm(wide))
                parts.append(nn.ReLU())
                width = wide
                if number in POOLED:
                    parts.append(nn.MaxPool2d(2))
                    side //= 2
            return nn.Sequential(*parts, nn.Flatten(), nn.Linear(width * side**2, classes))

        made = blank(layers)
        initialise(made, generator)
        return made.eval() if self.norm == "eval" else made
