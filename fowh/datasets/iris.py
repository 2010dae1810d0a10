"""Synthetic irises: segmented, grey, two eyes of each person; drawn, not photographed; offline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import cached, digest, source_digest
from fowh.core.dataset import Dataset, Samples, tell_reading
from fowh.core.errors import InputError
from fowh.core.memory import fits

if TYPE_CHECKING:
    from torch import Tensor

RINGS, ANGLES = 32, 256  # of the polar texture, pupil to limbus
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Iris(Dataset):
    """A stand-in for ND-IRIS-0405 (Bowyer and Flynn, 2016), which may not be redistributed.

    What tells two eyes apart is the texture alone: band-limited noise in polar coordinates (coarse
    crypts, fine radial fibres in the ciliary zone, a wavy collarette), normalised so that no eye is
    brighter or has more contrast than another. The left and the right eye of a person share
    nothing (Daugman, 2004). Each reading changes pupil dilation (which stretches the texture
    without being a linear map of pixels), rotation, centre, focus, illumination, noise, eyelids and
    specular reflections. As in a segmented photograph, all that is not iris is black.

    Attributes:
        people: each has two eyes, so there are twice as many subjects.
        readings: of each eye.
        side: of the square pictures, in pixels.
        seed: of everything; more people leave the pictures of the first ones as they are.
    """

    quick: ClassVar[Mapping[str, Any]] = {"people": 4, "readings": 3, "side": 32}
    people: int = 356
    readings: int = 28
    side: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        if self.people < 2 or self.readings < 2 or not 16 <= self.side <= 512 or self.seed < 0:
            raise InputError(
                f"iris: people={self.people}, readings={self.readings}, side={self.side}, seed="
                f"{self.seed}; give people and readings >= 2, side 16 to 512, seed >= 0"
            )

    def load(self) -> Samples:
        """Draw all readings, or find them in the cache.

        Returns:
            2 * people * readings samples; images (n, side, side) uint8, names p1-left, p1-right ...
        """
        fits("iris: people, readings, side", (2 * self.people, self.readings, self.side**2), 1)
        recipe = (self.people, self.readings, self.side, self.seed, source_digest(__file__))
        images = cached("iris", digest(*recipe), lambda: {"images": self._draw()})["images"]
        names = tuple(
            f"p{person}-{eye}" for person in range(1, self.people + 1) for eye in ("left", "right")
        )
        subjects = np.repeat(np.arange(len(names), dtype=np.int64), self.readings)
        left = np.tile([True, False], self.people)
        return Samples(subjects, names, digest(names, images), images, "image", {"left": left})

    def _draw(self) -> NDArray[np.uint8]:
        count = self.readings
        out = np.empty((2 * self.people * count, self.side, self.side), dtype=np.uint8)
        for eye in range(2 * self.people):
            rng = np.random.default_rng([self.seed, eye])
            out[eye * count : (eye + 1) * count] = photograph(texture(rng), self.side, count, rng)
            tell_reading(f"drawing eye {eye + 1} of {2 * self.people}", eye / (2 * self.people))
        return out


def texture(rng: np.random.Generator) -> Floats:
    """One eye's texture (RINGS, ANGLES), pupil to limbus; mean 0, variance 1 in every eye."""
    radius = np.linspace(0, 1, RINGS, dtype=np.float32)[:, None]
    angle = np.linspace(0, 2 * np.pi, ANGLES, endpoint=False)
    waves = np.arange(2, 9)
    phases, heights = rng.uniform(0, 2 * np.pi, len(waves)), rng.normal(0, 0.022, len(waves))
    ruff = 0.34 + (heights[:, None] * np.sin(np.outer(waves, angle) + phases[:, None])).sum(axis=0)
    ciliary = 1 / (1 + np.exp((ruff - radius) / 0.04))  # outside the collarette
    crypts, fibres = _band(rng, (0.5, 2.0), (1, 6)), _band(rng, (0.0, 1.5), (6, 14))
    spots = _band(rng, (2.0, 5.0), (6, 24))
    made = np.minimum(crypts, 0.8) + 0.45 * ciliary * fibres + 0.15 * spots
    made += 0.9 * np.exp(-(((radius - ruff) / 0.06) ** 2))
    made -= made.mean(axis=1, keepdims=True)  # the rings' means would be a linear cue
    return np.asarray(made / made.std(), dtype=np.float32)


