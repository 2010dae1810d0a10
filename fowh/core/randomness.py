"""Named streams of randomness: a new stage, or a new key, shifts no other."""

from __future__ import annotations

import numpy as np


def stream(seed: int, *stage: str | int) -> np.random.Generator:
    """The randomness of one stage. Keyed by name, so a new stage shifts no other."""
    words = [byte for name in stage for byte in (*str(name).encode(), 0)]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))


def key_stream(key: int, purpose: str) -> np.random.Generator:
    """The public randomness that a key stands for: one stream per (key, purpose)."""
    words = [key & 0xFFFFFFFF, key >> 32, *purpose.encode()]
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))
