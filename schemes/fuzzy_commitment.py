"""Fuzzy commitment: a random codeword, masked by the bits of the embedding.

Juels and Wattenberg, ACM CCS 1999, section 4. Bits are signs of key-seeded Gaussian projections,
the code is BCH; stored are salt, codeword xor bits (helper) and digest of the codeword.

Helper data fix all but ``message`` bits: 2^message digests certainly open a template (attack
``brute_force``), a false match does sooner. They are the same for x and -x about the centre, up to
the codeword of all ones, which every code here has: only the digest tells the two apart.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from fowh.core.capability import Ids, Slack
from fowh.core.errors import InputError
from fowh.core.memory import fits
from fowh.core.release import Floats, Keys, Release, by_key, known_token
from fowh.core.scheme import TemplateScheme
from fowh.kit import hashing
from fowh.kit.bch import Bch, Bits
from fowh.kit.projection import gaussian, slack_by_key
from schemes._repetition import flat, majority, read_out, sides, signs_of


@dataclass(frozen=True)
class FuzzyCommitment(TemplateScheme):
    """Template: ``code`` (n, 32), ``aux["salt"]`` (n, 16), ``aux["helper"]`` (n, bits / 8), uint8.

    A score is 1.0 where the probe opens the commitment, else 0.0.
    FNMR / FMR in %, ORL, dlib, key stolen (3,600 and 28,000 comparisons; 19 % mated bit errors):
    (511, 28) 29 / 0, (1023, 46) 32 / 0, (511, 76) 60 / 0; not centred (511, 28) 0 / 96; repeat=5
    (511, 76) 3.3 / 0.04. ``fowh evaluate --dataset orl --target dlib --scheme fuzzy_commitment``

    Attributes:
        length: bits of a BCH codeword: 31, 63, 127, 255, 511 or 1023.
        message: bits of the committed secret; each length has its own choice.
        repeat: odd number of projections under each bit of the codeword, for a majority vote; more
            than 1 is a known flaw (``pitfalls``), kept to be measured.
        centred: whether bits are taken about the development mean, as published for faces
            (Kevenaar et al., AutoID 2005): bits that are alike for everybody mask nothing.
    """

    length: int = 511
    message: int = 28
    repeat: int = 1
    centred: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if not 1 <= self.repeat <= 255 or self.repeat % 2 == 0:
            raise InputError(f"fuzzy_commitment: repeat is {self.repeat}; give 1, 3, 5 ... 255")
        Bch(self.length, self.message)  # raises where there is no such code

    @property
    def bch(self) -> Bch:
        return Bch(self.length, self.message)

    @property
    def comparison_cap(self) -> int:
        return 4096  # the library decodes some 300 words/s

    @property
    def secret_bits(self) -> int:
        return self.message

    @property
    def pitfalls(self) -> tuple[str, ...]:
        """Known flaws of these parameters, a sentence each."""
        told = "helper data say which bits of a group are equal (Koeberl et al., HOST 2014)"
        return (f"repeat={self.repeat}: {told}",) * (self.repeat > 1)

    @property
    def unprotectable(self) -> bool:
        return self.repeat > 1

    def fit(self, development: Floats) -> Self:
        """Learn where the centre is and, for ``unprotect``, the usual distance to it."""
        mean = super().fit(development).public["mean"] * np.float32(self.centred)
        norm = np.linalg.norm(development - mean, axis=1).mean(keepdims=True)
        return replace(self, public={"mean": mean, "norm": norm})

    def bits(self, embeddings: Floats, keys: Keys) -> Bits:
        """Each row's bits under its own key; (n, repeat, length), a group in each column."""
        centred = self.centre(embeddings)
        shape = (len(centred), self.repeat, self.length)
        fits("projections: samples, repeat, length", shape)
        out = np.empty(shape, dtype=np.uint8)
        for key, rows in by_key(keys):
            planes = self._planes(key, centred.shape[1])
            out[rows] = np.einsum("nd,drl->nrl", centred[rows], planes, optimize=True) > 0
        return out

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        salt = hashing.salts(len(embeddings), rng)
        codeword = self.bch.encode(rng.integers(0, 2, (len(salt), self.message), dtype=np.uint8))
        masked = flat(codeword[:, None] ^ self.bits(embeddings, keys))
        code = hashing.digests(salt, np.packbits(codeword, axis=1))
        return Release(code, {"helper": np.packbits(masked, axis=1), "salt": salt}, keys)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        used = known_token(templates) if keys is None else keys
        word = majority(self._helper(templates) ^ self.bits(probes, used))
        return _opens(templates, self.bch.decode(word))

    def scores_known(
        self, templates: Release, enrolled: Floats, probes: Floats, keys: Keys | None = None
    ) -> Floats:
        """The decoder returns the committed codeword exactly where at most t votes are wrong."""
        token, t = known_token(templates), self.bch.correctable
        left, out = self.bits(enrolled, token), np.empty((len(token), len(probes)), np.float32)
        own = None if keys is None else self.bits(probes, keys)
        for key, group in by_key(token):
            right = self.bits(probes, np.full(len(probes), key, np.uint64)) if own is None else own
            for rows in np.array_split(group, len(group) * right.size // 2**24 + 1):
                wrong = majority(left[rows][:, None] ^ right).sum(axis=-1, dtype=np.int16)
                out[rows] = wrong <= t
        return out

    def features(self, release: Release) -> Floats:
        """The helper data's syndrome: the codeword of its message bits taken off it, as +-1."""
        helper = self._helper(release)
        codeword = self.bch.encode(helper[:, 0, : self.message])
        return signs_of(flat(helper ^ codeword[:, None]))

    def unprotect(self, templates: Release) -> Floats:
        """Embeddings (n, d) from templates and keys, through repetition; blind without it."""
        token, mean = known_token(templates), self.public["mean"]
        helper, opens = self._helper(templates), functools.partial(_opens, templates)
        unit = read_out(helper, token, len(mean), self._planes, self.bch.decode, opens)
        return mean + self.public["norm"] * unit

    def guess(self, templates: Release, first: int, count: int) -> Ids:
        """Numbers are those of ``Bch.numbered``. Salts differ: no guess serves two templates."""
        flips = np.packbits(self.bch.steps, axis=1)
        return hashing.guess(templates.aux["salt"], flips, templates.code, first, count)

    def opened(self, templates: Release, numbers: Ids) -> Slack:
        """All bits of the embedding are known: their projections, each with the sign it has."""
        bits = self._helper(templates) ^ self.bch.numbered(numbers)[:, None]
        signs = Release(signs_of(flat(bits)), token=templates.token)
        return slack_by_key(self, signs, lambda key, d: (self._planes(key, d),), sides)

    def _planes(self, key: int, dimension: int) -> Floats:
        return gaussian(key, "fuzzy_commitment", (dimension, self.repeat, self.length))

    def _helper(self, templates: Release) -> Bits:
        bits = np.unpackbits(templates.aux["helper"], axis=1, count=self.repeat * self.length)
        return bits.reshape(-1, self.repeat, self.length)


def _opens(templates: Release, codewords: Bits, rows: Any = slice(None)) -> Floats:
    opened = hashing.digests(templates.aux["salt"][rows], np.packbits(codewords, axis=1))
    return hashing.equal(templates.code[rows], opened)
