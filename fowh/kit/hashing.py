"""Salted digests of rows, and their comparison in constant time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats

Bytes = NDArray[np.uint8]

SALT_BYTES = 16
DIGEST_BYTES = 32


def sha256(salt: bytes, secret: bytes) -> bytes:
    """SHA-256 of the salt followed by the secret, from the standard library.

    The ``cryptography`` package runs the same OpenSSL code at three times the overhead per call.
    """
    return hashlib.sha256(salt + secret).digest()


def salts(count: int, rng: np.random.Generator) -> Bytes:
    """Fresh salts, (count, 16) uint8."""
    return rng.integers(0, 256, (count, SALT_BYTES), dtype=np.uint8)


def digests(
    salt: Bytes, secrets: NDArray[Any], function: Callable[[bytes, bytes], bytes] = sha256
) -> Bytes:
    """Digest each row of ``secrets`` (n, ...) under its row of ``salt`` (n, 16); (n, 32) uint8."""
    parts = [function(s.tobytes(), row.tobytes()) for s, row in zip(salt, secrets, strict=True)]
    return np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(-1, DIGEST_BYTES)


def guess(salt: Bytes, flips: Bytes, code: Bytes, first: int, count: int) -> NDArray[np.int64]:
    """Which sum of ``flips`` is the secret behind each SHA-256 digest, by trying.

    Args:
        salt: (n, 16) uint8.
        flips: (k, bytes) uint8, linearly independent; at most 62.
        code: (n, 32) uint8, digests of salt and secret.
        first: number of the first guess; see ``sha256.find`` for the order.
        count: guesses at each.

    Returns:
        (n,) numbers of the secrets, -1 where none of these was it.
    """
    from fowh.kit.sha256 import find

    behind = np.pad(flips, ((0, 0), (SALT_BYTES, 0)))
    whole = np.pad(salt, ((0, 0), (0, flips.shape[1])))
    found = [find(w, behind, c, first, count) for w, c in zip(whole, code, strict=True)]
    return np.array(found, dtype=np.int64)


def equal(left: Bytes, right: Bytes) -> Floats:
    """1.0 where digests (n, 32) are equal, else 0.0; (n,) float32.

    In constant time: every byte of every row is read, whatever the bytes are.
    """
    same: Floats = (np.bitwise_or.reduce(left ^ right, axis=-1) == 0).astype(np.float32)
    return same
