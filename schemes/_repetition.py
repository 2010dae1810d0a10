"""Bits of projections under a repetition code, and what the code gives away of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats, Keys, by_key
from fowh.kit.bch import Bits

if TYPE_CHECKING:
    import torch


def signs_of(bits: Bits) -> Floats:
    """Bits as -1 and 1."""
    return np.where(bits, np.float32(1), np.float32(-1))


def flat(bits: Bits) -> Bits:
    """(n, repeat, length) to (n, repeat * length), also of no rows."""
    return bits.reshape(-1, bits.shape[1] * bits.shape[2])


def majority(bits: Bits) -> Bits:
    """The vote of each group: (..., repeat, length) to (..., length)."""
    votes: Bits = bits.sum(axis=-2, dtype=np.uint8)
    most: Bits = (votes > bits.shape[-2] // 2).astype(np.uint8)
    return most


def sides(x: torch.Tensor, signs: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
    """Projections (n, m) of x (n, d), each by its sign in ``signs``: where positive, as it says."""
    return x @ planes.flatten(1) * signs


def read_out(
    helper: Bits,
    keys: Keys,
    dimension: int,
    planes_of: Callable[[int, int], Floats],
    decode: Callable[[Bits], Bits],
    opens: Callable[[Bits, NDArray[Any]], Floats],
) -> Floats:
    """Directions of embeddings, from helper data and keys.

    A group's projections, signed by the helper bits, sum to +-a vector that leans towards the
    embedding, so the sums' first principal axis is the embedding up to sign. Each sum's side of it
    is a bit of the codeword, with few errors; the digest tells the sign.

    Args:
        helper: (n, repeat, length).
        keys: (n,).
        dimension: d, of the embeddings.
        planes_of: a key and d to (d, repeat, length) projections.
        decode: words (r, length) to codewords.
        opens: codewords (r, length) and rows (r,) to 1.0 where they open it, else 0.0.

    Returns:
        (n, d) float32 of unit length.
    """
    signs, out = signs_of(helper), np.empty((len(keys), dimension), dtype=np.float32)
    for key, group in by_key(keys):
        planes = planes_of(key, dimension)
        for rows in np.array_split(group, len(group) // 32 + 1):
            sums = np.einsum("nrl,drl->nld", signs[rows], planes, optimize=True)
            axis = np.linalg.eigh(sums.transpose(0, 2, 1) @ sums)[1][:, :, -1:]
            word = decode(((sums @ axis)[:, :, 0] < 0).astype(np.uint8))
            way = signs_of(word) * (1 - 2 * opens(word, rows)[:, None])
            bits = signs[rows] * way[:, None]
            out[rows] = np.einsum("nrl,drl->nd", bits, planes, optimize=True)
    unit: Floats = out / np.linalg.norm(out, axis=1, keepdims=True)
    return unit
