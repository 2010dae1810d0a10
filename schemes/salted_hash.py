"""Salted cryptographic hash of the quantised embedding: what protects passwords, as a baseline.

A digest tells a thief nothing but equality, and equality is all that it tells the verifier: two
readings of one person practically never quantise to the same vector, so recognition is lost. The
scheme marks the corner "one-way, not fuzzy"; it is here to be measured, not used.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fowh.errors import InputError
from fowh.scheme import Floats, Keys, Scheme, Templates

Digests = NDArray[np.uint8]

SALT_BYTES = 16
DIGEST_BYTES = 32
SCRYPT = {"n": 2**14, "r": 8, "p": 1}  # 16 MiB; RFC 7914, section 2, for interactive logins
ARGON2ID = {"iterations": 2, "lanes": 1, "memory_cost": 19 * 1024}  # KiB; OWASP's first choice
LIMIT = 2**30  # exact in float32; quantised values beyond it are cut off


@dataclass(frozen=True)
class SaltedHash(Scheme):
    """Digest of the rounded coordinates under a random salt per record.

    A template is ``code`` (n, 32) uint8 and ``aux["salt"]`` (n, 16) uint8; keys play no part.
    A score is 1.0 where the probe's digest under the template's salt equals the code, else 0.0.

    Attributes:
        step: quantisation step, in development standard deviations of each coordinate.
        kdf: "sha256" (a microsecond per guess) or a deliberately slow, memory-hard function of
            the ``cryptography`` package with the constants of this module. Bare SHA-256 comes
            from hashlib: the same OpenSSL routine, with less overhead per call.
    """

    step: float = 2.0
    kdf: Literal["sha256", "scrypt", "argon2id"] = "sha256"
    public: Mapping[str, NDArray[Any]] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )
    keyed: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.step) and self.step > 0):
            raise InputError(f"salted_hash:step={self.step}: expected a positive number, try 2.0")
        if self.kdf not in ("sha256", "scrypt", "argon2id"):
            raise InputError(
                f"salted_hash:kdf={self.kdf}: expected one of sha256, scrypt, argon2id"
            )

    def fit(self, development: Floats) -> Self:
        """Learn mean and standard deviation of each coordinate from (n, d) embeddings."""
        fitted = super().fit(development)
        deviation = np.asarray(development, dtype=np.float32).std(axis=0, dtype=np.float64)
        deviation[deviation == 0.0] = 1.0  # a constant coordinate says nothing
        return replace(fitted, public={**fitted.public, "deviation": deviation.astype(np.float32)})

    def quantise(self, embeddings: Floats) -> NDArray[np.int32]:
        """Numbers of the cells that hold the centred coordinates; (n, d) int32."""
        cells = self.centre(embeddings) / (
            self.public.get("deviation", 1.0) * np.float32(self.step)
        )
        return np.clip(np.rint(cells), -LIMIT, LIMIT).astype("<i4")  # one byte order everywhere

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Templates:
        salt = rng.integers(0, 256, (len(embeddings), SALT_BYTES), dtype=np.uint8)
        return Templates(self._digests(salt, self.quantise(embeddings)), {"salt": salt}, keys)

    def score(self, templates: Templates, probes: Floats, keys: Keys | None = None) -> Floats:
        return equal(templates.code, self._digests(templates.aux["salt"], self.quantise(probes)))

    def scores(self, templates: Templates, probes: Floats, keys: Keys | None = None) -> Floats:
        """Hash each *distinct* quantised probe once under each salt; see also ``scores_known``."""
        distinct, which = np.unique(self.quantise(probes), axis=0, return_inverse=True)
        out = np.empty((len(templates), len(probes)), dtype=np.float32)
        for row, (code, salt) in enumerate(zip(templates.code, templates.aux["salt"], strict=True)):
            salts = np.broadcast_to(salt, (len(distinct), SALT_BYTES))
            out[row] = equal(code, self._digests(salts, distinct))[which.reshape(-1)]
        return out

    def scores_known(
        self, templates: Templates, enrolled: Floats, probes: Floats, keys: Keys | None = None
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
        return (left[:, None] == right[None, :]).astype(np.float32)

    def _digests(self, salts: Digests, cells: NDArray[np.int32]) -> Digests:
        digest = _digest(self.kdf)
        parts = [digest(s.tobytes(), c.tobytes()) for s, c in zip(salts, cells, strict=True)]
        return np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(-1, DIGEST_BYTES)


def equal(left: Digests, right: Digests) -> Floats:
    """1.0 where digests (n, 32) are equal, else 0.0.

    In constant time: every byte of every row is read whatever the bytes are.
    """
    return (np.bitwise_or.reduce(left ^ right, axis=-1) == 0).astype(np.float32)


def _digest(kdf: str) -> Callable[[bytes, bytes], bytes]:
    """The function (salt, secret) -> 32 bytes."""
    if kdf == "sha256":
        return lambda salt, secret: hashlib.sha256(salt + secret).digest()
    if kdf == "scrypt":
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        return lambda salt, secret: Scrypt(salt, DIGEST_BYTES, **SCRYPT).derive(secret)
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    return lambda salt, secret: Argon2id(salt=salt, length=DIGEST_BYTES, **ARGON2ID).derive(secret)
