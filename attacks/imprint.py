"""Imprint: a malicious server hands out a layer that sorts pictures into bins, one by one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.view import View

if TYPE_CHECKING:
    from torch import nn

LIVE = 1e-4  # of the largest step of the bias from bin to bin: less is rounding


@dataclass(frozen=True)
class Imprint(Attack):
    """Robbing the Fed (Fowl et al. 2022, arXiv 2110.13057): bins by a linear measure of a picture.

    All units of the planted layer measure one direction, with thresholds at its quantiles among
    the attacker's own samples. Their gradients' differences from one threshold to the next hold
    the pictures in between: one alone is read off exactly, however many were added, for sums over
    clients keep it. Bins that hold several show a mixture.

    Attributes:
        bins: thresholds; more tell more samples apart.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    closed_form: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"bins": 16}
    bins: int = 256

    def __post_init__(self) -> None:
        if not 2 <= self.bins <= 4096:
            raise InputError(f"imprint: bins is {self.bins}; give 2 to 4,096")

    def unsupported(self, view: View) -> str | None:
        return None if view.module is not None else "nobody holds a network"

    def plant(self, view: View, rng: np.random.Generator) -> nn.Module:
        """The honest network behind a layer of bins."""
        import torch

        from attacks._imprinted import Imprinted
        from fowh.kit.images import as_tensor

        assert view.module is not None and view.samples is not None
        own = as_tensor(view.samples, view.device)
        # The axis along which own pictures vary most: the widest bins.
        flat = own.flatten(1)
        axis = torch.linalg.svd(flat - flat.mean(dim=0), full_matrices=False)[2][0]
        marks = torch.linspace(0, 1, self.bins + 1, device=flat.device)[:-1]
        return Imprinted(copy.deepcopy(view.module), axis, torch.quantile(flat @ axis, marks))

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._guessed import as_samples, picture_shape

        assert view.samples is not None
        pixels, each = view.samples[0].size, view.release.each
        code = view.release.code.astype(np.float64)
        slopes = code[:, : self.bins * pixels].reshape(-1, self.bins, pixels)
        factors = code[:, self.bins * pixels : self.bins * (pixels + 1)]
        # What passes a threshold and not the next; the last bin has no next.
        slopes = -np.diff(slopes, axis=1, append=np.zeros((len(code), 1, pixels)))
        factors = -np.diff(factors, axis=1, append=np.zeros((len(code), 1)))
        size = np.abs(factors)
        live = size > LIVE * size.max(axis=1, keepdims=True)
        shown = slopes / np.where(live, factors, 1)[..., None]
        beyond = np.abs(shown - np.clip(shown, 0, 1)).mean(axis=2)
        order = np.argsort(np.where(live, beyond, np.inf), axis=1, kind="stable")
        # A bin for each sample; where fewer hold anything, the best ones again.
        count = np.maximum(live.sum(axis=1), 1)
        turns = np.arange(each)[None] % np.minimum(count, each)[:, None]
        chosen = np.take_along_axis(order, turns, axis=1)
        made = np.take_along_axis(shown, chosen[..., None], axis=1).clip(0, 1)
        pictures = torch.from_numpy(made.astype(np.float32))
        return as_samples(pictures.reshape(-1, *picture_shape(view)), view)
