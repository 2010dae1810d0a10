"""Signals and ratios of a first layer's units: which are to be believed."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks._first import Prior
from attacks._guessed import Guesses
from fowh.core.updates import TINY, UpdateScheme

SAME = 0.05  # root mean square of pixels below which two ratios show one picture
BYTE = 0.2  # of a grey level: pictures are bytes, mixtures of them are not
SURE = 3.0  # standard errors by which the network's word must differ, to be doubted
OFF = 0.3  # of a signal's length, what the network's word on it may be off
CHUNK = 2**23  # numbers of the gradients that are held at a time
WILD = 4.0  # in units of what the layer reads at most: further off a ratio is no picture


def distinct(
    seen: Tensor, signal: Tensor, each: int, prior: Prior, offset: Tensor, pooled: bool
) -> Tensor:
    """(each, d) distinct ratios of one row's units, the likeliest first."""
    strong = signal.abs() > 1e-3 * signal.abs().max()
    seen, signal = seen[strong], signal[strong]
    ratios = seen / signal[:, None]
    levels = (ratios - offset) * 255
    whole = (levels - levels.round()).abs().amax(dim=1) < BYTE
    score = prior.unlikely(ratios).where(ratios.abs().amax(dim=1) < WILD, torch.inf)
    score = score.where(~whole, score / 1e9)  # of bytes: surely one picture, not a mixture
    apart = torch.cdist(ratios, ratios) / ratios.shape[1] ** 0.5
    chosen = []
    for _ in range(each):
        if not torch.isfinite(score).any():
            chosen.append(prior.mean)
            continue
        best = int(score.argmin())
        same = apart[best] < SAME
        same[best] = True
        if not pooled:
            chosen.append(ratios[best])
        else:
            chosen.append((signal[same] @ seen[same]) / signal[same].square().sum())
        score = score.where(~same, torch.inf)
    return torch.stack(chosen)


def shortened(scheme: UpdateScheme, guesses: Guesses, pictures: Tensor, labels: Tensor) -> Tensor:
    """By how much a scheme shortens gradients, (n, each, 1), if these are the pictures.

    Args:
        scheme: which is known.
        guesses: the shared network.
        pictures: (n, each, c, h, w).
        labels: (n, each).
    """
    made = []
    step = max(1, CHUNK // guesses.width)
    with torch.no_grad():
        for at in range(0, len(pictures), step):
            found = guesses.gradients(pictures[at : at + step], labels[at : at + step])
            along = (scheme.each(found) * found).sum(dim=2, keepdim=True)
            made.append(along / found.square().sum(dim=2, keepdim=True).clamp_min(TINY))
    return torch.cat(made)


def rescaled(model: Tensor, shifts: Tensor, floor: Tensor) -> Tensor:
    """By how much longer (n, 1) signals (n, m) are than the network says, as the bias tells it.

    What the network says of them is off by a share of ``OFF``; what the bias says, by its noise.
    """
    power = model.square().sum(dim=1, keepdim=True).clamp_min(TINY)
    read = (shifts * model).sum(dim=1, keepdim=True) / power
    noise = floor / power
    return ((OFF**2 * read + noise) / (OFF**2 + noise)).clamp_min(0)


def settled(model: Tensor, shifts: Tensor, seen: Tensor, x: Tensor, floor: Tensor) -> Tensor:
    """Signals (n, m) from three witnesses, by how far each may be off.

    The bias' own gradient, the weights' along the picture as guessed, and the network's word on
    that picture, whose error is what it differs by from the first two surely beyond their noise.
    """
    length = x.square().sum(dim=1, keepdim=True) + 1
    read = ((seen @ x[:, :, None])[:, :, 0] + shifts) / length
    exact = floor <= TINY**2
    most = (1 + SURE * (2 / model.shape[1]) ** 0.5) * floor / length
    off = ((model - read).square().mean(dim=1, keepdim=True) - most).clamp_min(TINY**2)
    weight = off / (off + floor / length + TINY**2)
    return shifts.where(exact, weight * read + (1 - weight) * model)
