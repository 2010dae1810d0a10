"""First layer: a fully connected layer's gradient is the picture, times a number for each unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks import _layer
from fowh.core.attack import Attack
from fowh.core.view import View


@dataclass(frozen=True)
class FirstLayer(Attack):
    """x = dW / db (Phong et al. 2018; Geiping et al. 2020, proposition 3.1).

    Without noise that is exact for one sample. With noise it is a linear model with known
    variance: the likeliest picture under a Gaussian prior from the attacker's own, the factors db
    computed from the network where the picture is known well enough, in turns. Over a batch a unit
    shows a mixture of those samples that make it fire, a single one where it fires for no other:
    "ratio" hands in units that show pictures at all, distinct ones, several units' first; "map"
    takes the mixture apart, with the factors that labels and network say.

    Attributes:
        estimate: "ratio" of the unit of largest |db|, as published; "least_squares" over all
            units; "map" with the prior and the scheme's noise.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    closed_form: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {}
    estimate: Literal["ratio", "least_squares", "map"] = "map"

    def unsupported(self, view: View) -> str | None:
        from attacks._guessed import unfit_for_guessing

        reason = unfit_for_guessing(view)
        if reason is None and _layer.first(view) is None:
            reason = "the network's first layer is not fully connected with a bias"
        return reason

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._guessed import as_samples, picture_shape

        layer, rows = _layer.first(view), view.release.code
        assert layer is not None
        units, pixels = layer.weight.shape
        slopes = rows[:, : units * pixels].reshape(-1, units, pixels)
        factors = rows[:, units * pixels : units * (pixels + 1)]
        shift = _layer.shift_of(view, layer)  # of pixels before they enter the layer
        if view.release.each > 1 and self.estimate == "map":
            made = _layer.unmixed(view, slopes, shift)
        elif view.release.each > 1:
            made = np.concatenate(
                [
                    _layer.distinct(one, other, view.release.each, shift)
                    for one, other in zip(slopes, factors, strict=True)
                ]
            )
        elif self.estimate == "ratio":
            best, at = np.abs(factors).argmax(axis=1), np.arange(len(rows))
            made = slopes[at, best] / _layer.away(factors[at, best])[:, None] - shift
        elif self.estimate == "least_squares":
            made = _layer.fitted(slopes, factors, _layer.known_of(view, units, pixels))[0] - shift
        else:
            made = _layer.likeliest(view, slopes, factors, shift)
        pictures = torch.from_numpy(np.ascontiguousarray(made, dtype=np.float32))
        return as_samples(pictures.reshape(-1, *picture_shape(view)), view)
