"""Templates per second under one shared key, 512-d embeddings."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import numpy as np
import pytest

from bench.conftest import Against
from fowh.core.registry import load

RNG = np.random.default_rng(0)
SIZE = 512


def sgemm(count: int, columns: int) -> Callable[[], Any]:
    """The projection alone, by torch's BLAS, into memory that is there."""
    import torch

    left = RNG.standard_normal((count, SIZE), dtype=np.float32)
    right = RNG.standard_normal((SIZE, columns), dtype=np.float32)
    out = np.empty((count, columns), dtype=np.float32)
    parts = [torch.from_numpy(array) for array in (left, right)]
    return lambda: torch.mm(*parts, out=torch.from_numpy(out))


def products(count: int, hashes: int, window: int) -> Callable[[], Any]:
    """As many products as IoM-URP needs, of numbers that lie ready in cache, and their maxima."""
    first, other = RNG.standard_normal((2, window, 1000), dtype=np.float32)
    out = np.empty_like(first)

    def run() -> None:
        for _ in range(count * hashes // 1000):
            np.multiply(first, other, out=out)
            out.max(axis=0)

    return run


def digests(count: int) -> Callable[[], Any]:
    """The standard library's hash of a salt and 512 integers, once for each template."""
    message = RNG.bytes(16 + 4 * SIZE)
    return lambda: [sha256(message).digest() for _ in range(count)]


@pytest.mark.benchmark(group="enrolment")
@pytest.mark.parametrize(
    ("scheme", "count", "floor_is", "floor"),
    [
        ("lsh:bits=512", 10_000, "sgemm, 512 columns", lambda n: sgemm(n, 512)),
        ("lsh:bits=512", 100_000, "sgemm, 512 columns", lambda n: sgemm(n, 512)),
        ("lsh_pstable:hashes=512", 10_000, "sgemm, 512 columns", lambda n: sgemm(n, 512)),
        ("iom:hashes=300,group=16", 4_000, "sgemm, 4,800 columns", lambda n: sgemm(n, 4800)),
        ("iom:hashes=300,group=16", 10_000, "sgemm, 4,800 columns", lambda n: sgemm(n, 4800)),
        ("iom_urp", 4_000, "the products, in cache", lambda n: products(n, 600, 100)),
        ("fuzzy_commitment", 2_000, "sgemm, 511 columns", lambda n: sgemm(n, 511)),
        ("salted_hash", 10_000, "SHA-256 of 2,064 bytes", digests),
    ],
)
def test_enrolment(
    against: Against, scheme: str, count: int, floor_is: str, floor: Callable[[int], Any]
) -> None:
    embeddings = RNG.standard_normal((count, SIZE), dtype=np.float32)
    fitted = load("scheme", scheme).fit(embeddings[:1000])
    keys = np.full(count, 11, dtype=np.uint64)
    rng = np.random.default_rng(1)
    stored = fitted.enroll(embeddings[:10], keys[:10], rng).bytes_each
    against(
        lambda: fitted.enroll(embeddings, keys, rng),
        floor(count),
        floor_is=floor_is,
        units=count,
        unit="templates",
        what=scheme,
        shape=f"{count:,} embeddings",
        bytes_each=stored,
    )
