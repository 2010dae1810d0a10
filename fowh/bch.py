"""Primitive narrow-sense binary BCH codes, decoded in batches.

All words of a batch go through each step of the decoder together (Lin and Costello, "Error Control
Coding", chapter 6). The galois library decodes one word after the other: six times slower, after
fifteen seconds of compiling; it is what the tests compare with, bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fowh.errors import InputError

Bits = NDArray[np.uint8]  # one bit in each byte
Symbols = NDArray[np.int16]  # elements of GF(2^m): polynomials in alpha, a bit per coefficient

# Length 2^m - 1 -> a primitive polynomial of degree m, a bit per coefficient.
PRIMITIVE = {127: 0b10001001, 255: 0b100011101, 511: 0b1000010001, 1023: 0b10000001001}
BLOCK = 512  # words that are decoded together: their symbols stay in the cache


@dataclass(frozen=True)
class Bch:
    """The code of ``length`` bits with ``message`` information bits.

    Bit i of a word is the coefficient of x^(length - 1 - i). The decoder is bounded-distance: it
    returns the one codeword within ``correctable`` errors of a word, or the word itself where there
    is none.

    Raises:
        InputError: no such code exists; names the nearest ones.
    """

    length: int
    message: int

    def __post_init__(self) -> None:
        if self.length not in PRIMITIVE:
            raise InputError(
                f"no BCH code has length={self.length} here: give one of "
                + ", ".join(map(str, PRIMITIVE))
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
        parity = message.astype(np.float32) @ _parity(self.length, self.message) % 2
        return np.concatenate([message, parity.astype(np.uint8)], axis=1)

    def decode(self, words: Bits) -> Bits:
        """The codewords (n, length) nearest to words (n, length), or the words themselves."""
        out = words.copy()
        for start in range(0, len(words), BLOCK):
            block = out[start : start + BLOCK]
            locator, errors = self._locate(self._syndromes(block))
            # The inverses of the locator's roots are the places; a word beyond correction has a
            # locator with fewer roots than its degree.
            wrong = _evaluate(locator, self.length) == 0
            block ^= wrong & ((wrong.sum(axis=1) == errors) & (errors <= self.correctable))[:, None]
        return out

    def _syndromes(self, words: Bits) -> Symbols:
        """Values at alpha^0 (left zero), alpha^1 ... alpha^2t; (n, 2 t + 1)."""
        bits, t = self.length.bit_length(), self.correctable
        values = np.zeros((len(words), 2 * t + 1), dtype=np.int16)
        sums = words.astype(np.float32) @ _checks(self.length, t)  # of bits: exact
        odd = sums.reshape(len(words), t, bits).astype(np.int16) & 1
        values[:, 1::2] = odd @ (1 << np.arange(bits, dtype=np.int16))
        for power in range(2, 2 * t + 1, 2):  # squaring is linear in characteristic 2
            half = values[:, power // 2]
            values[:, power] = _times(half, half, self.length)
        return values

    def _locate(self, syndromes: Symbols) -> tuple[Symbols, NDArray[np.int16]]:
        """Error locators (n, t + 1), constant first, and the numbers of errors (n,).

        Berlekamp and Massey's algorithm without inversions; of a binary code every second
        discrepancy is zero, so t steps do.
        """
        count, t, length = len(syndromes), self.correctable, self.length
        locator = np.zeros((count, t + 1), dtype=np.int16)
        locator[:, 0] = 1
        former, scale = locator.copy(), np.ones(count, dtype=np.int16)  # former: before it grew
        errors = np.zeros(count, dtype=np.int16)
        for step in range(t):
            reach = np.arange(min(t, 2 * step) + 1)
            products = _times(locator[:, reach], syndromes[:, 2 * step + 1 - reach], length)
            discrepancy = np.bitwise_xor.reduce(products, axis=1)
            former = _shift(former)
            grows = (discrepancy != 0) & (errors <= step)
            after = _times(scale[:, None], locator, length)
            after ^= _times(discrepancy[:, None], former, length)
            former = _shift(np.where(grows[:, None], locator, former))
            scale = np.where(grows, discrepancy, scale)
            errors = np.where(grows, 2 * step + 1 - errors, errors)
            locator = after
        return locator, errors


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
def _field(length: int) -> tuple[Symbols, NDArray[np.int16]]:
    """Powers of alpha and logarithms; a zero's logarithm leads to where the powers are zero."""
    powers, logs = np.zeros(4 * length + 1, np.int16), np.empty(length + 1, np.int16)
    element = 1
    for exponent in range(length):
        powers[[exponent, exponent + length]] = element
        logs[element] = exponent
        element <<= 1
        if element > length:
            element ^= PRIMITIVE[length]
    logs[0] = 2 * length
    return powers, logs


def _times(left: Symbols, right: Symbols, length: int) -> Symbols:
    powers, logs = _field(length)
    product: Symbols = powers[logs[left] + logs[right]]
    return product


def _shift(polynomials: Symbols) -> Symbols:
    """Times x."""
    shifted = np.zeros_like(polynomials)
    shifted[:, 1:] = polynomials[:, :-1]
    return shifted


def _evaluate(polynomials: Symbols, length: int) -> Symbols:
    """Values (n, length) at the inverse of each place's power of alpha (Chien's search)."""
    powers, logs = _field(length)
    logarithm, place = logs[polynomials], np.arange(1, length + 1)
    values = np.zeros((len(polynomials), length), dtype=np.int16)
    for degree in range(polynomials.shape[1]):
        step = (degree * place % length).astype(np.int16)  # of alpha^-(length - 1 - i)
        values ^= powers[logarithm[:, degree, None] + step]
    return values


@cache
def _checks(length: int, t: int) -> NDArray[np.float32]:
    """Bits of alpha^(j power), j odd, for each place; (length, t m)."""
    exponent = np.outer(np.arange(length)[::-1], np.arange(1, 2 * t, 2)) % length
    bits = _field(length)[0][exponent][:, :, None] >> np.arange(length.bit_length())
    return (bits & 1).reshape(length, -1).astype(np.float32)


@cache
def _parity(length: int, message: int) -> NDArray[np.float32]:
    """Parity bits of each message bit; (message, length - message)."""
    degree, distance = length - message, design_distances(length)[message]
    conjugates = range(length.bit_length())
    roots = {root * 2**i % length for root in range(1, distance) for i in conjugates}
    product = np.zeros((1, degree + 1), dtype=np.int16)
    product[:, 0] = 1
    for root in roots:  # times 1 + alpha^root x: the generator's coefficients, highest power first
        factor = _field(length)[0][root : root + 1]
        product ^= _times(factor[:, None], _shift(product), length)
    generator = int("".join(map(str, product[0])), 2)
    remainder, rows = 1 << (degree - 1), []
    for _ in range(message):  # x^degree, x^(degree + 1) ... modulo the generator
        remainder <<= 1
        if remainder >> degree:
            remainder ^= generator
        rows.append([int(bit) for bit in f"{remainder:0{degree}b}"])
    return np.array(rows[::-1], dtype=np.float32)
