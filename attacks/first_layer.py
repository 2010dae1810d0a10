"""First layer: a fully connected layer's gradient is the picture, times a number for each unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.release import Floats
from fowh.core.updates import EXACT, TINY, UpdateScheme
from fowh.core.view import View

if TYPE_CHECKING:
    from torch import nn

ROUNDS = 8  # of picture given bias, bias given picture
SPAN = 200  # principal pictures of the prior, at most
SAME = 0.02  # root mean square, in grey values of 0..1, of two units that show one picture


@dataclass(frozen=True)
class FirstLayer(Attack):
    """x = dW / db (Phong et al. 2018; Geiping et al. 2020, proposition 3.1).

    Without noise that is exact for one sample. With noise it is a linear model with known
    variance: the likeliest picture under a Gaussian prior from the attacker's own, the factors db
    computed from the network where the picture is known well enough, in turns. Over a batch a unit
    shows a mixture of those samples that make it fire, a single one where it fires for no other: of
    all units those are handed in that are pictures at all, distinct ones, several units' first.

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
        if reason is None and _first(view) is None:
            reason = "the network's first layer is not fully connected with a bias"
        return reason

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._guessed import as_samples, picture_shape

        layer, rows = _first(view), view.release.code
        assert layer is not None
        units, pixels = layer.weight.shape
        slopes = rows[:, : units * pixels].reshape(-1, units, pixels)
        factors = rows[:, units * pixels : units * (pixels + 1)]
        shift = _shift(view, layer)  # of pixels before they enter the layer
        if view.release.each > 1:
            made = np.concatenate(
                [
                    _distinct(one, other, view.release.each, shift)
                    for one, other in zip(slopes, factors, strict=True)
                ]
            )
        elif self.estimate == "ratio":
            best, at = np.abs(factors).argmax(axis=1), np.arange(len(rows))
            made = slopes[at, best] / _away(factors[at, best])[:, None] - shift
        elif self.estimate == "least_squares":
            made = _fitted(slopes, factors, _known(view, units, pixels))[0] - shift
        else:
            made = _likeliest(view, slopes, factors, shift)
        pictures = torch.from_numpy(np.ascontiguousarray(made, dtype=np.float32))
        return as_samples(pictures.reshape(-1, *picture_shape(view)), view)


def _first(view: View) -> nn.Linear | None:
    """The first layer with weights, if it sees the whole picture and has a bias."""
    from torch import nn

    assert view.module is not None and view.samples is not None
    for layer in view.module.modules():
        if any(True for _ in layer.parameters(recurse=False)):
            whole = isinstance(layer, nn.Linear) and layer.in_features == view.samples[0].size
            return layer if whole and layer.bias is not None else None  # type: ignore[return-value]
    return None


def _shift(view: View, layer: nn.Linear) -> Floats:
    """What enters the layer of a black picture: networks centre what they see."""
    import torch

    from attacks._guessed import picture_shape

    kept: list[Floats] = []
    hook = layer.register_forward_hook(
        lambda module, given, out: kept.append(given[0].detach().cpu().numpy())
    )
    assert view.module is not None
    with torch.no_grad():
        view.module(torch.zeros(2, *picture_shape(view), device=view.device))
    hook.remove()
    return kept[0][0]


def _away(values: Floats) -> Floats:
    """The same, away from zero."""
    return np.where(np.abs(values) < TINY, TINY, values).astype(np.float32)


def _known(view: View, units: int, pixels: int) -> NDArray[np.bool_]:
    assert isinstance(view.scheme, UpdateScheme)
    known = view.scheme.revealed(view.release.code)[:, : units * pixels]
    return known.reshape(-1, units, pixels)


