"""Softmax losses with an angular margin, on cosines between features and class weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

NAMES = ("sphereface", "arcface", "cosface")
SCALE = 30.0  # of the normalised losses


def cosines(features: Tensor, weights: Tensor) -> Tensor:
    """(n, d) features and (c, d) class weights to (n, c) cosines, kept off the poles of acos."""
    return (normalize(features) @ normalize(weights).T).clamp(-1 + 1e-6, 1 - 1e-6)


def logits(name: str, features: Tensor, weights: Tensor) -> Tensor:
    """What is a classifier's softmax input after training: no margin."""
    return cosines(features, weights) * _scale(name, features)


def loss(name: str, features: Tensor, weights: Tensor, labels: Tensor, progress: float) -> Tensor:
    """Mean cross-entropy after the margin.

    Args:
        name: sphereface (Liu et al. 2017, eq. 8: multiplicative margin 4, features keep their
            length), arcface (Deng et al. 2019: additive angle 0.5) or cosface (Wang et al. 2018:
            additive cosine 0.35); the latter two on normalised features.
        features: (n, d) float32.
        weights: (c, d) float32.
        labels: (n,) int64.
        progress: fraction of the training that is over; anneals the margin of SphereFace, whose
            authors mix the plain cosine in with a weight that falls from 1000 to 5.
    """
    cosine, scale = cosines(features, weights), _scale(name, features)
    mine = cosine.gather(1, labels[:, None])
    if name == "sphereface":
        plain = max(5.0, 1000.0 / (1 + 200 * progress))
        wanted = (plain * mine + sphere(mine)) / (1 + plain)
    elif name == "arcface":
        angle = mine.acos()
        # Beyond pi the cosine would rise again: its tangent there takes over, as the authors do.
        wanted = torch.where(
            angle < math.pi - 0.5, (angle + 0.5).cos(), mine - 0.5 * math.sin(math.pi - 0.5)
        )
    else:
        wanted = mine - 0.35
    return cross_entropy(cosine.scatter(1, labels[:, None], wanted) * scale, labels)


def sphere(cosine: Tensor) -> Tensor:
    """(-1)^k cos(4 t) - 2 k on [k pi / 4, (k + 1) pi / 4]: falls from 1 to -7 as t goes to pi."""
    sector = (cosine.detach().acos() * (4 / math.pi)).floor()
    square = cosine.square()
    multiple = 8 * square * square - 8 * square + 1  # cos(4 t)
    return (1 - 2 * (sector % 2)) * multiple - 2 * sector


def _scale(name: str, features: Tensor) -> Tensor | float:
    return features.norm(dim=1, keepdim=True) if name == "sphereface" else SCALE
