"""Clipping of single samples' gradients, for arrays and tensors alike."""

from __future__ import annotations

from typing import Any

SMALL = 1e-12  # below it a gradient is nothing


def clip(gradients: Any, norm: float, order: int = 2) -> Any:
    """Gradients (..., p) shortened to at most ``norm`` in L1 or L2, their direction kept."""
    if order == 2:
        length = ((gradients * gradients).sum(-1) + SMALL**2) ** 0.5
    else:
        length = abs(gradients).sum(-1) + SMALL
    return gradients * (norm / length).clip(max=1.0)[..., None]
