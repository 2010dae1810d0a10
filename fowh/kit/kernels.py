"""Inner loops that NumPy cannot fuse, compiled by numba.

Importing this module loads numba: import it inside functions. The machine code is cached on disk,
so only the very first call of an installation waits for the compiler. The loops release the
interpreter's lock, for ``fowh.kit.projection.threaded``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def compiled(function: Callable[..., None]) -> Any:
    """The function as machine code, which is kept where any place takes it."""
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # neither beside this file nor in the user's cache: compiled by each run
        return njit(nogil=True)(function)


@compiled
def pack_above(values: Floats, threshold: Floats, out: NDArray[np.uint8]) -> None:
    """Bits of values (n, m) > threshold (m,), packed as ``np.packbits``; out (n, ceil(m / 8))."""
    bits = np.zeros(8 * out.shape[1], dtype=np.uint8)
    for a in range(values.shape[0]):
        for b in range(values.shape[1]):
            bits[b] = values[a, b] > threshold[b]
        for b in range(out.shape[1]):
            byte = bits[8 * b : 8 * b + 8]
            high = (byte[0] << 7) | (byte[1] << 6) | (byte[2] << 5) | (byte[3] << 4)
            out[a, b] = high | (byte[4] << 3) | (byte[5] << 2) | (byte[6] << 1) | byte[7]


@compiled
def argmax_inner(values: Floats, offset: Floats, out: NDArray[np.uint8]) -> None:
    """First index of the maximum along the middle axis: (a, q, b) -> out (a, b), q at most 256.

    Of values minus offset (q, b). Along the last axis a vector unit would work on q values at a
    time; here it has b.
    """
    largest = np.empty(values.shape[2], dtype=np.float32)
    where = np.empty(values.shape[2], dtype=np.int32)
    for a in range(values.shape[0]):
        for b in range(values.shape[2]):
            largest[b] = values[a, 0, b] - offset[0, b]
            where[b] = 0
        for q in range(1, values.shape[1]):
            for b in range(values.shape[2]):
                value = values[a, q, b] - offset[q, b]
                better = value > largest[b]
                largest[b] = value if better else largest[b]
                where[b] = q if better else where[b]
        for b in range(values.shape[2]):
            out[a, b] = where[b]


@compiled
def argmax_of_products(columns: Floats, places: NDArray[Any], out: NDArray[np.uint8]) -> None:
    """First index of the largest product of entries, for each template and hash.

    Args:
        columns: (d, r) one template per column, so that the vector unit works on templates.
        places: (order, hashes, window) which entries are multiplied; a window of at most 256.
        out: (r, hashes).
    """
    order, hashes, window = places.shape
    count = columns.shape[1]
    product = np.empty(count, dtype=np.float32)
    largest = np.empty(count, dtype=np.float32)
    where = np.empty(count, dtype=np.int32)
    first = np.ones(count, dtype=np.float32)
    for h in range(hashes):
        for r in range(count):
            largest[r] = -np.inf
            where[r] = 0
        for w in range(window):
            if order > 1:
                first = columns[places[0, h, w]]
            for factor in range(1, order - 1):
                other = columns[places[factor, h, w]]
                for r in range(count):
                    product[r] = first[r] * other[r]
                first = product
            last = columns[places[order - 1, h, w]]
            for r in range(count):
                value = first[r] * last[r]
                better = value > largest[r]
                largest[r] = value if better else largest[r]
                where[r] = w if better else where[r]
        for r in range(count):
            out[r, h] = where[r]


@compiled
def count_equal(left: NDArray[Any], columns: NDArray[Any], out: Floats, start: int) -> None:
    """How many digits of left (n, m) and of columns (m, p), one code each, are equal.

    Written to p columns of out (n, ...) from ``start``. Counted in bytes, the narrowest numbers
    that a vector unit adds, 255 digits at a time.
    """
    count = columns.shape[1]
    equal = np.empty(count, dtype=np.uint8)
    for a in range(left.shape[0]):
        for b in range(count):
            out[a, start + b] = 0
        for begin in range(0, left.shape[1], 255):
            for b in range(count):
                equal[b] = 0
            for digit in range(begin, min(begin + 255, left.shape[1])):
                wanted = left[a, digit]
                row = columns[digit]
                for b in range(count):
                    equal[b] += np.uint8(row[b] == wanted)
            for b in range(count):
                out[a, start + b] += equal[b]
