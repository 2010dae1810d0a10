"""Pictures out of a first layer that is fully connected: its gradient is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.updates import TINY, UpdateScheme
from fowh.core.view import View

if TYPE_CHECKING:
    from torch import Tensor

    from attacks._first import First, Prior

LOUD = 2.0  # times the power of its noise
STILL = 1e-4  # of a pixel's change in a turn: nothing more will come


@dataclass(frozen=True)
class FirstLayer(Attack):
    """The weights' gradient over the bias' is what the layer reads, pixel by pixel.

    Of a sample the weights' gradient is the product of a signal, which is the bias' gradient, with
    the picture (Phong et al. 2018, sec. 3; Geiping et al. 2020, prop. 3.1). Of several it is the
    sum: a unit that one sample alone excites shows that one. The map estimate knows more: labels
    (last layer), the shared network, which computes the signals from labels and pictures, how far
    the scheme's noise deviates, and a Gaussian of faces from the attacker's own. It takes noise for
    Gaussian and reads no other likelihood of the scheme's. Signals and pictures are estimated in
    turn; of a batch all pictures at once, as least squares with that prior.

    Attributes:
        estimate: ratio: of the unit with the largest bias gradient; of a batch the likeliest
            distinct ones. least_squares: over all units; of a batch over those that agree. map:
            as above.
        turns: of the map estimate.
        axes: directions of the prior, at most.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    closed_form: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"turns": 4}
    estimate: Literal["ratio", "least_squares", "map"] = "map"
    turns: int = 25
    axes: int = 100

    def __post_init__(self) -> None:
        if self.estimate not in ("ratio", "least_squares", "map"):
            raise InputError(
                f"first_layer: estimate is {self.estimate!r}; give ratio, least_squares or map"
            )
        if self.turns < 1 or self.axes < 1:
            raise InputError(f"first_layer: turns={self.turns}, axes={self.axes}; give 1 or more")

    def unsupported(self, view: View) -> str | None:
        from attacks._first import first_layer
        from attacks._labels import unlabelled

        reason = unlabelled(view)
        if reason is None and first_layer(view) is None:
            return "the network's first layer is not fully connected, with a bias, to the pixels"
        return reason

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._first import Prior, first_layer
        from attacks._guessed import as_samples, picture_shape
        from attacks._ratios import distinct

        first = first_layer(view)
        assert first is not None
        prior = Prior.of(view, first, self.axes)
        if self.estimate == "map":
            made = self._map(view, first, prior, rng)
        elif view.release.each == 1:
            made = self._one(view, first)
        else:
            pooled = self.estimate == "least_squares"
            made = torch.stack(
                [distinct(*row, prior, first.offset, pooled) for row in _units(view, first)]
            )
        return as_samples((made - first.offset).reshape(-1, *picture_shape(view)), view)

    def _one(self, view: View, first: First) -> Tensor:
        from attacks._first import as_rows

        seen, signal, there = as_rows(view, first)
        if self.estimate == "ratio":
            largest = signal.abs().argmax(dim=1)
            seen, signal, there = (
                part.take_along_dim(largest.reshape(-1, *(1,) * (part.ndim - 1)), dim=1)
                for part in (seen, signal, there)
            )
        sums = (signal[:, :, None] * seen * there).sum(dim=1)
        power = (signal.square()[:, :, None] * there).sum(dim=1)
        return (sums / power.clamp_min(TINY)).where(power > 0, -first.offset.abs())[:, None]

    def _map(self, view: View, first: First, prior: Prior, rng: np.random.Generator) -> Tensor:
        import torch

        from attacks._first import Signals, as_rows
        from attacks._guessed import Guesses, picture_shape
        from attacks._labels import labels_of
        from attacks._ratios import rescaled, settled, shortened

        scheme, each = view.scheme, view.release.each
        assert isinstance(scheme, UpdateScheme)
        seen, shifts, there = as_rows(view, first)
        labels, told = torch.from_numpy(labels_of(view)).to(view.device), Signals(view, first)
        noise = scheme.deviation(view.release.code, each // scheme.summed)
        floor = torch.from_numpy(np.square(noise)).to(seen)[:, None]
        draw = torch.from_numpy(rng.standard_normal((*labels.shape, len(prior.spread)))).to(seen)
        x = prior.mean + (each > 1) * 0.1 * (draw * prior.spread.sqrt()) @ prior.axes
        all_seen = bool(there.all())
        if each == 1 and all_seen:  # where the bias says more than noise, from what it says
            loud = shifts.square().sum(dim=1) > LOUD * shifts.shape[1] * floor[:, 0]
            x = x.where(~loud[:, None, None], prior.of_many(shifts[:, None], seen, floor[:, 0]))
        shortens = type(scheme).each is not UpdateScheme.each
        guesses = Guesses(view, apart=True) if shortens else None
        for turn in range(self.turns):
            before = x
            signal = told(x, labels) / each
            if guesses is not None:
                pictures = (x - first.offset).reshape(*labels.shape, *picture_shape(view))
                signal = signal * shortened(scheme, guesses, pictures, labels)
                signal = signal * rescaled(signal.sum(dim=1), shifts, floor)[:, :, None]
            if each == 1:
                signal = settled(signal[:, 0], shifts, seen * there, x[:, 0], floor)[:, None]
            if each == 1 and not all_seen:
                sums = torch.einsum("nm,nmd->nd", signal[:, 0], seen * there)
                power = torch.einsum("nm,nmd->nd", signal[:, 0].square(), there.to(seen))
                x = prior.of_one(sums, power, floor + TINY**2)[:, None]
            elif each == 1:
                x = prior.of_many(signal, seen, floor[:, 0])
            else:
                guess = signal.transpose(1, 2) @ x
                wrong = (seen - guess) * there
                spread = wrong.square().sum(dim=(1, 2)) / there.sum(dim=(1, 2)).clamp_min(1)
                whole = torch.where(there, seen, guess)
                x = prior.of_many(signal, whole, spread.maximum(floor[:, 0]))
            view.progress("first_layer", (turn + 1) / self.turns)
            if float((x - before).abs().max()) < STILL:
                break
        return x


def _units(view: View, first: First) -> list[tuple[Tensor, Tensor, int]]:
    from attacks._first import as_rows

    seen, signal, _ = as_rows(view, first)
    return [(seen[row], signal[row], view.release.each) for row in range(len(seen))]
