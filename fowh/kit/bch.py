"""Primitive narrow-sense binary BCH codes, batched: the galois library behind two functions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError

if TYPE_CHECKING:
    import galois

Bits = NDArray[np.uint8]  # one bit in each byte

LENGTHS = (31, 63, 127, 255, 511, 1023)
COUNTED = 62  # bits of a number, at most


@dataclass(frozen=True)
class Bch:
    """The code of ``length`` bits with ``message`` information bits (Lin and Costello, chapter 6).

    The decoder is bounded-distance: it returns the one codeword within ``correctable`` errors of a
    word, or the word itself where there is none. Nothing is built before the first word.

    Raises:
        InputError: no such code exists; names the nearest ones.
    """

    length: int
    message: int

    def __post_init__(self) -> None:
        if self.length not in LENGTHS:
            raise InputError(
                f"no BCH code has length={self.length} here: give one of "
                + ", ".join(map(str, LENGTHS))
            )
        table = design_distances(self.length)
        if self.message not in table:
            near = sorted(sorted(table, key=lambda k: abs(k - self.message))[:3])
            raise InputError(
                f"no BCH code of length={self.length} has message={self.message} bits: "
                f"give {' or '.join(map(str, near))}"
            )

    @property
    def correctable(self) -> int:
        """t, the number of errors that are certainly corrected."""
        return (design_distances(self.length)[self.message] - 1) // 2

    def encode(self, message: Bits) -> Bits:
        """Systematic codewords (n, length), the message (n, message) in front."""
        return np.asarray(_library(self).encode(message)).astype(np.uint8)

    @property
    def steps(self) -> Bits:
        """Codewords (k, length) of the messages with one bit: a basis, its first 62 at most."""
        return _steps(self)

    def numbered(self, numbers: NDArray[np.int64]) -> Bits:
        """Codewords (n, length) in Gray-code order, in which each differs by a step from the next.

        Bit j of the message of codeword number i is bit j of i xor i / 2; beyond the 62nd it is 0.
        """
        gray, places = numbers ^ (numbers >> 1), np.arange(min(self.message, COUNTED))
        message = np.zeros((len(numbers), self.message), dtype=np.uint8)
        message[:, places] = (gray[:, None] >> places) & 1
        return self.encode(message)

    def decode(self, words: Bits) -> Bits:
        """The codewords (n, length) nearest to words (n, length), or the words themselves."""
        import numba  # what the library compiles with

        threads = numba.get_num_threads()
        numba.set_num_threads(1)  # it would split every small polynomial: 20 times slower with two
        try:
            decoded = _library(self).decode(words, output="codeword")
        finally:
            numba.set_num_threads(threads)
        return np.asarray(decoded).astype(np.uint8)


@cache
def design_distances(length: int) -> dict[int, int]:
    """Message bits -> designed distance of every code of this length.

    With all of 1 .. e-1 among the exponents of the roots, the distance is at least e; an exponent
    brings its cyclotomic coset (doubling modulo the length) with it.
    """
    table: dict[int, int] = {}
    roots: set[int] = set()
    for exponent in range(1, length):
        if exponent in roots:
            continue
        if roots:
            table[length - len(roots)] = exponent
        while exponent not in roots:
            roots.add(exponent)
            exponent = 2 * exponent % length
    return table


@cache
def _steps(code: Bch) -> Bits:
    return code.encode(np.eye(min(code.message, COUNTED), code.message, dtype=np.uint8))


@cache
def _library(code: Bch) -> galois.BCH:
    """Built once per process: finding the generator and compiling take some ten seconds."""
    import galois

    # Given the message bits instead of the distance, the library searches for the distance.
    return galois.BCH(code.length, d=design_distances(code.length)[code.message])
