"""Every index against exhaustive search in plain NumPy; every all-pairs score against its loop."""

import subprocess
import sys

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.kit import matching


def agreeing(left, right):
    """Equal digits of every pair, one left code at a time."""
    return np.stack([(right == row).sum(axis=1) for row in left])


def assert_exact(index, queries, k, scores, tolerance=0.0):
    """``scores`` (queries, gallery) are the truth: same best scores, and ids that have them."""
    found, ids = index.search(queries, k)
    k = min(k, scores.shape[1])
    assert found.dtype == np.float32 and ids.dtype == np.int64
    assert found.shape == ids.shape == (len(queries), k)
    best = -np.sort(-scores, axis=1)[:, :k]
    np.testing.assert_allclose(found, best, rtol=0, atol=tolerance)
    np.testing.assert_allclose(
        np.take_along_axis(scores, ids, axis=1), best, rtol=0, atol=tolerance
    )
    assert all(len(set(row)) == k for row in ids.tolist())


@given(
    seed=st.integers(0, 2**32 - 1),
    gallery=st.integers(1, 150),
    length=st.integers(1, 40),
    base=st.sampled_from([2, 3, 15, 16, 17, 30, 31, 100, 256]),
    k=st.integers(1, 60),
)
def test_digit_index_is_exact(seed, gallery, length, base, k):
    rng = np.random.default_rng(seed)
    digits = rng.integers(0, base, (gallery, length), dtype=np.uint8)
    queries = np.concatenate([digits[:3], rng.integers(0, base, (3, length), dtype=np.uint8)])
    scores = (agreeing(queries, digits) / np.float32(length)).astype(np.float32)
    assert_exact(matching.digit_index(digits, base), queries, k, scores)


