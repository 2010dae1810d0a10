"""Fuzzy commitment: a random BCH codeword, masked by the binarised embedding (Juels, Wattenberg).

A. Juels and M. Wattenberg, "A fuzzy commitment scheme", ACM CCS 1999. The embedding becomes bits by
the signs of key-seeded Gaussian projections. Stored are a salt, ``helper`` = codeword xor bits and
a digest of the codeword; a probe whose bits differ in at most t places decodes to the codeword.

What a thief can do with the key: the helper data fix all but ``secret_bits`` bits of the binarised
embedding (the syndrome of helper and of bits is the same), so 2^secret_bits hashes, minutes at 28,
reveal all bits; and a dictionary of other people's embeddings opens every template whose bits one
of them meets within t errors. Neither is a linear read-out, which is all that ``features`` offers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.errors import InputError
from fowh.scheme import Floats, Keys, Scheme, Templates, by_key, key_stream, known_token

if TYPE_CHECKING:
    import galois

Bits = NDArray[np.uint8]  # one bit in each byte

SALT_BYTES = 16
LENGTHS = (127, 255, 511, 1023)


@dataclass(frozen=True)
class FuzzyCommitment(Scheme):
    """Commitment to a codeword of a primitive narrow-sense BCH code.

    A template is ``code`` (n, 32) uint8, ``aux["helper"]`` (n, ceil(length / 8)) uint8 and
    ``aux["salt"]`` (n, 16) uint8. A score is 1.0 where the probe opens the commitment, else 0.0:
    the threshold is built into the code.

    Attributes:
        length: bits of the binarised embedding and of a codeword: 127, 255, 511 or 1023.
        message: bits of the committed secret; only certain numbers exist for each length.
    """

    length: int = 511
    message: int = 28
    public: Mapping[str, NDArray[Any]] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )

    def __post_init__(self) -> None:
        if self.length not in LENGTHS:
            raise InputError(
                f"fuzzy_commitment:length={self.length}: expected one of "
                + ", ".join(map(str, LENGTHS))
            )
        table = design_distances(self.length)
        if self.message not in table:
            near = sorted(sorted(table, key=lambda k: abs(k - self.message))[:3])
            raise InputError(
                f"fuzzy_commitment:message={self.message}: no BCH code of length {self.length} "
                f"has so many message bits; try {' or '.join(map(str, near))}"
            )

    @property
    def correctable(self) -> int:
        """t, the number of bit errors up to which a probe opens the commitment."""
        return (design_distances(self.length)[self.message] - 1) // 2

    @property
    def secret_bits(self) -> int:
        """Bits of the committed secret: 2^secret_bits hashes open a stolen template."""
        return self.message

    def bits(self, embeddings: Floats, keys: Keys) -> Bits:
        """Signs of the centred embeddings' projections, each row under its own key; (n, length)."""
        centred = self.centre(embeddings)
        out = np.empty((len(embeddings), self.length), dtype=np.uint8)
        for key, rows in by_key(keys):
            planes = key_stream(key, "fuzzy_commitment").standard_normal(
                (centred.shape[1], self.length), dtype=np.float32
            )
            out[rows] = centred[rows] @ planes > 0
        return out

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Templates:
        count = len(embeddings)
        salt = rng.integers(0, 256, (count, SALT_BYTES), dtype=np.uint8)
        secret = rng.integers(0, 2, (count, self.message), dtype=np.uint8)
        codeword = self._encode(secret)
        helper = np.packbits(codeword ^ self.bits(embeddings, keys), axis=1)
        return Templates(_digests(salt, codeword), {"helper": helper, "salt": salt}, keys)

    def score(self, templates: Templates, probes: Floats, keys: Keys | None = None) -> Floats:
        used = known_token(templates) if keys is None else keys
        codeword = self._decode(self._helper(templates) ^ self.bits(probes, used))
        difference = templates.code ^ _digests(templates.aux["salt"], codeword)
        # every byte of every row is read whatever the bytes are: constant time
        return (np.bitwise_or.reduce(difference, axis=1) == 0).astype(np.float32)

    def scores_known(
        self, templates: Templates, enrolled: Floats, probes: Floats, keys: Keys | None = None
    ) -> Floats:
        """``scores`` for an evaluator who still holds the enrolled embeddings, without decoding.

        The decoder is bounded-distance: it returns the committed codeword exactly where at most t
        bits differ, so acceptance *is* a Hamming test. Decoding takes milliseconds per pair.

        Args:
            templates: n templates, with their token.
            enrolled: (n, d) float32, the embeddings that were enrolled, in the same order.
            probes: (p, d) float32.
            keys: (p,) the presenters' own keys; default: each template's own key.

        Returns:
            (n, p) float32, equal to ``scores(templates, probes, keys)``.
        """
        token = known_token(templates)
        left = _signs(self.bits(enrolled, token))
        agreement = np.empty((len(templates), len(probes)), dtype=np.float32)
        if keys is not None:
            agreement[:] = left @ _signs(self.bits(probes, keys)).T
        else:
            for key, rows in by_key(token):
                used = np.full(len(probes), key, dtype=np.uint64)
                agreement[rows] = left[rows] @ _signs(self.bits(probes, used)).T
        return (agreement >= self.length - 2 * self.correctable).astype(np.float32)

    def features(self, templates: Templates) -> Floats:
        """Syndrome of the helper data as +-1, (n, length - message) float32.

        The random codeword cancels, so this is a function of the embedding and the key alone; the
        helper bits themselves are uniform whatever the embedding is.
        """
        helper = self._helper(templates)
        parity = self._encode(helper[:, : self.message])[:, self.message :]
        return _signs(parity ^ helper[:, self.message :])

    def _helper(self, templates: Templates) -> Bits:
        return np.unpackbits(templates.aux["helper"], axis=1, count=self.length)

    def _encode(self, secret: Bits) -> Bits:
        return np.asarray(_bch(self.length, self.message).encode(secret)).astype(np.uint8)

    def _decode(self, words: Bits) -> Bits:
        import numba  # galois compiles with it

        threads = numba.get_num_threads()
        numba.set_num_threads(1)  # it splits each tiny polynomial: two threads are 90 times slower
        try:
            decoded = _bch(self.length, self.message).decode(words, output="codeword")
        finally:
            numba.set_num_threads(threads)
        return np.asarray(decoded).astype(np.uint8)


@cache
def design_distances(length: int) -> dict[int, int]:
    """Message bits -> designed distance of every binary BCH code of this length.

    With all of 1 .. e-1 among the roots' exponents the distance is at least e; an exponent brings
    its cyclotomic coset (doubling modulo the length) with it.
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
def _bch(length: int, message: int) -> galois.BCH:
    """The code; built once per process, because that takes seconds (and so does compiling)."""
    import galois

    return galois.BCH(length, d=design_distances(length)[message])  # by k it searches for d


def _digests(salts: Bits, codewords: Bits) -> NDArray[np.uint8]:
    packed = np.packbits(codewords, axis=1)
    pairs = zip(salts, packed, strict=True)
    parts = [hashlib.sha256(salt.tobytes() + word.tobytes()).digest() for salt, word in pairs]
    return np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(-1, 32)


def _signs(bits: Bits) -> Floats:
    return bits.astype(np.float32) * 2 - 1
