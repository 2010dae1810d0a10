"""A fully connected first layer's gradient as a linear model of the pictures behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats
from fowh.core.updates import EXACT, TINY, UpdateScheme
from fowh.core.view import View

if TYPE_CHECKING:
    from torch import nn

ROUNDS = 8  # of picture given bias, bias given picture
BATCH_ROUNDS = 30  # the same of a batch, whose members come apart slowly
SPAN = 200  # principal pictures of the prior, at most
SAME = 0.02  # root mean square, in grey values of 0..1, of two units that show one picture


def first(view: View) -> nn.Linear | None:
    """The first layer with weights, if it sees the whole picture and has a bias."""
    from torch import nn

    assert view.module is not None and view.samples is not None
    for layer in view.module.modules():
        if any(True for _ in layer.parameters(recurse=False)):
            whole = isinstance(layer, nn.Linear) and layer.in_features == view.samples[0].size
            return layer if whole and layer.bias is not None else None  # type: ignore[return-value]
    return None


def shift_of(view: View, layer: nn.Linear) -> Floats:
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


def away(values: Floats) -> Floats:
    """The same, away from zero."""
    return np.asarray(np.where(np.abs(values) < TINY, TINY, values), dtype=np.float32)


def known_of(view: View, units: int, pixels: int) -> NDArray[np.bool_]:
    assert isinstance(view.scheme, UpdateScheme)
    known = view.scheme.revealed(view.release.code)[:, : units * pixels]
    return known.reshape(-1, units, pixels)


def fitted(slopes: Floats, factors: Floats, known: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Least squares pictures (n, pixels), and the squares (n, pixels) that each pixel rests on."""
    weight = np.einsum("nu,nup->np", np.square(factors), known)
    along = np.einsum("nu,nup->np", factors, np.where(known, slopes, 0))
    return np.asarray(along / np.maximum(weight, TINY**2), dtype=np.float32), weight


def likeliest(view: View, slopes: Floats, factors: Floats, shift: Floats) -> Floats:
    """Pictures of largest posterior: Gaussian prior in a span, and what lies outside it."""
    scheme = view.scheme
    assert isinstance(scheme, UpdateScheme) and view.samples is not None
    units, pixels = slopes.shape[1:]
    known, rows = known_of(view, units, pixels), view.release.code
    size = view.release.each // scheme.summed
    noise = np.square(np.maximum(scheme.deviation(rows, size), TINY)).astype(np.float64)
    noisy = scheme.deviation(rows, size) > EXACT * np.sqrt(np.square(rows).mean(axis=1))
    own = flattened(view)
    mean = own.mean(axis=0)
    _, spread, axes = np.linalg.svd(own - mean, full_matrices=False)
    axes = axes[:SPAN]
    variance = np.square(spread[:SPAN]) / len(own) + TINY
    outside = np.var(own - mean - (own - mean) @ axes.T @ axes, axis=0).mean() + 1e-4
    made = np.tile(mean, (len(rows), 1))
    for turn in range(ROUNDS if noisy.any() else 1):
        used = np.where(noisy[:, None], computed(view, made, units, pixels)[:, 0], factors)
        exact, weight = fitted(slopes, used, known)
        sure = weight / noise[:, None]  # precision of each pixel
        gap = exact - shift - mean
        inner = np.einsum("kp,np,lp->nkl", axes, sure, axes, optimize=True)
        inner[:, np.arange(len(axes)), np.arange(len(axes))] += 1 / variance
        along = np.linalg.solve(inner, ((sure * gap) @ axes.T)[..., None])[..., 0] @ axes
        rest = (gap - along) * (outside * sure / (1 + outside * sure))
        made = np.clip(mean + along + rest, 0, 1).astype(np.float32)
        view.progress("first_layer", (turn + 1) / ROUNDS)
    return made


def computed(view: View, pictures: Floats, units: int, pixels: int) -> Floats:
    """The factors db (n, each, units) that pictures (n, each, pixels) would give, as they enter."""
    import torch

    from attacks._counted import labels_of
    from attacks._guessed import Guesses, picture_shape

    assert isinstance(view.scheme, UpdateScheme)
    labels = torch.from_numpy(labels_of(view)).to(view.device)
    x = torch.from_numpy(pictures).reshape(*labels.shape, *picture_shape(view)).to(view.device)
    guesses = Guesses(view, True)
    with torch.no_grad():
        found = [  # row by row: gradients of single samples are large
            view.scheme.each(guesses.gradients(x[row][None], labels[row][None]))[
                ..., units * pixels : units * (pixels + 1)
            ]
            for row in range(len(x))
        ]
    used: Floats = torch.cat(found).cpu().numpy()
    return used


def unmixed(view: View, slopes: Floats, shift: Floats) -> Floats:
    """Pictures (n, each, pixels) behind batches: the layer's gradient is factors times pictures.

    Factors follow from pictures and labels by the network, pictures from factors by least squares
    with the attacker's mean picture as the prior, in turns. Those of one label begin alike, as
    their mean, and come apart as their factors do.
    """
    units, pixels = slopes.shape[1:]
    assert view.samples is not None
    own = flattened(view)
    mean, each = own.mean(axis=0), view.release.each
    spread = float(own.std(axis=0).mean())
    draw = np.random.default_rng(0)  # a little apart, so that equal labels can part
    made = np.clip(
        mean + 0.2 * (own[draw.integers(len(own), size=(len(slopes), each))] - mean), 0, 1
    )
    for turn in range(BATCH_ROUNDS):
        used = computed(view, made.astype(np.float32), units, pixels) / each
        left = slopes - np.einsum("nku,p->nup", used, mean + shift)
        inner = used @ used.transpose(0, 2, 1)
        # What the factors leave unexplained stands for their error.
        error = np.square(slopes - np.einsum("nku,nkp->nup", used, made + shift)).mean(axis=(1, 2))
        inner[:, np.arange(each), np.arange(each)] += (error / spread**2 + TINY)[:, None]
        made = np.clip(mean + np.linalg.solve(inner, used @ left), 0, 1).astype(np.float32)
        view.progress("first_layer", (turn + 1) / BATCH_ROUNDS)
    return made


def flattened(view: View) -> Floats:
    """The attacker's own pictures (n, pixels) as a network takes them, laid out flat."""
    assert view.samples is not None
    own = view.samples.astype(np.float32) / 255
    flat: Floats = (own if own.ndim == 3 else own.transpose(0, 3, 1, 2)).reshape(len(own), -1)
    return flat


def distinct(slopes: Floats, factors: Floats, count: int, shift: Floats) -> Floats:
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
