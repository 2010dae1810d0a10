"""A small world to attack: embeddings of people with a decaying spectrum, far from centred."""

from __future__ import annotations

from typing import Any

import numpy as np

from fowh.core.release import Floats, Release
from fowh.core.scheme import Scheme
from fowh.core.view import View

DIMENSION = 32
OWN_PEOPLE, VICTIMS, READINGS = 40, 20, 4


def people(count: int, seed: int) -> Floats:
    """(count * READINGS, d) embeddings, READINGS neighbouring rows for each person."""
    rng = np.random.default_rng(seed)
    spread = np.arange(1, DIMENSION + 1) ** -0.4
    centres = np.repeat(rng.standard_normal((count, DIMENSION)), READINGS, axis=0)
    noise = 0.3 * rng.standard_normal(centres.shape)
    return (0.5 + spread * (centres + noise)).astype(np.float32)


def steal(
    scheme: Scheme, shared: bool = True, leaked: bool = True, **changes: Any
) -> tuple[View, Floats]:
    """What an attacker sees, and the truth: the embeddings behind the stolen rows."""
    own, truth = people(OWN_PEOPLE, 1), people(VICTIMS, 2)
    whose = np.repeat(np.arange(VICTIMS), READINGS)
    # Descending, so that rows in order of their keys are not rows in order.
    keys = np.full(len(truth), 7, np.uint64) if shared else (1000 - whose).astype(np.uint64)
    fitted = scheme.fit(own)
    release: Release = fitted.release(truth, keys, np.random.default_rng(3))
    if not leaked:
        release = release.without_token()
    subjects = np.repeat(np.arange(OWN_PEOPLE), READINGS)
    return View(fitted, release, own, subjects, **changes), truth


def cosine(guess: Floats, truth: Floats, mean: Floats) -> Floats:
    """(n,) cosine of guess and truth, centred on ``mean``: the centred purity."""
    a, b = guess - mean, truth - mean
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    out: Floats = np.einsum("ij,ij->i", a, b) / np.maximum(lengths, 1e-12)
    return out


def rank1(guess: Floats, truth: Floats) -> float:
    """How often the nearest other reading of the victims belongs to the same person."""
    distance = np.linalg.norm(guess[:, None] - truth[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    whose = np.repeat(np.arange(VICTIMS), READINGS)
    return float((whose[distance.argmin(axis=1)] == whose).mean())
