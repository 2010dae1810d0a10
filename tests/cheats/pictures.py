"""The people of the tests: vectors that are drawn; small pictures, and recognisers of those."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import fowh
from fowh.core.target import Prepared

POPULATION = "gaussian:subjects=20,readings=4,dim=32,within=0.3"
SIDE = 16


@dataclass(frozen=True)
class Blobs(fowh.Dataset):
    """Smooth pictures: a subject is 5 x 5 numbers, a reading moves them a little."""

    people: int = 40
    readings: int = 4

    def load(self) -> fowh.Samples:
        rng = np.random.default_rng(0)
        people = rng.normal(size=(self.people, 1, 5, 5))
        each = people + 0.25 * rng.normal(size=(self.people, self.readings, 5, 5))
        at = np.linspace(0, 4, SIDE)
        weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(5)))
        smooth = np.einsum("ai,prij,bj->prab", weights, each, weights)
        pictures = np.clip(128 + 40 * smooth, 0, 255).astype(np.uint8).reshape(-1, SIDE, SIDE)
        names = tuple(f"s{number}" for number in range(self.people))
        subjects = np.repeat(np.arange(self.people), self.readings)
        return fowh.Samples(
            subjects, names, f"blobs{self.people}x{self.readings}", pictures, "image"
        )


@dataclass(frozen=True)
class Blocks(fowh.Target):
    """Means of 5 x 5 blocks, mixed: a recogniser of what people can see."""

    modality = "image"
    seed: int = 0

    def prepare(self, samples: np.ndarray) -> Prepared:
        return Prepared(samples, np.ones(len(samples), dtype=np.bool_))

    def embed(self, samples: np.ndarray, device: str = "cpu") -> np.ndarray:
        return (grey(samples) @ self.weights()).astype(np.float32)

    def weights(self) -> np.ndarray:
        """(pixels, d)."""
        at = np.linspace(0, 4, SIDE)
        near = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(5)))
        blocks = np.einsum("ai,bj->abij", near, near).reshape(SIDE**2, 25)
        mixed = np.random.default_rng(self.seed).standard_normal((25, 25))
        return blocks @ np.linalg.qr(mixed)[0]

    @property
    def sha256(self) -> str:
        return f"blocks {self.seed}"


@dataclass(frozen=True)
class Textured(Blocks):
    """The same, and of every pixel a little: a network that fine patterns move as much as faces."""

    fine: float = 0.5

    def weights(self) -> np.ndarray:
        coarse = super().weights()
        fine = np.random.default_rng(self.seed + 1).standard_normal(coarse.shape)
        fine -= coarse @ np.linalg.lstsq(coarse, fine, rcond=None)[0]
        return coarse + self.fine * fine

    @property
    def sha256(self) -> str:
        return f"textured {self.seed} {self.fine}"


def grey(samples: np.ndarray) -> np.ndarray:
    """(n, pixels) from pictures in grey or in colours, about their middle; larger ones shrunk."""
    flat = samples if samples.ndim == 3 else samples.mean(axis=3)
    times = flat.shape[1] // SIDE
    small = flat.reshape(len(flat), SIDE, times, SIDE, times).mean(axis=(2, 4))
    return (small.reshape(len(flat), -1).astype(np.float64) - 128) / 128
