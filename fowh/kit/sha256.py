"""SHA-256 of many messages side by side (FIPS 180-4), and the search for one with a known digest.

Importing this module loads numba: import it inside functions. A vector unit works on ``LANES``
messages at a time; that is three times as fast as one after the other on a core that has
instructions for this hash. The loops release the interpreter's lock.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from fowh.kit.parallel import threaded

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint32]

LANES = 32
LOW = 5  # log2(LANES)
STEP = 1 << 20  # guesses between two looks at whether another thread has found it


def _roots(power: int, count: int) -> Words:
    """The first 32 bits behind the point of the first primes' roots (sections 4.2.2, 5.3.3)."""
    primes = [n for n in range(2, 312) if all(n % d for d in range(2, math.isqrt(n) + 1))][:count]
    high = 1 << 40  # an integer root with 40 bits behind the point, exactly
    roots = []
    for prime in primes:
        root, target = round(prime ** (1 / power) * high), prime * high**power
        while root**power > target:
            root -= 1
        while (root + 1) ** power <= target:
            root += 1
        roots.append((root % high) >> 8)
    return np.array(roots, dtype=np.uint32)


K, START = _roots(3, 64), _roots(2, 8)


@njit(inline="always")
def _turn(x: Any, n: int) -> Any:
    return np.uint32((x >> np.uint32(n)) | (x << np.uint32(32 - n)))


@njit(inline="always")
def _round(s: Any, kw: Any) -> Any:
    """One round of the eight words ``s``; numba counts in 64 bits unless it is told not to."""
    a, b, c, d, e, f, g, h = s
    t = np.uint32(h + (_turn(e, 6) ^ _turn(e, 11) ^ _turn(e, 25)) + (g ^ (e & (f ^ g))) + kw)
    both = np.uint32((_turn(a, 2) ^ _turn(a, 13) ^ _turn(a, 22)) + ((a & b) | (c & (a | b))))
    return np.uint32(t + both), a, b, c, np.uint32(d + t), e, f, g


@njit(inline="always")
def _four(s: Any, m: Words, at: int, k: int) -> Any:
    """Four rounds, from the message word at ``m[at]`` and the constant ``K[k]`` on."""
    s = _round(s, np.uint32(K[k] + m[at]))
    s = _round(s, np.uint32(K[k + 1] + m[at + LANES]))
    s = _round(s, np.uint32(K[k + 2] + m[at + 2 * LANES]))
    return _round(s, np.uint32(K[k + 3] + m[at + 3 * LANES]))


@njit(inline="always")
def _schedule(m: Words, at: int, j: int) -> None:
    """Message word j of the next 16, in the place of the one before."""
    near, far = m[at + (j + 1) % 16 * LANES], m[at + (j + 14) % 16 * LANES]
    low = _turn(near, 7) ^ _turn(near, 18) ^ (near >> np.uint32(3))
    high = _turn(far, 17) ^ _turn(far, 19) ^ (far >> np.uint32(10))
    m[at + j * LANES] = np.uint32(m[at + j * LANES] + low + m[at + (j + 9) % 16 * LANES] + high)


@njit(nogil=True, cache=True)
def _compress(m: Words) -> None:
    """One block of every lane; in one array, or the compiler fears that two might overlap.

    Args:
        m: (32 * LANES,): 8 words of state, 8 to work on, 16 of the message (which are used up),
            each for every lane.
    """
    for i in range(8 * LANES):
        m[8 * LANES + i] = m[i]
    for k in range(0, 64, 16):
        for at in range(8 * LANES, 9 * LANES):
            s = (
                m[at],
                m[at + LANES],
                m[at + 2 * LANES],
                m[at + 3 * LANES],
                m[at + 4 * LANES],
                m[at + 5 * LANES],
                m[at + 6 * LANES],
                m[at + 7 * LANES],
            )
            s = _four(s, m, at + 8 * LANES, k)
            s = _four(s, m, at + 12 * LANES, k + 4)
            s = _four(s, m, at + 16 * LANES, k + 8)
            s = _four(s, m, at + 20 * LANES, k + 12)
            m[at], m[at + LANES], m[at + 2 * LANES], m[at + 3 * LANES] = s[:4]
            m[at + 4 * LANES], m[at + 5 * LANES], m[at + 6 * LANES], m[at + 7 * LANES] = s[4:]
        if k < 48:
            for at in range(16 * LANES, 17 * LANES):
                for j in range(16):
                    _schedule(m, at, j)
    for i in range(8 * LANES):
        m[i] += m[8 * LANES + i]


