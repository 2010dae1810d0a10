"""SHA-256 side by side, and the search in Gray-code order, against the standard library."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.kit import sha256
from fowh.kit.bch import Bch


def reference(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def wanted(message: bytes) -> np.ndarray:
    return np.frombuffer(reference(message), np.uint8)


def test_the_published_vectors() -> None:
    """FIPS 180-4's examples: one block and two."""
    for text, digest in (
        (b"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
    ):
        (found,) = sha256.digests(np.frombuffer(text, np.uint8)[None])
        assert found.tobytes().hex() == digest


@given(size=st.integers(0, 200), count=st.integers(1, 70), seed=st.integers(0, 2**32))
def test_digests_are_those_of_the_standard_library(size: int, count: int, seed: int) -> None:
    messages = np.random.default_rng(seed).integers(0, 256, (count, size), dtype=np.uint8)
    found = [digest.tobytes() for digest in sha256.digests(messages)]
    assert found == [reference(message.tobytes()) for message in messages]


@pytest.mark.parametrize("threads", [1, 2])
@given(secret=st.integers(0, 63), first=st.integers(0, 70), count=st.integers(0, 80))
def test_the_search_in_a_small_code_is_that_of_trying_each(
    threads: int, secret: int, first: int, count: int
) -> None:
    import torch

    code, salt = Bch(31, 6), np.arange(16, dtype=np.uint8)
    words = np.packbits(code.numbered(np.arange(64)), axis=1)
    tried = [salt.tobytes() + word.tobytes() for word in words]
    flips = np.pad(np.packbits(code.steps, axis=1), ((0, 0), (16, 0)))
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = sha256.find(
            np.pad(salt, (0, 4)), flips, wanted(tried[secret]), first=first, count=count
        )
    finally:
        torch.set_num_threads(before)
    hits = [n for n in range(first, min(first + count, 64)) if tried[n] == tried[secret]]
    assert found == (hits[0] if hits else -1)


@pytest.mark.parametrize("bits", [1, 3, 4, 5, 6])
def test_spaces_smaller_than_a_vector_are_searched_whole(bits: int) -> None:
    rng = np.random.default_rng(bits)
    message = rng.integers(0, 256, 20, dtype=np.uint8)
    flips = np.packbits(np.eye(bits, 160, dtype=np.uint8), axis=1)
    for number in range(1 << bits):
        gray = number ^ (number >> 1)
        word = message ^ np.bitwise_xor.reduce(
            flips[[bool(gray >> j & 1) for j in range(bits)]], axis=0, initial=0
        ).astype(np.uint8)
        assert sha256.find(message, flips, wanted(word.tobytes()), 0, 1 << 20) == number


@given(
    seed=st.integers(0, 2**32),
    bits=st.integers(22, 62),
    planted=st.integers(0, 2**22 - 1),
    before=st.integers(0, 100),
)
def test_a_planted_secret_is_found_at_its_number_and_nowhere_else(
    seed: int, bits: int, planted: int, before: int
) -> None:
    """Two blocks, as salt and a codeword of 511 bits are; beyond several threads' parts."""
    rng = np.random.default_rng(seed)
    message = rng.integers(0, 256, 80, dtype=np.uint8)
    flips = rng.integers(0, 256, (bits, 80), dtype=np.uint8)
    gray, word = planted ^ (planted >> 1), message.copy()
    for j in range(bits):
        if gray >> j & 1:
            word ^= flips[j]
    digest, first = wanted(word.tobytes()), max(0, planted - before)
    assert sha256.find(message, flips, digest, first, 200) == planted
    assert sha256.find(message, flips, digest, first, planted - first) == -1
    assert sha256.find(message, flips, digest, planted + 1, 200) == -1


def test_it_is_found_behind_millions_of_guesses_on_every_thread() -> None:
    rng = np.random.default_rng(1)
    message = rng.integers(0, 256, 80, dtype=np.uint8)
    flips, planted = rng.integers(0, 256, (28, 80), dtype=np.uint8), 3 * 2**20 + 12345
    gray, word = planted ^ (planted >> 1), message.copy()
    for j in range(28):
        if gray >> j & 1:
            word ^= flips[j]
    assert sha256.find(message, flips, wanted(word.tobytes()), 0, 2**23) == planted
