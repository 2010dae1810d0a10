"""The losses of eq. 1 to 3 of "Inverting biometric models with fewer samples", sec. 4.2."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import l1_loss, softplus

WINDOW, SIGMA = 7, 1.5


def structural(made: Tensor, true: Tensor, stride: int = 1) -> Tensor:
    """Structural dissimilarity of pictures (n, c, s, s) in 0..1 (Wang et al., 2004).

    What pytorch-msssim computes, but its window is applied as two matrix products: depthwise
    convolutions of few channels took more than half of a training step on a CPU. With ``stride=2``
    windows stand at every other pixel, a quarter of the work: neighbours overlap by 6/7 anyway.
    """
    blur = _blur(made.shape[-1], stride, str(made.device)).T
    stack = torch.stack([made, true, made * made + true * true, made * true])
    seen = (stack @ blur).transpose(-1, -2) @ blur  # maps stay transposed: only their mean counts
    mean_a, mean_b, squares, product = seen
    both = mean_a * mean_b
    power = mean_a.square() + mean_b.square()
    contrast = (2 * (product - both) + 0.03**2) / (squares - power + 0.03**2)
    loss: Tensor = 1 - ((2 * both + 0.01**2) / (power + 0.01**2) * contrast).mean()
    return loss


@cache
def _blur(side: int, stride: int, device: str) -> Tensor:
    """The Gaussian window as a matrix (positions, side)."""
    offsets = torch.arange(WINDOW) - WINDOW // 2
    window = torch.exp(-offsets.square() / (2 * SIGMA**2))
    window = window / window.sum()
    rows = torch.zeros(side - WINDOW + 1, side)
    for row in range(len(rows)):
        rows[row, row : row + WINDOW] = window
    return rows[::stride].to(device)


def pixels(made: Tensor, true: Tensor) -> Tensor:
    """Mean absolute error."""
    return l1_loss(made, true)


def perceptual(made: Tensor, true: Tensor) -> Tensor:
    """Mean squared distance of features (n, f), in units of the spread of the true ones."""
    return (made - true).square().sum(dim=1).mean() / true.var(dim=0).sum().clamp_min(1e-12)


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Eq. 1 on logits: -log D(x) - log(1 - D(x'))."""
    return softplus(-real).mean() + softplus(fake).mean()


def generator(fake: Tensor) -> Tensor:
    """Eq. 2 on logits: -log D(x')."""
    return softplus(-fake).mean()