@njit(nogil=True, cache=True)
def _absorb(m: Words, words: Words) -> None:
    """Hash what is in ``words`` (blocks, 16 * LANES) into the state of ``m``."""
    for i in range(8):
        for lane in range(LANES):
            m[i * LANES + lane] = START[i]
    for block in words:
        for i in range(16 * LANES):
            m[16 * LANES + i] = block[i]
        _compress(m)


@njit(nogil=True, cache=True)
def _digests(words: Words, out: Words) -> None:
    """Digests (n, 8) of padded messages (n, blocks * 16)."""
    m, side = (
        np.empty(32 * LANES, np.uint32),
        np.empty((words.shape[1] // 16, 16 * LANES), np.uint32),
    )
    for start in range(0, len(words), LANES):
        count = min(LANES, len(words) - start)
        for lane in range(LANES):
            for i in range(words.shape[1]):
                side[i // 16, i % 16 * LANES + lane] = words[start + min(lane, count - 1), i]
        _absorb(m, side)
        for lane in range(count):
            for i in range(8):
                out[start + lane, i] = m[i * LANES + lane]


@njit(nogil=True, cache=True)
def _find(word: Words, flips: Words, wanted: Words, first: int, last: int) -> int:
    """``find``, for padded words; first is a multiple of LANES, last of nothing."""
    blocks = len(word) // 16
    m, side = np.empty(32 * LANES, np.uint32), np.empty((blocks, 16 * LANES), np.uint32)
    for lane in range(LANES):
        number = first + lane
        gray = number ^ (number >> 1)
        for i in range(len(word)):
            value = word[i]
            for bit in range(len(flips)):
                if (gray >> bit) & 1:
                    value ^= flips[bit, i]
            side[i // 16, i % 16 * LANES + lane] = value
    number = first
    while True:
        _absorb(m, side)
        hits = False
        for lane in range(LANES):
            hits |= m[lane] == wanted[0]
        if hits:
            for lane in range(min(LANES, last - number)):
                equal = True
                for i in range(8):
                    equal &= m[i * LANES + lane] == wanted[i]
                if equal:
                    return number + lane
        number += LANES
        if number >= last:
            return -1
        # All lanes move on alike: the top bit that they count in turns with every step, and the
        # step's own Gray code changes in one bit.
        bit, step = LOW, number >> LOW
        while not step & 1:
            step >>= 1
            bit += 1
        for i in range(len(word)):
            change = flips[bit, i] ^ flips[LOW - 1, i]
            row, at = i // 16, i % 16 * LANES
            if change:
                for lane in range(LANES):
                    side[row, at + lane] ^= change


def _padded(messages: Bytes) -> Words:
    """Messages (n, bytes) with what section 5.1.1 puts behind them; (n, blocks * 16) words."""
    count, size = messages.shape
    blocks = -(-(size + 9) // 64)
    whole = np.zeros((count, 64 * blocks), dtype=np.uint8)
    whole[:, :size] = messages
    whole[:, size] = 0x80
    whole[:, -8:] = np.frombuffer((8 * size).to_bytes(8, "big"), np.uint8)
    return whole.view(">u4").astype(np.uint32)


def digests(messages: Bytes) -> Bytes:
    """SHA-256 of messages (n, bytes) uint8 of one length; (n, 32) uint8."""
    out = np.empty((len(messages), 8), dtype=np.uint32)
    _digests(_padded(messages), out)
    return out.astype(">u4").view(np.uint8)


def find(message: Bytes, flips: Bytes, digest: Bytes, first: int, count: int) -> int:
    """The number of the message that has a digest, among sums of ``flips`` in Gray-code order.

    Number n stands for the message xor every flip j whose bit j of n xor (n >> 1) is set, so that
    one flip leads from each to the next. On as many threads as torch uses.

    Args:
        message: (bytes,) uint8.
        flips: (k, bytes) uint8, k at most 62.
        digest: (32,) uint8.
        first: number of the first guess.
        count: how many guesses; those beyond 2^k - 1 are left out.

    Returns:
        The number, or -1 where none of these has the digest.
    """
    size, end = message.shape[0], min(first + count, 1 << len(flips))
    bits = np.zeros((max(len(flips), LOW) + 1, _padded(message[None]).shape[1] * 4), np.uint8)
    bits[: len(flips), :size] = flips
    turned, word = bits.view(">u4").astype(np.uint32), _padded(message[None])[0]
    wanted, found = digest.view(">u4").astype(np.uint32), [-1]
    start = first - first % LANES  # a vector's worth at least; what lies before was not asked for

    def search(part: slice) -> None:
        if found[0] < 0:
            number = _find(word, turned, wanted, start + part.start, start + part.stop)
            if number >= first:
                found[0] = number

    threaded(search, max(end - start, 0), STEP)
    return found[0]