def _band(
    rng: np.random.Generator, radial: tuple[float, float], around: tuple[float, float]
) -> NDArray[np.float64]:
    """Noise (RINGS, ANGLES) of unit variance whose frequencies lie in a band; cyclic in angle."""
    noise = np.fft.rfft2(rng.standard_normal((2 * RINGS, ANGLES)))
    rows = np.abs(np.fft.fftfreq(2 * RINGS, 1 / RINGS))[:, None]  # cycles from pupil to limbus
    columns = np.arange(ANGLES // 2 + 1)  # cycles around
    inside = (rows <= radial[1]) & (columns >= around[0]) & (columns <= around[1])
    inside &= (rows >= radial[0]) | (columns >= 2 * around[0])
    field = np.fft.irfft2(noise * inside, s=(2 * RINGS, ANGLES))[:RINGS]
    return np.asarray(field / field.std())


def photograph(polar: Floats, side: int, count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Readings (count, side, side) uint8 of one eye."""
    import torch
    from torch.nn.functional import avg_pool2d, grid_sample

    def vary(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, 1, 1)).astype(np.float32))

    def inside(distance: Tensor) -> Tensor:
        """Share of each pixel on the inner side of an edge, from its distance."""
        return (distance * (side / 2) + 0.5).clamp(0, 1)

    axis = (torch.arange(side) + 0.5) * (2 / side) - 1
    x, y = axis[None, None, :] - vary(-0.03, 0.03), axis[None, :, None] - vary(-0.03, 0.03)
    limbus, pupil = vary(0.88, 0.95), vary(0.26, 0.46)
    radius = (x.square() + y.square()).sqrt()
    angle = torch.atan2(y, x) + torch.deg2rad(vary(-5, 5))
    depth = (radius - pupil) / (limbus - pupil)
    stretch = depth.clamp(1e-4, 1) ** (1 + 1.2 * (pupil - 0.36))  # inner tissue moves more
    around = torch.remainder(angle / (2 * torch.pi), 1) * (2 * ANGLES / (ANGLES + 1)) - 1
    grid = torch.stack([around.expand_as(depth), 2 * stretch - 1], dim=-1)
    cyclic = torch.from_numpy(np.concatenate([polar, polar[:, :1]], axis=1))
    field = cyclic.expand(count, 1, -1, -1)
    grey = grid_sample(field, grid, align_corners=True, padding_mode="border")[:, 0]
    grey = vary(0.42, 0.58) + vary(0.085, 0.15) * grey - 0.10 * (depth - 0.5)
    direction, slope = vary(0, 2 * np.pi), vary(0, 0.14)
    grey = grey + slope * (direction.cos() * x + direction.sin() * y)
    for _ in range(2):  # reflections of the lamps
        glint = (x - vary(-0.35, 0.35)).square() + (y - vary(-0.35, 0.35)).square()
        grey = grey + 0.8 * inside(vary(0.02, 0.07) - glint.sqrt())
    upper = y - vary(-1.1, -0.45) - 0.35 * x.square()
    lower = vary(0.6, 1.2) - 0.25 * x.square() - y
    edges = (radius - pupil, limbus - radius, upper, lower)
    soft = avg_pool2d(grey[:, None], 3, stride=1, padding=1, count_include_pad=False)[:, 0]
    focus = vary(0.0, 0.7)  # out of focus by a part of a pixel
    grey = (1 - focus) * grey + focus * soft
    grey = grey + torch.from_numpy(rng.normal(0, 0.02, grey.shape).astype(np.float32))
    for edge in edges:
        grey = grey * inside(edge)
    return (grey * 255).clamp(0, 255).round().byte().numpy()
