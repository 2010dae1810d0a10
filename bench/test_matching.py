"""Comparisons per second: every pair of two sets, and exhaustive search in a gallery."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import faiss
import numpy as np
import pytest

from bench.conftest import Against
from fowh.core.registry import load
from fowh.kit import matching

RNG = np.random.default_rng(0)


def protected(scheme: str, count: int, size: int, tried: int) -> tuple[Any, Any, Any]:
    """A fitted scheme, templates under one key, and codes of probes."""
    enrolled = RNG.standard_normal((count, size), dtype=np.float32)
    probes = enrolled[:tried] + RNG.standard_normal((tried, size), dtype=np.float32) / 2
    fitted = load("scheme", scheme).fit(enrolled[:1000])
    keys = np.full(count, 11, dtype=np.uint64)
    return fitted, fitted.enroll(enrolled, keys, RNG), fitted.protect(probes, 11)


def inner_products(gallery: np.ndarray, probes: np.ndarray) -> Callable[[], Any]:
    """All inner products and nothing else."""
    import torch

    left, right = torch.from_numpy(probes), torch.from_numpy(gallery)
    out = torch.empty((len(probes), len(gallery)))
    return lambda: torch.mm(left, right.T, out=out)


def one_hot(digits: np.ndarray, base: int) -> np.ndarray:
    """Digits as packed one-hot bits: their Hamming distance is twice the disagreement."""
    packed = np.empty((len(digits), -(-digits.shape[1] * base // 8)), dtype=np.uint8)
    for start in range(0, len(digits), 1000):
        part = digits[start : start + 1000, :, None] == np.arange(base, dtype=np.uint8)
        packed[start : start + 1000] = np.packbits(part.reshape(len(part), -1), axis=1)
    return packed


def flat_scan(gallery: np.ndarray, probes: np.ndarray) -> Callable[[], Any]:
    """FAISS's exhaustive L2 search."""
    index = faiss.IndexFlatL2(gallery.shape[1])
    index.add(gallery)
    return lambda: index.search(probes, 10)


def hamming_scan(gallery: np.ndarray, probes: np.ndarray) -> Callable[[], Any]:
    """FAISS's exhaustive Hamming search."""
    index = faiss.IndexBinaryFlat(gallery.shape[1] * 8)
    index.add(gallery)
    return lambda: index.search(probes, 10)


def floor_for(scheme: str, gallery: np.ndarray, probes: np.ndarray) -> tuple[str, Any, int]:
    """What to beat or to reach: its name, the work, and its bytes per code."""
    if scheme == "raw":
        return "sgemm", inner_products(gallery, probes), gallery.shape[1] * 4
    if scheme.startswith("iom"):
        base = 16 if scheme.startswith("iom:") else 100
        packed, wanted = one_hot(gallery, base), one_hot(probes, base)
        return "FAISS Hamming scan, one-hot", hamming_scan(packed, wanted), packed.shape[1]
    return "FAISS Hamming scan", hamming_scan(gallery, probes), gallery.shape[1]


@pytest.mark.benchmark(group="all pairs")
@pytest.mark.parametrize(
    ("scheme", "tried"),
    [
        ("raw", 1_000),
        ("lsh:bits=512", 1_000),
        ("iom:hashes=300,group=16", 1_000),
        ("iom_urp", 100),  # the floor is slow
    ],
)
def test_all_pairs(against: Against, scheme: str, tried: int) -> None:
    fitted, templates, probes = protected(scheme, 4_000, 512, tried)
    floor_is, floor, _ = floor_for(scheme, templates.code, probes)
    against(
        lambda: fitted.compare(templates.code, probes),
        floor,
        floor_is=floor_is,
        units=len(probes) * len(templates),
        unit="comparisons",
        what=scheme,
        shape=f"{len(templates):,} x {len(probes):,}, 512-d",
        bytes_each=templates.bytes_each,
    )


@pytest.mark.benchmark(group="search")
@pytest.mark.parametrize(
    ("scheme", "count", "size", "tried"),
    [
        ("raw", 10_000, 128, 1_000),
        ("lsh:bits=512", 10_000, 128, 1_000),
        ("iom:hashes=300,group=16", 10_000, 128, 1_000),
        ("iom_urp", 10_000, 128, 50),  # the floor is slow
        ("raw", 100_000, 512, 200),
        ("lsh:bits=512", 100_000, 512, 200),
        ("iom:hashes=300,group=16", 100_000, 512, 200),
    ],
)
def test_search(against: Against, scheme: str, count: int, size: int, tried: int) -> None:
    fitted, templates, probes = protected(scheme, count, size, tried)
    index: matching.Index = fitted.index(templates)
    floor_is, floor, floor_bytes = floor_for(scheme, templates.code, probes)
    if scheme == "raw":
        floor_is, floor = "FAISS L2 scan", flat_scan(templates.code, probes)
    against(
        lambda: index.search(probes, 10),
        floor,
        floor_is=floor_is,
        units=len(probes) * count,
        unit="comparisons",
        what=scheme,
        shape=f"{len(probes)} probes in {count:,}, {size}-d, best 10",
        bytes_each=index.nbytes / count,
        floor_bytes=floor_bytes,
    )
