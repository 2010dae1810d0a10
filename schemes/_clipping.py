"""Clipping of single samples' gradients, for arrays and tensors alike."""

from __future__ import annotations

import math
from typing import Any

SMALL = 1e-12  # below it a gradient is nothing
LONGER = {2: 10.0, 1: 1000.0}  # how much longer a step may be, by the order of the norm
BORNE = 0.5  # how much longer, times the noise's deviation


def clip(gradients: Any, norm: float, order: int = 2) -> Any:
    """Gradients (..., p) shortened to at most ``norm`` in L1 or L2, their direction kept."""
    if order == 2:
        length = ((gradients * gradients).sum(-1) + SMALL**2) ** 0.5
    else:
        length = abs(gradients).sum(-1) + SMALL
    return gradients * (norm / length).clip(max=1.0)[..., None]


def longer(norm: float, sigma: float = 0.0, clients: int = 1, order: int = 2) -> float:
    """The server's pace where gradients are clipped, chosen on other people.

    Clipping to 1 shortens the gradients of ``mlp`` some tenfold in L2 and a thousandfold in L1, so
    that steps of the unprotected length lead nowhere in as many rounds; noise grows with the step,
    and with the root of how many clients add one each to what together is as many samples
    (``python -m bench.tuning``, docs/gradients.md).
    """
    return min(LONGER[order], BORNE / max(sigma * math.sqrt(clients), SMALL)) / norm
