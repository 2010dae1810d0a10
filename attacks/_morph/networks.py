"""The generator, which starts at a closed-form inverse, its opponent, and how to look at both."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pixel_shuffle, pixel_unshuffle

from attacks._morph.morphs import BATCH, SIDE
from fowh.core.release import Floats


class Coarse(nn.Module):
    """Embedding -> weights of eigenfaces, by a radial basis network with a linear part.

    Its arrays come from ``coarse.fit`` (kernel ridge regression), not from gradient descent.
    """

    origin: Tensor  # (d,) what embeddings are centred on
    centres: Tensor  # (n, d) the attacker's embeddings, centred
    width: Tensor  # () of the Gaussian kernel
    linear: Tensor  # () weight of the linear kernel
    dual: Tensor  # (n, k)
    faces: Tensor  # (k, 4096) eigenfaces
    mean: Tensor  # (4096,) the mean face, in 0..1

    def __init__(self, count: int, dimension: int, faces: int) -> None:
        super().__init__()
        shapes: dict[str, tuple[int, ...]] = {
            "origin": (dimension,),
            "centres": (count, dimension),
            "width": (),
            "linear": (),
            "dual": (count, faces),
            "faces": (faces, SIDE * SIDE),
            "mean": (SIDE * SIDE,),
        }
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))

    def forward(self, embeddings: Tensor) -> Tensor:
        near = kernel(embeddings - self.origin, self.centres, self.width, self.linear)
        return (self.mean + near @ self.dual @ self.faces).view(-1, 1, SIDE, SIDE)


def kernel(left: Tensor, right: Tensor, width: Tensor, linear: Tensor) -> Tensor:
    """Gaussian kernel plus a linear one, (n, d) and (m, d) -> (n, m)."""
    inner = left @ right.T
    square = left.square().sum(1)[:, None] + right.square().sum(1) - 2 * inner
    return torch.exp(square / (-2 * width**2)) + linear * inner


class Refiner(nn.Module):
    """A coarse face and its embedding -> what to add: a small U-net at 32 and 16 pixels.

    It starts at zero, so that the generator starts at the closed form.
    """

    def __init__(self, dimension: int, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.seed = nn.Linear(dimension, 2 * channels * 16)  # (2c, 4, 4) of the embedding
        self.enter = nn.Conv2d(4, channels, 3, padding=1)
        self.down = nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1)
        self.deep = nn.ModuleList(
            nn.Conv2d(2 * channels, 2 * channels, 3, padding=1) for _ in range(4)
        )
        self.up = nn.Conv2d(2 * channels, 4 * channels, 3, padding=1)
        self.late = nn.Conv2d(channels, channels, 3, padding=1)
        self.leave = nn.Conv2d(channels, 4, 3, padding=1)

    def forward(self, coarse: Tensor, embeddings: Tensor) -> Tensor:
        wide = leaky_relu(self.enter(pixel_unshuffle(coarse - 0.5, 2)), 0.1)
        seed = self.seed(embeddings).view(-1, 2 * self.channels, 4, 4)
        x = self.down(wide) + interpolate(seed, scale_factor=4.0, mode="bilinear")
        for first, second in zip(self.deep[::2], self.deep[1::2], strict=True):
            x = x + second(leaky_relu(first(leaky_relu(x, 0.1)), 0.1))
        x = pixel_shuffle(self.up(leaky_relu(x, 0.1)), 2) + wide
        x = leaky_relu(self.late(leaky_relu(x, 0.1)), 0.1)
        return pixel_shuffle(self.leave(x), 2)


class MorphGenerator(nn.Module):
    """Embeddings (n, d) -> faces (n, 1, 64, 64) in 0..1, not yet clamped."""

    def __init__(self, count: int, dimension: int, faces: int, channels: int) -> None:
        super().__init__()
        self.coarse = Coarse(count, dimension, faces)
        self.refiner = Refiner(dimension, channels)

    def forward(self, embeddings: Tensor) -> Tensor:
        return self.refine(self.coarse(embeddings), embeddings)

    def refine(self, coarse: Tensor, embeddings: Tensor) -> Tensor:
        """Second half alone: in training the coarse face is one that left its own pair out."""
        scaled = (embeddings - self.coarse.origin) / self.coarse.width
        refined: Tensor = coarse + self.refiner(coarse, scaled)
        return refined


class Strided(nn.Module):
    """Pictures (n, c, s, s) in 0..1, folded, then halved by each of its convolutions."""

    def __init__(self, channels: int, *widths: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise((4 * channels, *widths))
        )

    def through(self, pictures: Tensor, depth: int | None = None) -> list[Tensor]:
        """What the first ``depth`` layers make, all of them by default."""
        x, made = pixel_unshuffle(pictures - 0.5, 2), []
        for layer in self.layers[:depth]:
            x = leaky_relu(layer(x), 0.2)
            made.append(x)
        return made


class MorphDiscriminator(Strided):
    """Faces (n, 1, 64, 64) -> logits (n,) of being a photograph."""

    def __init__(self, channels: int) -> None:
        super().__init__(1, channels, 2 * channels, 4 * channels)
        self.leave = nn.Linear(4 * channels * 16, 1)

    def forward(self, faces: Tensor) -> Tensor:
        logits: Tensor = self.leave(self.through(faces)[-1].flatten(1))[:, 0]
        return logits


def pictures_of(
    network: Callable[[Tensor], Tensor], inputs: Floats, device: str
) -> NDArray[np.uint8]:
    """What a network makes of inputs (n, m), as bytes: (n, s, s) grey or (n, s, s, 3)."""
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(inputs), BATCH):
            made = network(torch.tensor(inputs[begin : begin + BATCH], device=device))
            whole = made.float().clamp(0, 1).mul(255).round().byte().permute(0, 2, 3, 1)
            parts.append(whole.cpu().numpy())
    pictures = np.concatenate(parts)
    return pictures[..., 0] if pictures.shape[-1] == 1 else pictures
