"""The attacker's pictures: his own faces, and faces of nobody to ask the target about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from attacks._own import groups
from fowh.core.release import Floats
from fowh.core.view import View

if TYPE_CHECKING:
    import torch

SIDE = 64  # of a reconstruction, pixels
LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
BATCH = 256  # pictures per question


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pictures, what the inverter will see of each, and their embeddings under the target.

    Attributes:
        pictures: (n, 64, 64) uint8 grey.
        inputs: (n, m) float32, what the inverter reads; the embeddings, or approximations.
        embeddings: (n, d) float32.
        groups: (n,) int64; rows of one group are left out together (readings of a subject).
        own: how many of the first rows are photographs of the attacker, not morphs.
    """

    pictures: NDArray[np.uint8]
    inputs: Floats
    embeddings: Floats
    groups: NDArray[np.int64]
    own: int


def shrink(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Prepared images (n, h, w[, 3]) to (n, 64, 64) grey, with antialiasing."""
    import torch
    from torch.nn.functional import interpolate

    out = np.empty((len(images), SIDE, SIDE), dtype=np.uint8)
    for start in range(0, len(images), BATCH):
        rows = images[start : start + BATCH].astype(np.float32)
        grey = torch.from_numpy(rows @ LUMA if rows.ndim == 4 else rows)[:, None]
        small = interpolate(grey, (SIDE, SIDE), mode="bilinear", antialias=True)[:, 0]
        out[start : start + BATCH] = small.round().clamp(0, 255).byte().numpy()
    return out


def draw(
    pictures: NDArray[np.uint8], count: int, spread: float, generator: torch.Generator
) -> NDArray[np.uint8]:
    """Faces of nobody: (count, 64, 64) from a Gaussian with the pictures' mean and covariance.

    A random sum of all deviations from the mean face is a draw from the Gaussian on their
    eigenfaces (Turk and Pentland, 1991), and no decomposition is needed. Unlike a mixture of two or
    three faces it leaves the neighbourhood of the attacker's subjects in every direction.

    Args:
        pictures: (n, 64, 64), the attacker's own.
        count: how many.
        spread: standard deviation, in those of the pictures; below 1 is nearer the mean face.
        generator: the randomness.
    """
    import torch

    flat = torch.from_numpy(pictures.reshape(len(pictures), -1)).float()
    mean = flat.mean(dim=0)
    weights = torch.randn(count, len(flat), generator=generator) * (spread / len(flat) ** 0.5)
    made = mean + weights @ (flat - mean)
    faces: NDArray[np.uint8] = made.round().clamp(0, 255).byte().numpy()
    return faces.reshape(-1, SIDE, SIDE)


def collect(view: View, count: int, spread: float, generator: torch.Generator) -> Pairs:
    """The attacker's own pairs, and ``count`` morphs that he asks the target about."""
    assert view.samples is not None
    own = shrink(view.samples)
    pictures, embeddings, whose = [own], [view.embeddings], [groups(view)]
    if count and view.query is not None:
        made = draw(own, count, spread, generator)
        pictures.append(made)
        for start in range(0, count, BATCH):
            view.progress("morph_gan: querying", start / count)
            embeddings.append(view.query(made[start : start + BATCH]))
        whose.append(whose[0].max() + 1 + np.arange(count))
    known = np.concatenate(embeddings).astype(np.float32)
    return Pairs(np.concatenate(pictures), known, known, np.concatenate(whose), len(own))
