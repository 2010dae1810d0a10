"""Small stand-ins for what a plug-in meets in a run, drawn anew from fixed seeds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import digest
from fowh.core.dataset import Samples
from fowh.core.modality import Modality
from fowh.core.protocol import Fold
from fowh.core.randomness import stream
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import Scheme
from fowh.core.target import Prepared, Target
from fowh.kit.images import resize

PEOPLE, READINGS, SIDE, DIMENSION = 12, 4, 32, 32
NAMES = ["Ada", "Ben", "Cleo", "Dov", "Esi", "Fritz", "Gus", "Hanna", "Ivo", "Jun", "Kofi", "Lea"]
LINES = ("home", "a song", "to him", "down what they saw")
VICTIMS = 4  # of the people, where the system knows no closed set


def subjects(people: int = PEOPLE, readings: int = READINGS) -> NDArray[np.int64]:
    """Whose the stand-ins are: everybody has as many readings, one after another."""
    return np.repeat(np.arange(people, dtype=np.int64), readings)


def pictures(
    people: int = PEOPLE, readings: int = READINGS, seed: int = 1, side: int = SIDE
) -> NDArray[np.uint8]:
    """Grey squares (people * readings, side, side): a coarse pattern for each person, and noise."""
    rng = np.random.default_rng(seed)
    patterns = rng.integers(60, 190, (people, 1, 4, 4))
    patterns = np.repeat(np.repeat(patterns, side // 4, axis=2), side // 4, axis=3)
    noise = rng.integers(-20, 20, (people, readings, side, side))
    return (patterns + noise).astype(np.uint8).reshape(-1, side, side)


def vectors(
    people: int = PEOPLE, readings: int = READINGS, seed: int = 1, dimension: int = DIMENSION
) -> Floats:
    """Embeddings (people * readings, dimension), well apart, off centre as real ones are."""
    rng = np.random.default_rng(seed)
    centres = 2 + rng.standard_normal((people, 1, dimension))
    noise = 0.2 * rng.standard_normal((people, readings, dimension))
    values: Floats = ((centres + noise) / dimension**0.5).astype(np.float32)
    return values.reshape(-1, dimension)


def answers(whose: NDArray[np.int64], classes: int = PEOPLE, seed: int = 1) -> Floats:
    """A classifier's answers (n, classes): probabilities, the right subject's the largest."""
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((len(whose), classes))
    scores[np.arange(len(whose)), whose] += 6
    return _shares(scores)


def embed(images: NDArray[np.uint8]) -> Floats:
    """A linear recogniser of images (n, s, s[, 3]); (n, DIMENSION)."""
    projection = np.random.default_rng(2).standard_normal((SIDE * SIDE, DIMENSION))
    grey = images if images.ndim == 3 else images.mean(axis=3).astype(np.uint8)
    pixels = resize(grey, SIDE).reshape(-1, SIDE * SIDE).astype(np.float32)
    said: Floats = (pixels - 100) @ (projection / (SIDE * 255)).astype(np.float32)
    return said


def embed_any(samples: NDArray[Any]) -> Floats:
    """A linear recogniser of stand-ins of another modality (n, ...); (n, DIMENSION)."""
    count = len(samples)
    if samples.dtype.kind == "U":
        samples = samples.astype("U60").view(np.uint32)
    flat = samples.reshape(count, -1).astype(np.float32)
    projection = np.random.default_rng(2).standard_normal((flat.shape[1], DIMENSION))
    said: Floats = flat @ (projection / flat.shape[1]).astype(np.float32)
    return said


def answer(images: NDArray[np.uint8]) -> Floats:
    """A classifier that knows the people of ``pictures()``; probabilities (n, PEOPLE)."""
    known = embed(pictures()).reshape(PEOPLE, READINGS, DIMENSION).mean(axis=1)
    distance = np.square(embed(images)[:, None] - known[None]).sum(axis=2)
    return _shares(-4 * distance / distance.mean(axis=1, keepdims=True))


def _shares(scores: NDArray[np.floating[Any]]) -> Floats:
    raised = np.exp(scores)
    shares: Floats = (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def fixed(*stage: str | int) -> np.random.Generator:
    """The randomness of a stage of the only fold there is."""
    return stream(0, *stage, 0)


def image_samples(people: int = PEOPLE) -> Samples:
    """Pictures of eyes, every other of them a left one."""
    values, whose = pictures(people), subjects(people)
    return _samples(values, whose, "image", {"left": np.arange(people) % 2 == 0})


def vector_samples(people: int = PEOPLE) -> Samples:
    """Ready embeddings."""
    return _samples(vectors(people), subjects(people), "vector", {})


def _samples(
    values: NDArray[Any], whose: NDArray[np.int64], modality: str, traits: dict[str, NDArray[Any]]
) -> Samples:
    names = tuple(f"person {number}" for number in range(int(whose.max()) + 1))
    return Samples(whose, names, digest(names, whose, values), values, modality, traits)


def fold(closed_set: bool) -> Fold:
    """Who is who: of a closed set everybody is in every part, with other readings."""
    whose, reading = subjects(), np.arange(PEOPLE * READINGS) % READINGS
    if closed_set:
        develop, own, victims = reading < 2, reading == 2, reading == 3
    else:
        victims = whose >= PEOPLE - VICTIMS
        develop = own = ~victims
    stolen = victims if closed_set else victims & (reading < 2)
    parts = (develop, own, victims, stolen, victims, whose < 0, own)
    return Fold(0, *map(np.flatnonzero, parts))


@dataclass(frozen=True)
class Stranger(Scheme):
    """Protects something that no leak knows."""

    protects = "nothing"

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(values, token=keys)


@dataclass(frozen=True)
class Deaf(Target):
    """Embeds pictures and can do nothing else."""

    modality = "image"

    def prepare(self, samples: NDArray[Any]) -> Prepared:
        return Prepared(samples, np.ones(len(samples), dtype=np.bool_))

    def embed(self, samples: NDArray[Any], device: str = "cpu") -> Floats:
        return embed(samples)

    @property
    def sha256(self) -> str:
        return digest("deaf")


def of_modality(modality: Modality) -> list[NDArray[Any]]:
    """Stand-ins (n, ...) in every form that the modality has: vectors, pictures, text or sound."""
    grey, whose = pictures(), subjects()
    sound = np.random.default_rng(3).uniform(-1, 1, (len(whose), 800)).astype(np.float32)
    families: tuple[tuple[NDArray[Any], ...], ...] = (
        (vectors(),),
        (grey, np.stack([grey, grey // 2, 255 - grey], axis=-1)),
        (np.array([f"{NAMES[p]} wrote {LINES[n % READINGS]}" for n, p in enumerate(whose)]),),
        (sound,),
    )
    for family in families:
        taken = [values for values in family if _takes(modality, values)]
        if taken:
            return taken
    return []


def _takes(modality: Modality, values: NDArray[Any]) -> bool:
    try:
        modality.check(values, len(values), values)
    except Exception:  # what is not its own may be of a shape that it cannot even ask about
        return False
    return True
