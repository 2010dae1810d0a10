"""Schemes that store the embedding, each in another disguise, and say nothing of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

import fowh
from fowh.core.release import Floats, Keys, Release, known_token

STRANGER = -1e3  # score under a key that is not the template's


def noise(rows: int, width: int, seed: int) -> np.ndarray:
    """(rows, width) bytes that are always the same."""
    return np.random.default_rng(seed).integers(0, 256, (rows, width), dtype=np.uint8)


def packed(embeddings: Floats, kind: str = "<f4") -> np.ndarray:
    """Rows of bytes."""
    return np.ascontiguousarray(embeddings, kind).view(np.uint8).reshape(len(embeddings), -1)


def digests(embeddings: Floats) -> np.ndarray:
    """(n, 32) SHA-256 of each row."""
    whole = b"".join(hashlib.sha256(row.tobytes()).digest() for row in embeddings)
    return np.frombuffer(whole, np.uint8).reshape(-1, 32)


@dataclass(frozen=True)
class Distance(fowh.TemplateScheme):
    """Minus the distance to the embedding, which a subclass has in some hiding place."""

    def hidden(self, templates: Release) -> Floats:
        """(n, d), where the subclass keeps them."""
        raise AssertionError

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        distance = np.linalg.norm(self.hidden(templates) - probes, axis=1)
        token = known_token(templates)
        own = np.ones(len(token), np.bool_) if keys is None else keys == token
        return np.where(own, -distance, STRANGER).astype(np.float32)


@dataclass(frozen=True)
class Beside(Distance):
    """A SHA-256 digest as code, and the embedding in clear beside it, as helper data."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(digests(embeddings), {"helper": embeddings.copy()}, keys)

    def hidden(self, templates: Release) -> Floats:
        found: Floats = templates.aux["helper"]
        return found


@dataclass(frozen=True)
class Shares(Distance):
    """A digest, and two shares beside it, of which each by itself is noise."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        share = rng.standard_normal(embeddings.shape).astype(np.float32)
        return Release(digests(embeddings), {"a": embeddings - share, "b": share}, keys)

    def hidden(self, templates: Release) -> Floats:
        found: Floats = templates.aux["a"] + templates.aux["b"]
        return found


@dataclass(frozen=True)
class Xored(Distance):
    """A digest, and the embedding's bytes XORed with a constant beside it."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        raw = packed(embeddings)
        return Release(digests(embeddings), {"salt": raw ^ noise(1, raw.shape[1], 7)}, keys)

    def hidden(self, templates: Release) -> Floats:
        salt = templates.aux["salt"]
        return np.ascontiguousarray(salt ^ noise(1, salt.shape[1], 7)).view("<f4")


@dataclass(frozen=True)
class Halves(Distance):
    """The embedding in half precision, as bytes, after a digest: one long code."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(np.hstack([digests(embeddings), packed(embeddings, "<f2")]), token=keys)

    def hidden(self, templates: Release) -> Floats:
        return np.ascontiguousarray(templates.code[:, 32:]).view("<f2").astype(np.float32)


@dataclass(frozen=True)
class Int64(Distance):
    """The embedding's bytes as the lower halves of signed integers, under upper halves of noise."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        low = np.ascontiguousarray(embeddings, "<f4").view("<u4").astype(np.int64)
        high = rng.integers(-(2**31), 2**31, low.shape) << 32
        return Release(digests(embeddings), {"salt": high | low}, keys)

    def hidden(self, templates: Release) -> Floats:
        low = (templates.aux["salt"] & 0xFFFFFFFF).astype("<u4")
        out: Floats = low.view("<f4").astype(np.float32)
        return out


