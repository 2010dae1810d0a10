"""Each face brought nearer to its embedding: by asking the target, or through its network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from attacks._morph.morphs import SIDE
from attacks._morph.networks import MorphGenerator, pictures_of
from attacks._own import affordable
from fowh.core.release import Floats
from fowh.core.view import View

CORRECTION = 0.5  # of the missing part of an embedding that is asked for on top
RATE, PRIOR = 0.1, 5e-3  # of ``descend``; chosen by ``python -m bench.descent``
MOMENTS = (0.9, 0.99)
ROWS = 64  # that descend at once


def corrected(
    view: View, inverter: MorphGenerator, wanted: Floats, rounds: int
) -> NDArray[np.uint8]:
    """Faces (n, 64, 64) of the wanted embeddings (n, d), the nearest of a closed loop's rounds."""
    made = best = pictures_of(inverter, wanted, view.device)
    asked, least = wanted, np.full(len(wanted), np.inf)
    for _ in range(rounds + 1 if rounds else 0):
        if view.query is None or affordable(view, len(wanted)) < len(wanted):
            break
        missing = wanted - view.query(made)
        distance = np.linalg.norm(missing, axis=1)
        best = np.where((distance < least)[:, None, None], made, best)
        least = np.minimum(distance, least)
        asked = asked + CORRECTION * missing
        made = pictures_of(inverter, asked, view.device)
    return best


def descend(
    module: nn.Module,
    inverter: MorphGenerator,
    first: NDArray[np.uint8],
    wanted: Floats,
    own: NDArray[np.uint8],
    steps: int,
    rate: float = RATE,
    prior: float = PRIOR,
) -> NDArray[np.uint8]:
    """Faces whose embeddings are nearer to the wanted ones, among faces that are likely.

    Only weights of eigenfaces move, each by its spread among the attacker's own faces, and a move
    costs as much as it is unlikely: pixels on their own would find patterns that one network
    believes and nobody sees. Every row descends alone, and keeps the face of least cost.

    Args:
        module: the target's network, (n, 1, 64, 64) in 0..1 -> (n, d).
        inverter: made the first faces; its eigenfaces move them.
        first: (n, 64, 64) where they start.
        wanted: (n, d).
        own: (m, 64, 64) the attacker's own faces.
        steps: of Adam; 0 leaves the faces as they are.
        rate: Adam's step at the start, in standard deviations of an eigenface's weight.
        prior: what the square of a standard deviation costs, in squared usual distances.
    """
    faces, usual = inverter.coarse.faces, inverter.coarse.width
    flat = torch.tensor(own, device=faces.device).flatten(1) / 255
    axes = ((flat - flat.mean(dim=0)) @ faces.T).std(dim=0)[:, None] * faces
    made = first.copy()
    for begin in range(0, len(first) if steps else 0, ROWS):
        rows = slice(begin, begin + ROWS)
        start = torch.tensor(first[rows], device=faces.device)[:, None] / 255
        target = torch.tensor(wanted[rows], device=faces.device)
        made[rows] = _bytes(_likely(module, start, target, axes, usual, steps, rate, prior))
    return made


def _likely(
    module: nn.Module,
    start: Tensor,
    wanted: Tensor,
    axes: Tensor,
    usual: Tensor,
    steps: int,
    rate: float,
    prior: float,
) -> Tensor:
    """The faces (n, 1, 64, 64) of least cost on the way; distances are in ``usual`` ones."""
    weights = torch.zeros(len(start), len(axes), device=start.device)
    mean, power = torch.zeros_like(weights), torch.zeros_like(weights)
    best, least = start, torch.full((len(start),), torch.inf, device=start.device)
    for step in range(1, steps + 2):
        weights.requires_grad_()
        seen = (start + (weights @ axes).view(-1, 1, SIDE, SIDE)).clamp(0, 1)
        cost = (module(seen) - wanted).square().sum(dim=1) / usual**2
        cost = cost + prior * weights.square().sum(dim=1)
        nearer = cost.detach() < least
        best = torch.where(nearer[:, None, None, None], seen.detach(), best)
        least = torch.where(nearer, cost.detach(), least)
        if step > steps:
            break
        # A sum: every row descends on its own, whichever stand beside it.
        (slope,) = torch.autograd.grad(cost.sum(), weights)
        weights = weights.detach()
        mean = torch.lerp(slope, mean, MOMENTS[0])
        power = torch.lerp(slope.square(), power, MOMENTS[1])
        pace = rate * (1 - 0.9 * (step - 1) / steps)
        ahead = (power / (1 - MOMENTS[1] ** step)).sqrt() + 1e-12
        weights = weights - pace * (mean / (1 - MOMENTS[0] ** step)) / ahead
    return best


def _bytes(faces: Tensor) -> NDArray[np.uint8]:
    whole: NDArray[np.uint8] = faces.mul(255).round().byte()[:, 0].cpu().numpy()
    return whole
