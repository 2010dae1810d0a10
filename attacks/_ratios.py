"""Signals and ratios of a first layer's units: which are to be believed."""

from __future__ import annotations

import torch
from torch import Tensor

from attacks._first import Prior
from fowh.core.updates import TINY

SAME = 0.05  # root mean square of pixels below which two ratios show one picture
BYTE = 0.2  # of a grey level: pictures are bytes, mixtures of them are not
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


def shortened(model: Tensor, shifts: Tensor) -> Tensor:
    """By how much a scheme shortened gradients, (n, 1, 1): what bias and network differ by."""
    scale = (shifts * model).sum(dim=1) / model.square().sum(dim=1).clamp_min(TINY)
    return scale.clamp(0.01, 1)[:, None, None]


def settled(model: Tensor, shifts: Tensor, seen: Tensor, x: Tensor, floor: Tensor) -> Tensor:
    """Signals (n, m) from three witnesses, by how far each may be off.

    The bias' own gradient, the weights' along the picture as guessed, and the network's word on
    that picture, whose error is what it differs by from the first two beyond their noise.
    """
    length = x.square().sum(dim=1, keepdim=True) + 1
    read = ((seen @ x[:, :, None])[:, :, 0] + shifts) / length
    exact = floor <= TINY**2
    off = ((model - read).square().mean(dim=1, keepdim=True) - floor / length).clamp_min(TINY**2)
    weight = off / (off + floor / length + TINY**2)
    return shifts.where(exact, weight * read + (1 - weight) * model)
