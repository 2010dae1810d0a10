"""Gradients of single samples clipped in L2: the first half of DP-SGD, without a guarantee."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fowh.core.errors import InputError
from fowh.core.updates import UpdateScheme
from schemes import _clipping


@dataclass(frozen=True)
class Clip(UpdateScheme):
    """Every sample's gradient is shortened to ``norm`` before the mean (Abadi et al. 2016).

    It hides a gradient's length and nothing of its direction. After several local steps, or with
    batch normalisation in train mode, there are no single gradients: the leak then refuses it.

    Attributes:
        norm: largest L2 norm.
    """

    norm: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.norm < float("inf"):
            raise InputError(f"clip: norm is {self.norm}; give a positive number")

    def pace(self, clients: int) -> float:
        return _clipping.longer(self.norm)

    def each(self, gradients: Any) -> Any:
        return _clipping.clip(gradients, self.norm)
