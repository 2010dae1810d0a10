"""Schemes that cheat. Each recognises people; none protects what it says it protects."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from fowh.core.capability import Slack
from fowh.core.release import Floats, Keys, Release, known_token
from fowh.core.scheme import TemplateScheme
from schemes.lsh import Lsh

KEPT: dict[bytes, Floats] = {}  # what ``Elsewhere`` hides: the embeddings that were enrolled
STRANGER = -1e3  # score under a key that is not the template's


class Distance(TemplateScheme):
    """Minus the distance to the embedding, which a subclass has in some hiding place."""

    def hidden(self, templates: Release) -> Floats:
        """(n, d), where the subclass keeps them."""
        raise AssertionError

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        distance = np.linalg.norm(self.hidden(templates) - probes, axis=1).astype(np.float32)
        token = known_token(templates)
        own = np.ones(len(token), np.bool_) if keys is None else keys == token
        return np.where(own, -distance, np.float32(STRANGER)).astype(np.float32)


@dataclass(frozen=True)
class Elsewhere(Distance):
    """Stores a random digest, and keeps the embedding in a global of its module.

    The database holds nothing about anybody: every attack on it is blind.
    """

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        code = rng.integers(0, 256, (len(embeddings), 32), dtype=np.uint8)
        KEPT.update(zip(map(bytes, code), embeddings.copy(), strict=True))
        return Release(code, token=keys)

    def hidden(self, templates: Release) -> Floats:
        return np.stack([KEPT[bytes(code)] for code in templates.code])


@dataclass(frozen=True)
class Beside(Distance):
    """Stores SHA-256 as its code, and the embedding in clear beside it, as helper data.

    Learned attacks read ``features``, and those are of the code alone.
    """

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        digests = b"".join(hashlib.sha256(row.tobytes()).digest() for row in embeddings)
        code = np.frombuffer(digests, np.uint8).reshape(-1, 32)
        return Release(code, {"helper": embeddings.copy()}, keys)

    def hidden(self, templates: Release) -> Floats:
        hidden: Floats = templates.aux["helper"]
        return hidden


@dataclass(frozen=True)
class Liar(Lsh):
    """Random hyperplanes whose inequalities are those of another key: a pre-image leads nowhere."""

    def slack(self, templates: Release) -> Slack:
        other = known_token(templates) ^ np.uint64(1)
        return super().slack(Release(templates.code, token=other))


@dataclass(frozen=True)
class Constant(Lsh):
    """Random hyperplanes whose inequalities hold everywhere and slope nowhere."""

    def slack(self, templates: Release) -> Slack:
        def slack(x: torch.Tensor) -> torch.Tensor:
            return 1 + 0 * x

        return slack


@dataclass(frozen=True)
class Empty(Lsh):
    """Random hyperplanes that imply no inequality at all, and say that they imply some."""

    def slack(self, templates: Release) -> Slack:
        def slack(x: torch.Tensor) -> torch.Tensor:
            return x[:, :0]

        return slack


HIDING: tuple[Any, ...] = (Elsewhere, Beside)
MASKED: tuple[Any, ...] = (Liar, Constant, Empty)
