"""Guesses per second and core, beside the standard library's hash of the same messages."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from bench.conftest import Against
from fowh.core.registry import load

GUESSES = 1 << 20
LEAST = 4e6  # a second and core


@pytest.mark.benchmark(group="guessing")
def test_guessing(against: Against, benchmark: BenchmarkFixture) -> None:
    import torch

    rng, threads = np.random.default_rng(0), torch.get_num_threads()
    embeddings = rng.standard_normal((200, 128), dtype=np.float32)
    scheme = load("scheme", "fuzzy_commitment").fit(embeddings)
    template = scheme.enroll(embeddings[:1], np.zeros(1, np.uint64), rng)
    template = replace(template, code=np.zeros((1, 32), np.uint8))  # of no guess: all are made
    message = rng.bytes(80)
    torch.set_num_threads(1)
    try:
        against(
            lambda: scheme.guess(template, 0, GUESSES),
            lambda: [sha256(message).digest() for _ in range(GUESSES)],
            floor_is="SHA-256 of 80 bytes, hashlib",
            units=GUESSES,
            unit="guesses",
            what="fuzzy_commitment",
            shape=f"{GUESSES:,} secrets, one core",
            bytes_each=template.bytes_each,
        )
    finally:
        torch.set_num_threads(threads)
    assert benchmark.extra_info["rate"] >= LEAST