@dataclass(frozen=True)
class Double(Distance):
    """The embedding in half precision, in the last bits of doubles that are noise."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        bits = rng.standard_normal(embeddings.shape).view("<u8") & ~np.uint64(0xFFFF)
        bits |= np.ascontiguousarray(embeddings, "<f2").view("<u2").astype("<u8")
        return Release(digests(embeddings), {"salt": bits.view("<f8")}, keys)

    def hidden(self, templates: Release) -> Floats:
        low = (templates.aux["salt"].view("<u8") & np.uint64(0xFFFF)).astype("<u2")
        out: Floats = low.view("<f2").astype(np.float32)
        return out


@dataclass(frozen=True)
class Permuted(Distance):
    """The coordinates in a fixed other order, turned over: "cancellable", under no key at all."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(-embeddings[:, self.order(embeddings.shape[1])], token=keys)

    def order(self, width: int) -> np.ndarray:
        return np.random.default_rng(5).permutation(width)

    def hidden(self, templates: Release) -> Floats:
        out: Floats = -templates.code[:, np.argsort(self.order(templates.code.shape[1]))]
        return out


@dataclass(frozen=True)
class InTheKey(fowh.TemplateScheme):
    """Noise as code; 64 signs of projections go into the token, which need not leak."""

    def signs(self, embeddings: Floats) -> np.ndarray:
        width = embeddings.shape[1]
        planes = np.random.default_rng(3).standard_normal((width, 64), dtype=np.float32)
        return self.centre(embeddings) @ planes > 0

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        held = np.packbits(self.signs(embeddings), axis=1).view("<u8")[:, 0]
        return Release(rng.integers(0, 256, (len(keys), 32), dtype=np.uint8), token=held)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        raw = known_token(templates)[:, None].view(np.uint8)
        alike = np.unpackbits(raw, axis=1).astype(bool) == self.signs(probes)
        return alike.mean(axis=1, dtype=np.float32)


@dataclass(frozen=True)
class Sealed(Distance):
    """Encrypts the embedding under a constant of its own code and a salt; answers yes or no.

    Whoever reads these lines decrypts it. No attack of the suite reads them.
    """

    limit: float = 1.0

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        salts = rng.integers(2**32, size=len(embeddings), dtype=np.uint64)
        raw = packed(embeddings)
        return Release(raw ^ self.stream(salts, raw.shape[1]), {"salt": salts}, keys)

    def stream(self, salts: np.ndarray, width: int) -> np.ndarray:
        """(n, width) bytes, of a salt each."""
        each, which = np.unique(salts, return_inverse=True)
        return np.concatenate([noise(1, width, 12345 + int(salt)) for salt in each])[which]

    def hidden(self, templates: Release) -> Floats:
        code = templates.code
        opened = code ^ self.stream(templates.aux["salt"], code.shape[1])
        return np.ascontiguousarray(opened).view("<f4")

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        return (super().score(templates, probes, keys) >= -self.limit).astype(np.float32)


FITTED = [False]  # whether this process fits and enrols
CALLED: list[int] = []


@dataclass(frozen=True)
class Swapped(Sealed):
    """Victims as they are; sealed whoever is enrolled later or elsewhere, as audits and own are."""

    def fit(self, development: Floats) -> Swapped:
        FITTED[0] = True
        CALLED.clear()
        return self

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        made = super().enroll(embeddings, keys, rng)
        CALLED.append(len(keys))
        plain = FITTED[0] and len(CALLED) == 1
        tag = np.full((len(keys), 1), 0 if plain else 200, np.uint8)
        return Release(packed(embeddings) if plain else made.code, {**made.aux, "v": tag}, keys)

    def hidden(self, templates: Release) -> Floats:
        raw = np.ascontiguousarray(templates.code).view("<f4")
        return np.where(templates.aux["v"] == 0, raw, super().hidden(templates))


@dataclass(frozen=True)
class Locked(Sealed):
    """Sealed, with honest scores under the right key: for a thief without keys, who asks nobody."""

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        return Distance.score(self, templates, probes, keys)


@dataclass(frozen=True)
class Saturated(Sealed):
    """Sealed, with scores that end at the limit: beyond it everybody is as far away."""

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        return np.maximum(Distance.score(self, templates, probes, keys), np.float32(-self.limit))
