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

    Its weights are a picture of each person. They start at zero, as in the published one's library
    (the tutorial of Theano): random ones are never trained away where no pixel varies, and would
    lie over every picture.
    """

    @property
    def rate(self) -> float:
        return 1.0

    def network(self, classes: int, channels: int, generator: torch.Generator) -> nn.Module:
        from torch import nn
        from torch.nn.utils import skip_init

        from fowh.kit.federated import Centre

        linear = skip_init(nn.Linear, channels * self.side**2, classes)  # type: ignore[no-untyped-call]
        nn.init.zeros_(linear.weight)
        nn.init.zeros_(linear.bias)
        return nn.Sequential(Centre(), nn.Flatten(), linear)
