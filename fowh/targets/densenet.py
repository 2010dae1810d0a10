"""DenseNet trained here, in versions: DenseNet-169 as published, or a sibling for two cores."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fowh.targets._trained import TrainedTarget

if TYPE_CHECKING:
    import torch
    from torch import nn

OFFLINE = "FOWH_OFFLINE"  # in the environment, so that workers see it: nothing is downloaded


class WeightsWarning(UserWarning):
    """Published weights could not be loaded: the target starts from others than were asked for."""


@dataclass(frozen=True)
class Densenet(TrainedTarget):
    """Target of Ahmad, Mahmood and Fuller (2022, sec. 5.1): densely connected convolutions.

    ``depth=169`` is torchvision's DenseNet-169 (Huang et al. 2017) with the paper's fully connected
    layer, dropout 0.5 and SphereFace; version 0 has ImageNet weights where they can be loaded. Take
    ``epochs=100,dimension=512,side=128`` with it for the paper's training; that wants a GPU.
    ``small`` has three short blocks and keeps the last map of 4 x 4 pixels instead of averaging it,
    which is what lets it learn in minutes; its version 0 is random.
    """

    depth: Literal["small", "169"] = "small"

    def network(self, classes: int) -> nn.Module:
        from torch import nn
        from torchvision.models import DenseNet

        if self.depth == "169":
            whole = DenseNet(32, (6, 12, 32, 32), 64)
            pool: nn.Module = nn.AdaptiveAvgPool2d(1)
            count = 1664
        else:
            whole = DenseNet(16, (2, 4, 4), 32)
            pool, count = nn.AdaptiveAvgPool2d(4), 112 * 16
        return nn.Sequential(
            whole.features,
            nn.ReLU(inplace=True),
            pool,
            nn.Flatten(),
            nn.Linear(count, self.dimension, bias=False),
            nn.BatchNorm1d(self.dimension),
        )

    def origin(self) -> str:
        return "imagenet" if self.depth == "169" and imagenet() is not None else "random"

    def start(self, network: nn.Module, generator: torch.Generator) -> None:
        from fowh.kit.training import initialise

        initialise(network, generator)
        if self.depth == "169":
            load_imagenet(network)


def load_imagenet(network: nn.Module) -> bool:
    """ImageNet weights for the trunk, where torchvision has or gets them; else it warns: False."""
    published = imagenet()
    if published is None:
        return False
    trunk: nn.Module = network[0]  # type: ignore[index]
    trunk.load_state_dict(published)
    return True


def _announce(url: str, file: Path) -> None:
    warnings.warn(f"loading {url} (57 MB) into {file}; --offline does without", stacklevel=3)


@cache
def imagenet() -> dict[str, torch.Tensor] | None:
    """The published ImageNet weights of the trunk; None, and a warning, where there are none."""
    import torch
    from torchvision.models import DenseNet169_Weights

    published = DenseNet169_Weights.IMAGENET1K_V1
    file = Path(torch.hub.get_dir()) / "checkpoints" / published.url.rpartition("/")[2]
    try:
        if not file.exists():
            if os.environ.get(OFFLINE):
                raise OSError("--offline")
            _announce(published.url, file)
        whole = published.get_state_dict(progress=False, check_hash=True, weights_only=True)
    except Exception as error:  # no network, a proxy's page, a full disk ...
        reason = str(error).partition("\n")[0]
        warnings.warn(
            f"no ImageNet weights for DenseNet-169 ({reason}); version 0 is random",
            WeightsWarning,
            stacklevel=2,
        )
        return None
    # The file is older than the names of the layers: norm.1 is norm1 today.
    return {
        re.sub(r"\.(norm|conv)\.([12])\.", r".\1\2.", name.removeprefix("features.")): value
        for name, value in whole.items()
        if name.startswith("features.")
    }
