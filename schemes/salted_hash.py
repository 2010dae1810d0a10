"""Salted cryptographic hash of the quantised embedding: what protects passwords, as a baseline.

A digest tells a thief nothing but equality, and equality is all that it tells the verifier: two
readings of one person practically never quantise to the same vector, so recognition is lost. The
scheme marks the corner "one-way, not fuzzy"; it is here to be measured, not used.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import TemplateScheme
from fowh.kit import hashing

# Interactive log-in: RFC 7914, section 2 (16 MiB), and the first choice of OWASP (19 MiB).
SCRYPT: dict[str, Any] = {"n": 2**14, "r": 8, "p": 1}
ARGON2ID: dict[str, Any] = {"iterations": 2, "lanes": 1, "memory_cost": 19 * 1024}
LIMIT = 2**30  # exact in float32; quantised values beyond it are cut off


@dataclass(frozen=True)
class SaltedHash(TemplateScheme):
    """Digest of the rounded coordinates under a random salt per record.

    A template is ``code`` (n, 32) uint8 and ``aux["salt"]`` (n, 16) uint8; keys play no part.
    A score is 1.0 where the probe's digest under the template's salt equals the code, else 0.0.

    Attributes:
        step: quantisation step, in development standard deviations of each coordinate.
        kdf: "sha256" (a microsecond per guess) or a deliberately slow, memory-hard function of
            the ``cryptography`` package, with the constants of this module.
    """

    step: float = 2.0
    kdf: Literal["sha256", "scrypt", "argon2id"] = "sha256"
    keyed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and self.step > 0):
            raise InputError(f"salted_hash:step={self.step}: expected a positive number, try 2.0")
        if self.kdf not in ("sha256", "scrypt", "argon2id"):
            raise InputError(
                f"salted_hash:kdf={self.kdf}: expected one of sha256, scrypt, argon2id"
            )

    @property
    def comparison_cap(self) -> int:
        return super().comparison_cap if self.kdf == "sha256" else 256  # 20 per second

    def fit(self, development: Floats) -> Self:
        """Learn mean and standard deviation of each coordinate from (n, d) embeddings."""
        fitted = super().fit(development)
        deviation = np.asarray(development, dtype=np.float32).std(axis=0, dtype=np.float64)
        deviation[deviation == 0.0] = 1.0  # a constant coordinate says nothing
        return replace(fitted, public={**fitted.public, "deviation": deviation.astype(np.float32)})

    def quantise(self, embeddings: Floats) -> NDArray[np.int32]:
        """Numbers of the cells that hold the centred coordinates; (n, d) int32."""
        width = self.public.get("deviation", np.ones(1, np.float32)) * np.float32(self.step)
        cells = np.rint(self.centre(embeddings) / width)
        numbers: NDArray[np.int32] = np.clip(cells, -LIMIT, LIMIT).astype(np.int32)
        return numbers

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        salt = hashing.salts(len(embeddings), rng)
        code = hashing.digests(salt, self.quantise(embeddings), _digest(self.kdf))
        return Release(code, {"salt": salt}, keys)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        salt, cells = templates.aux["salt"], self.quantise(probes)
        return hashing.equal(templates.code, hashing.digests(salt, cells, _digest(self.kdf)))

    def scores(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        """Hash each *distinct* quantised probe once under each salt; see also ``scores_known``."""
        distinct, which = np.unique(self.quantise(probes), axis=0, return_inverse=True)
        out = np.empty((len(templates), len(probes)), dtype=np.float32)
        for row, (code, salt) in enumerate(zip(templates.code, templates.aux["salt"], strict=True)):
            salts = np.broadcast_to(salt, (len(distinct), len(salt)))
            same = hashing.equal(code, hashing.digests(salts, distinct, _digest(self.kdf)))
            out[row] = same[which.reshape(-1)]
        return out

    def scores_known(
        self, templates: Release, enrolled: Floats, probes: Floats, keys: Keys | None = None
    ) -> Floats:
        """``scores`` for an evaluator who still holds the enrolled embeddings, without hashing.

        Digests under one salt are equal exactly where the quantised vectors are, short of a
        collision of SHA-256; a slow ``kdf`` would take hours for the same answer.

        Args:
            templates: n templates; not read, the enrolled embeddings say it all.
            enrolled: (n, d) float32, the embeddings that were enrolled, in the same order.
            probes: (p, d) float32.
            keys: ignored.

        Returns:
            (n, p) float32, equal to ``scores(templates, probes)``.
        """
        both = np.concatenate([self.quantise(enrolled), self.quantise(probes)])
        _, vector = np.unique(both, axis=0, return_inverse=True)
        left, right = np.split(vector.reshape(-1), [len(enrolled)])
        same: Floats = (left[:, None] == right[None, :]).astype(np.float32)
        return same


def _digest(kdf: str) -> Callable[[bytes, bytes], bytes]:
    """The function (salt, secret) -> 32 bytes."""
    if kdf == "sha256":
        return hashing.sha256
    if kdf == "scrypt":
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        return lambda salt, secret: Scrypt(salt, hashing.DIGEST_BYTES, **SCRYPT).derive(secret)
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return lambda salt, secret: Argon2id(salt=salt, length=hashing.DIGEST_BYTES, **ARGON2ID).derive(
        secret
    )
