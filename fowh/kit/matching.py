"""Comparing and searching codes in bulk: every search and every all-pairs score goes through here.

Searches run in FAISS (on every GPU there is, where FAISS offers the index there) and need memory
linear in the number of enrolled templates. Scores are float32, higher is more alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Index
from fowh.core.release import Floats

Ids = NDArray[np.int64]

BLOCK_BYTES = 1 << 26  # no temporary of a blocked loop is larger


@dataclass(frozen=True)
class _FaissIndex:
    """A FAISS index with the way in (code -> query) and the way out (distance -> score)."""

    index: Any
    encode: Callable[[NDArray[Any]], NDArray[Any]]
    score: Callable[[NDArray[Any]], Floats]
    query_bytes: int  # of one encoded query: long batches are searched in blocks
    nbytes: int

    def search(self, queries: NDArray[Any], k: int) -> tuple[Floats, Ids]:
        k = min(k, self.index.ntotal)
        if k < 1:
            raise ValueError(f"cannot return {k} rows of {self.index.ntotal} enrolled")
        scores = np.empty((len(queries), k), dtype=np.float32)
        ids = np.empty((len(queries), k), dtype=np.int64)
        step = max(1, BLOCK_BYTES // self.query_bytes)
        for start in range(0, len(queries), step):
            rows = slice(start, start + step)
            distances, ids[rows] = self.index.search(self.encode(queries[rows]), k)
            scores[rows] = self.score(distances)
        return scores, ids


def embedding_index(vectors: Floats, metric: Literal["l2", "ip"]) -> Index:
    """Exhaustive search among (n, d) float32 vectors.

    Args:
        vectors: the gallery.
        metric: "l2": score = minus the Euclidean distance; "ip": score = inner product.

    FAISS expands |a - b|^2 into inner products, so the distance of (nearly) equal vectors of norm
    v is only good to about 1e-3 v.
    """
    import faiss

    kind = faiss.IndexFlatL2 if metric == "l2" else faiss.IndexFlatIP
    # By default FAISS multiplies matrices for large batches only; 200 probes took 15 times as long.
    faiss.cvar.distance_compute_blas_threshold = 20
    index = _everywhere(kind(vectors.shape[1]))
    index.add(_contiguous(vectors, np.float32))
    return _FaissIndex(
        index,
        encode=lambda queries: _contiguous(queries, np.float32),
        score=(lambda d: -np.sqrt(np.maximum(d, 0))) if metric == "l2" else (lambda d: d),
        query_bytes=4 * vectors.shape[1],
        nbytes=vectors.size * 4,
    )


def binary_index(packed: NDArray[np.uint8], bits: int) -> Index:
    """Exhaustive search among (n, bytes) packed codes; score = fraction of the bits that agree.

    Args:
        packed: the gallery; padding bits are equal in all codes.
        bits: bits of a code without the padding.
    """
    import faiss

    index = _everywhere(faiss.IndexBinaryFlat(packed.shape[1] * 8))
    index.add(_contiguous(packed, np.uint8))
    return _FaissIndex(
        index,
        encode=lambda queries: _contiguous(queries, np.uint8),
        score=lambda distances: (1 - distances / bits).astype(np.float32),
        query_bytes=packed.shape[1],
        nbytes=packed.nbytes,
    )


def digit_index(digits: NDArray[Any], base: int, lowest: int = 0) -> Index:
    """Exhaustive search among (n, m) digits; score = fraction that agrees.

    Args:
        digits: the gallery; values ``lowest`` to ``lowest + base - 1``. Queries may hold others,
            which agree with none.
        base: how many values a digit may take.
        lowest: the smallest of them.

    Each digit becomes a 4-bit product-quantiser code whose centroids are one-hot, so that FAISS's
    fast scan (table look-ups in registers) counts the equal digits. A base above 16 spreads a
    digit over several quantisers, in all but one of which it is "elsewhere".
    """
    import faiss

    count, length = digits.shape
    if count and not lowest <= int(digits.min()) <= int(digits.max()) < lowest + base:
        raise ValueError(f"digits reach {digits.min()} to {digits.max()}, base {base}")
    span, first = (16, 0) if base <= 16 else (15, 1)  # value 0 means "elsewhere" above 16
    groups = -(-base // span)
    used = length * groups
    width = used + 1 + (used + 1) % 2  # one more (see below), and an even number

    def place(codes: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        group, value = np.divmod(codes.astype(np.intp) - lowest, span)
        return np.arange(length) * groups + group, value + first

    def encode(queries: NDArray[Any]) -> Floats:
        known = (queries >= lowest) & (queries < lowest + base)
        columns, values = place(np.where(known, queries, lowest))
        one_hot = np.zeros((len(queries), width, 16), dtype=np.float32)
        one_hot[np.arange(len(queries))[:, None], columns, values] = known
        one_hot[:, used, 0] = 1
        return one_hot.reshape(len(queries), -1)

    # Fast scan scales its tables to 8 bits by their widest one and adds in 16 bits. One more
    # quantiser, whose centroids reach from 0 to 255, makes that scale exactly 1, so the counts are
    # exact up to 65,279 digits. All enrolled codes hold its value 0, which counts 1: rows that
    # agree in nothing would otherwise never be returned.
    centroids = np.zeros((width, 16, 16), dtype=np.float32)
    centroids[:used, range(first, 16), range(first, 16)] = 1
    centroids[used, [0, 15], 0] = 1, 255
    nibbles = np.zeros((count, width), dtype=np.uint8)
    step = max(1, BLOCK_BYTES // (24 * length))
    for start in range(0, count, step):
        columns, values = place(digits[start : start + step])
        np.put_along_axis(nibbles[start : start + step], columns, values.astype(np.uint8), axis=1)
    packed = nibbles[:, 0::2] | (nibbles[:, 1::2] << 4)

    plain = faiss.IndexPQ(width * 16, width, 4, faiss.METRIC_INNER_PRODUCT)
    faiss.copy_array_to_vector(centroids.ravel(), plain.pq.centroids)
    faiss.copy_array_to_vector(packed.ravel(), plain.codes)
    plain.ntotal, plain.is_trained = count, True
    index = faiss.IndexPQFastScan(plain)  # type: ignore[arg-type]  # an overload
    return _FaissIndex(
        index,
        encode=encode,
        score=lambda matches: (np.rint(matches) - 1) / np.float32(length),
        query_bytes=width * 64,
        nbytes=index.codes.size(),
    )


def hamming(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Differing bits of every left (n, bytes) with every right (p, bytes) code; (n, p) int32."""
    import faiss

    left, right = _contiguous(left, np.uint8), _contiguous(right, np.uint8)
    out = np.empty((len(left), len(right)), dtype=np.int32)
    pointers = [faiss.swig_ptr(array) for array in (left, right, out)]
    sizes = (len(left), len(right), left.shape[1])
    faiss.hammings(pointers[0], pointers[1], *sizes, pointers[2])  # type: ignore[attr-defined]
    return out