def _fitted(slopes: Floats, factors: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Least squares pictures (n, pixels), and the squares (n, pixels) that each pixel rests on."""
    weight = np.einsum("nu,nup->np", np.square(factors), known)
    along = np.einsum("nu,nup->np", factors, np.where(known, slopes, 0))
    return along / np.maximum(weight, TINY**2), weight


def _likeliest(view: View, slopes: Floats, factors: Floats, shift: Floats) -> Floats:
    """Pictures of largest posterior: Gaussian prior in a span, and what lies outside it."""
    scheme = view.scheme
    assert isinstance(scheme, UpdateScheme) and view.samples is not None
    units, pixels = slopes.shape[1:]
    known, rows = _known(view, units, pixels), view.release.code
    size = view.release.each // scheme.summed
    noise = np.square(np.maximum(scheme.deviation(rows, size), TINY)).astype(np.float64)
    noisy = scheme.deviation(rows, size) > EXACT * np.sqrt(np.square(rows).mean(axis=1))
    own = view.samples.reshape(len(view.samples), *view.samples.shape[1:]).astype(np.float32) / 255
    own = (own if own.ndim == 3 else own.transpose(0, 3, 1, 2)).reshape(len(own), -1)
    mean = own.mean(axis=0)
    _, spread, axes = np.linalg.svd(own - mean, full_matrices=False)
    axes = axes[:SPAN]
    variance = np.square(spread[:SPAN]) / len(own) + TINY
    outside = np.var(own - mean - (own - mean) @ axes.T @ axes, axis=0).mean() + 1e-4
    made = np.tile(mean, (len(rows), 1))
    for turn in range(ROUNDS if noisy.any() else 1):
        used = np.where(noisy[:, None], _computed(view, made, units, pixels), factors)
        exact, weight = _fitted(slopes, used, known)
        sure = weight / noise[:, None]  # precision of each pixel
        gap = exact - shift - mean
        inner = np.einsum("kp,np,lp->nkl", axes, sure, axes, optimize=True)
        inner[:, np.arange(len(axes)), np.arange(len(axes))] += 1 / variance
        along = np.linalg.solve(inner, ((sure * gap) @ axes.T)[..., None])[..., 0] @ axes
        rest = (gap - along) * (outside * sure / (1 + outside * sure))
        made = np.clip(mean + along + rest, 0, 1).astype(np.float32)
        view.progress("first_layer", (turn + 1) / ROUNDS)
    return made


def _computed(view: View, pictures: Floats, units: int, pixels: int) -> Floats:
    """The factors db that these pictures would give, as they enter the update."""
    import torch

    from attacks._counted import labels_of
    from attacks._guessed import Guesses, picture_shape

    assert isinstance(view.scheme, UpdateScheme)
    x = torch.from_numpy(pictures).reshape(len(pictures), 1, *picture_shape(view)).to(view.device)
    labels = torch.from_numpy(labels_of(view)).to(view.device)
    found = view.scheme.each(Guesses(view, True).gradients(x, labels)).mean(dim=1)
    used: Floats = found[:, units * pixels : units * (pixels + 1)].detach().cpu().numpy()
    return used


def _distinct(slopes: Floats, factors: Floats, count: int, shift: Floats) -> Floats:
    """So many distinct pictures that units show: several units' first, then the most plausible."""
    alive = np.abs(factors) > 1e-5 * np.abs(factors).max()
    shown = slopes[alive] / factors[alive][:, None] - shift
    beyond = np.abs(shown - np.clip(shown, 0, 1)).mean(axis=1)
    order = np.argsort(beyond, kind="stable")[: 8 * count]
    shown, beyond = np.clip(shown[order], 0, 1), beyond[order]
    square = np.square(shown).sum(axis=1)
    gap = np.maximum(square[:, None] + square - 2 * shown @ shown.T, 0) / shown.shape[1]
    near = np.sqrt(gap) < SAME
    score = near.sum(axis=1) - beyond / SAME
    chosen: list[int] = []
    free = np.ones(len(shown), dtype=np.bool_)
    while len(chosen) < count and free.any():  # at most as many turns as samples in the batch
        best = int(np.where(free, score, -np.inf).argmax())
        chosen.append(best)
        free &= ~near[best]
    rest = np.setdiff1d(np.arange(len(shown)), chosen)
    chosen += list(rest[: count - len(chosen)])
    chosen += [chosen[0]] * (count - len(chosen)) if chosen else []
    return shown[chosen] if chosen else np.full((count, slopes.shape[1]), 0.5, dtype=np.float32)
