"""Softmax regression, one linear layer on pixels, trained by clients together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fowh.targets._learner import FederatedTarget

if TYPE_CHECKING:
    import torch
    from torch import nn


@dataclass(frozen=True)
class Softmax(FederatedTarget):
    """The classifier of Fredrikson et al. (2015, sec. 5) that gave faces back most readily.

    Its weights are a picture of each person; they start as He et al. (2015) draw them.
    """

    @property
    def rate(self) -> float:
        return 0.1

    def network(self, classes: int, channels: int, generator: torch.Generator) -> nn.Module:
        from torch import nn

        from fowh.kit.federated import Centre
        from fowh.kit.training import blank, initialise

        def layers() -> nn.Module:
            return nn.Sequential(
                Centre(), nn.Flatten(), nn.Linear(channels * self.side**2, classes)
            )

        made = blank(layers)
        initialise(made, generator)
        return made