def digit_agreement(left: NDArray[Any], right: NDArray[Any]) -> Floats:
    """Fraction of equal digits of every left (n, m) with every right (p, m) code; (n, p)."""
    from fowh.kit.kernels import count_equal
    from fowh.kit.parallel import threaded

    out = np.empty((len(left), len(right)), dtype=np.float32)
    for start in range(0, len(right), 1024):  # as many as the cache holds, as columns
        columns = np.ascontiguousarray(right[start : start + 1024].T)

        def work(rows: slice, start: int = start, columns: NDArray[Any] = columns) -> None:
            count_equal(left[rows], columns, out[rows], start)

        threaded(work, len(left), max(1, -(-len(left) // 8)))
    return np.divide(out, np.float32(left.shape[1]), out=out)


def l2(left: Floats, right: Floats) -> Floats:
    """Euclidean distance of every left (n, d) with every right (p, d) vector; (n, p) float32."""
    squares: Floats = -2 * (left @ right.T)
    squares += np.einsum("ij,ij->i", left, left)[:, None]
    squares += np.einsum("ij,ij->i", right, right)
    np.maximum(squares, 0, out=squares)  # rounding makes the zeros of equal vectors negative
    return np.sqrt(squares, out=squares)


def _contiguous(array: NDArray[Any], dtype: type) -> NDArray[Any]:
    return np.ascontiguousarray(array, dtype=dtype)


def _everywhere(index: Any) -> Any:
    """The index on every GPU, or as it is where there is none."""
    import faiss

    return faiss.index_cpu_to_all_gpus(index) if faiss.get_num_gpus() > 0 else index