@pytest.mark.parametrize("length", [255, 256, 257, 300, 511, 1000])
def test_digit_index_is_exact_beyond_the_usual_256_digits(length):
    rng = np.random.default_rng(length)
    digits = rng.integers(0, 16, (500, length), dtype=np.uint8)
    queries = digits[:20].copy()
    for row, query in enumerate(queries):  # agreement from none to all
        changed = rng.permutation(length)[: length * row // 19]
        query[changed] = (query[changed] + 1) % 16
    scores = (agreeing(queries, digits) / np.float32(length)).astype(np.float32)
    assert scores.max() == 1 and np.diag(scores)[-1] == 0
    assert_exact(matching.digit_index(digits, 16), queries, 30, scores)


def test_digits_may_start_anywhere_and_unknown_query_digits_agree_with_none():
    digits = np.array([[-3, 0, 4], [4, 4, 4]], dtype=np.int16)
    index = matching.digit_index(digits, 8, lowest=-3)
    scores, ids = index.search(np.array([[-3, 5, 4], [-4, 99, -4]], dtype=np.int16), 2)
    np.testing.assert_array_equal(ids[0], [0, 1])
    np.testing.assert_allclose(scores, [[2 / 3, 1 / 3], [0, 0]], rtol=1e-6)
    with pytest.raises(ValueError, match="base 7"):
        matching.digit_index(digits, 7, lowest=-3)


def test_digit_index_takes_half_a_byte_per_digit():
    digits = np.random.default_rng(0).integers(0, 16, (3200, 300), dtype=np.uint8)
    one_hot = matching.binary_index(np.zeros((3200, 300 * 16 // 8), np.uint8), 4800)
    assert matching.digit_index(digits, 16).nbytes <= one_hot.nbytes * 0.26


@pytest.mark.slow
def test_digit_index_is_exact_for_100k_codes():
    rng = np.random.default_rng(0)
    digits = rng.integers(0, 16, (100_000, 300), dtype=np.uint8)
    queries = digits[rng.permutation(len(digits))[:100]]
    queries[rng.random(queries.shape) < 0.6] = 7
    scores = (agreeing(queries, digits) / np.float32(300)).astype(np.float32)
    assert_exact(matching.digit_index(digits, 16), queries, 50, scores)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["digits", "bits", "vectors"])
def test_search_among_100k_needs_no_quadratic_memory(kind):
    code = f"""
import numpy as np
from fowh.kit import matching
rng = np.random.default_rng(0)
if {kind!r} == "digits":
    codes = rng.integers(0, 16, (100_000, 300), dtype=np.uint8)
    index = matching.digit_index(codes, 16)
elif {kind!r} == "bits":
    codes = rng.integers(0, 256, (100_000, 64), dtype=np.uint8)
    index = matching.binary_index(codes, 512)
else:
    codes = rng.standard_normal((100_000, 512), dtype=np.float32)
    index = matching.embedding_index(codes, "l2")
scores, ids = index.search(codes[:10_000:10], 5)
assert (ids[:, 0] == np.arange(0, 10_000, 10)).all()
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # Of the child's own memory: ru_maxrss would begin at what the tests' process holds.
    assert int(done.stdout) * 1024 < 4 << 30


@given(seed=st.integers(0, 2**32 - 1), bits=st.integers(1, 200), k=st.integers(1, 30))
def test_binary_index_is_exact(seed, bits, k):
    rng = np.random.default_rng(seed)
    plain = rng.integers(0, 2, (70, bits), dtype=np.uint8)
    queries = rng.integers(0, 2, (5, bits), dtype=np.uint8)
    scores = (agreeing(queries, plain) / bits).astype(np.float32)
    index = matching.binary_index(np.packbits(plain, axis=1), bits)
    assert_exact(index, np.packbits(queries, axis=1), k, scores, tolerance=1e-6)


@pytest.mark.parametrize("metric", ["l2", "ip"])
def test_embedding_index_is_exact(metric):
    rng = np.random.default_rng(1)
    vectors, queries = rng.standard_normal((300, 24)), rng.standard_normal((40, 24))
    if metric == "l2":
        scores = -np.linalg.norm(queries[:, None] - vectors, axis=2)
    else:
        scores = queries @ vectors.T
    index = matching.embedding_index(vectors.astype(np.float32), metric)
    assert index.nbytes == 300 * 24 * 4
    assert_exact(index, queries.astype(np.float32), 10, scores, tolerance=1e-4)


@pytest.mark.skipif(faiss.get_num_gpus() == 0, reason="no GPU")
def test_gpu_searches_agree_with_the_cpu(monkeypatch):
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((1000, 64), dtype=np.float32)
    packed = rng.integers(0, 256, (1000, 64), dtype=np.uint8)

    def both():
        found = matching.embedding_index(vectors, "l2").search(vectors[:50], 10)
        return *found, *matching.binary_index(packed, 512).search(packed[:50], 10)

    gpu = both()
    monkeypatch.setattr(matching, "_everywhere", lambda index: index)
    for on_gpu, on_cpu in zip(gpu, both(), strict=True):
        np.testing.assert_allclose(on_gpu, on_cpu, atol=1e-3)


def test_long_batches_are_searched_in_blocks(monkeypatch):
    digits = np.random.default_rng(3).integers(0, 16, (50, 10), dtype=np.uint8)
    whole = matching.digit_index(digits, 16).search(digits, 4)
    monkeypatch.setattr(matching, "BLOCK_BYTES", 3000)
    blocked = matching.digit_index(digits, 16).search(digits, 4)
    np.testing.assert_array_equal(whole[0], blocked[0])


def test_search_never_returns_more_than_is_enrolled():
    index = matching.embedding_index(np.eye(3, dtype=np.float32), "ip")
    assert index.search(np.eye(3, dtype=np.float32), 10)[0].shape == (3, 3)
    with pytest.raises(ValueError, match="enrolled"):
        index.search(np.eye(3, dtype=np.float32), 0)


@given(seed=st.integers(0, 2**32 - 1), width=st.integers(1, 70))
def test_hamming_counts_differing_bits(seed, width):
    rng = np.random.default_rng(seed)
    left = rng.integers(0, 256, (6, width), dtype=np.uint8)
    right = rng.integers(0, 256, (9, width), dtype=np.uint8)
    differing = np.unpackbits(left[:, None] ^ right, axis=2).sum(axis=2)
    np.testing.assert_array_equal(matching.hamming(left, right), differing)


@pytest.mark.parametrize("length", [1, 254, 255, 256, 600])
@pytest.mark.parametrize("dtype", [np.uint8, np.int16])
def test_digit_agreement_is_the_fraction_of_equal_digits(length, dtype):
    rng = np.random.default_rng(length)
    left, right = rng.integers(0, 3, (4, length), dtype), rng.integers(0, 3, (2100, length), dtype)
    right[:4] = left  # all digits equal: a byte would overflow
    expected = (left[:, None] == right).mean(axis=2)
    np.testing.assert_allclose(matching.digit_agreement(left, right), expected, rtol=1e-6)


def test_l2_is_the_euclidean_distance():
    rng = np.random.default_rng(4)
    left, right = rng.standard_normal((2, 30, 20), dtype=np.float32)
    expected = np.linalg.norm(left[:, None] - right, axis=2)
    np.testing.assert_allclose(matching.l2(left, right), expected, atol=1e-4)
    assert np.isfinite(matching.l2(left, left)).all()
