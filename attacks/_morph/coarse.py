"""The closed-form half of the inverter: kernel ridge regression from embeddings to eigenfaces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from attacks._morph.morphs import SIDE, Pairs
from attacks._morph.networks import kernel
from fowh.kit import ridge

FACES = 300  # eigenfaces at most
SAMPLE = 2000  # pairs that give the eigenfaces and choose the penalty
PENALTIES = (1e-2, 3e-2, 1e-1, 3e-1)
LINEAR = 0.3  # weight of the linear kernel where embeddings have unit median distance


@dataclass(frozen=True, eq=False)
class Fit:
    """What ``fit`` found.

    Attributes:
        arrays: the buffers of ``networks.Coarse``.
        held_out: (n, 1, 64, 64) each pair's coarse face as predicted from the *other* groups: what
            coarse faces of strangers look like. The refiner is trained on these.
    """

    arrays: dict[str, Tensor]
    held_out: Tensor


def fit(pairs: Pairs, device: str) -> Fit:
    """Fit on all pairs; the kernel is as wide as own embeddings usually are apart."""
    pictures = torch.tensor(pairs.pictures, device=device).view(len(pairs.pictures), -1) / 255
    embeddings = torch.tensor(pairs.inputs, device=device)
    groups = torch.tensor(pairs.groups, device=device)
    origin, mean = embeddings.mean(dim=0), pictures.mean(dim=0)
    faces = eigenfaces(pictures[_spread(len(pictures))] - mean)
    target, centred = (pictures - mean) @ faces.T, embeddings - origin
    width = usual_distance(centred, pairs.own)
    linear = LINEAR / width**2
    gram = kernel(centred, centred, width, linear)
    # All photographs choose the penalty, and as many morphs as are affordable beside them.
    rows = torch.cat([torch.arange(pairs.own), pairs.own + _spread(len(gram) - pairs.own)])
    rows = rows.to(device)
    few = gram[rows][:, rows], target[rows], groups[rows]
    penalty = ridge.kernel_choice(*few, pairs.own, PENALTIES)
    inverse, dual = ridge.kernel_fit(gram, target, penalty)
    held_out = target - ridge.kernel_left_out(inverse, dual, groups)
    arrays = {
        "origin": origin,
        "centres": centred,
        "width": width,
        "linear": linear,
        "dual": dual,
        "faces": faces,
        "mean": mean,
    }
    return Fit(arrays, (mean + held_out @ faces).view(-1, 1, SIDE, SIDE))


def usual_distance(points: Tensor, own: int) -> Tensor:
    """The median distance of the first ``own`` points (n, d).

    Where most of these coincide (labels without scores) the mean one of all points; 1 where
    everything does.
    """
    rounding = 1e-2 * points.norm(dim=1).max()  # equal points are not quite at distance 0
    median = torch.cdist(points[:own], points[:own]).median()
    if median > rounding:
        return median
    mean = torch.cdist(points, points).mean()
    return mean if mean > rounding else torch.ones_like(mean)


def eigenfaces(deviations: Tensor) -> Tensor:
    """Orthonormal rows (k, 4096) that carry most of the deviations (m, 4096) from the mean face."""
    power, axes = torch.linalg.eigh(deviations @ deviations.T)
    kept = power > 1e-6 * power[-1]
    power, axes = power[kept][-FACES:], axes[:, kept][:, -FACES:]
    rows: Tensor = (axes / power.sqrt()).T @ deviations
    return rows


def _spread(count: int) -> Tensor:
    """Rows evenly spread over ``count``, SAMPLE at most."""
    return torch.linspace(0, max(count - 1, 0), min(SAMPLE, count)).long()


def surrogate(pairs: Pairs, found: Fit, device: str) -> Callable[[Tensor], Tensor]:
    """What a black-box attacker uses for the target: kernel ridge from eigenfaces to embeddings.

    It knows strangers' photographs badly, but the pictures that the inverter makes well enough (on
    ORL and dlib: cosine to the true embedding 0.35 and 0.79, both centred).

    Returns:
        A differentiable function, faces (n, 1, 64, 64) in 0..1 -> (n, d).
    """
    pictures = torch.tensor(pairs.pictures, device=device).view(len(pairs.pictures), -1) / 255
    embeddings = torch.tensor(pairs.embeddings, device=device)
    faces, mean, origin = found.arrays["faces"], found.arrays["mean"], embeddings.mean(dim=0)
    known = (pictures - mean) @ faces.T
    width = usual_distance(known, pairs.own)
    linear = LINEAR / width**2
    gram = kernel(known, known, width, linear)
    dual = torch.cholesky_solve(embeddings - origin, ridge.kernel_factor(gram, 1e-2))

    def features(pictures: Tensor) -> Tensor:
        asked = (pictures.flatten(1) - mean) @ faces.T
        return origin + kernel(asked, known, width, linear) @ dual

    return features
