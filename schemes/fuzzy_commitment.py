"""Fuzzy commitment: a random codeword, masked by the bits of the embedding.

Juels and Wattenberg, ACM CCS 1999, section 4; bits are signs of key-seeded Gaussian projections,
the code is BCH. Stored: salt, codeword xor bits (helper), digest of the codeword.

The helper data fix all but ``message`` bits, so 2^message digests certainly open a template (attack
``brute_force``), and a false match opens it sooner. They are the same for x and -x about the
centre, for all bits inverted are the other word of a pair (all-ones is a codeword of every
narrow-sense BCH code, whose roots do not include 1): only the digest tells x from -x.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from fowh.core.capability import Ids, Slack
from fowh.core.errors import InputError
from fowh.core.release import Floats, Keys, Release, by_key, known_token
from fowh.core.scheme import TemplateScheme
from fowh.kit import hashing
from fowh.kit.bch import Bch, Bits
from fowh.kit.projection import gaussian, slack_by_key

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class FuzzyCommitment(TemplateScheme):
    """Template: ``code`` (n, 32), ``aux["salt"]`` (n, 16), ``aux["helper"]`` (n, bits / 8), uint8.

    A score is 1.0 where the probe opens the commitment, else 0.0.

    Attributes:
        length: bits of a BCH codeword: 31, 63, 127, 255, 511 or 1023.
        message: bits of the committed secret; each length has its own choice.
        repeat: odd number of projections that each bit of the codeword masks, for a majority vote.
            More than 1 is a known flaw (``pitfalls``), kept to be measured.
        centred: whether bits are taken about the development mean. Fuzzy commitments of faces
            threshold at it (Kevenaar et al., AutoID 2005, section 3), for the scheme is no more
            than a mask: bits that are alike for everybody give the codeword away.
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
        """Repetition: which bits of a group are equal is stored in the clear (see ``unprotect``)."""
        if self.repeat == 1:
            return ()
        return (
            f"every bit of the code masks {self.repeat} bits of the embedding: the helper data say "
            "in the clear which of them are equal (Koeberl et al., The repetition code pitfall, "
            "HOST 2014)",
        )

    @property
    def unprotectable(self) -> bool:
        return self.repeat > 1

    def fit(self, development: Floats) -> Self:
        """Learn where the centre is and, for ``unprotect``, the usual distance to it."""
        fitted = super().fit(development)
        if not self.centred:
            origin = np.zeros_like(fitted.public["mean"])
            fitted = replace(fitted, public={"mean": origin})
        norm = np.linalg.norm(fitted.centre(development), axis=1).mean(keepdims=True)
        return replace(fitted, public={**fitted.public, "norm": norm})

    def bits(self, embeddings: Floats, keys: Keys) -> Bits:
        """Each row's bits under its own key; (n, repeat, length), a group in each column."""
        centred = self.centre(embeddings)
        out = np.empty((len(centred), self.repeat, self.length), dtype=np.uint8)
        for key, rows in by_key(keys):
            planes = self._planes(key, centred.shape[1])
            out[rows] = np.einsum("nd,drl->nrl", centred[rows], planes, optimize=True) > 0
        return out

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        salt = hashing.salts(len(embeddings), rng)
        secret = rng.integers(0, 2, (len(embeddings), self.message), dtype=np.uint8)
        codeword = self.bch.encode(secret)
        masked = codeword[:, None] ^ self.bits(embeddings, keys)
        helper = np.packbits(masked.reshape(len(salt), self.repeat * self.length), axis=1)
        code = hashing.digests(salt, np.packbits(codeword, axis=1))
        return Release(code, {"helper": helper, "salt": salt}, keys)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        used = known_token(templates) if keys is None else keys
        word = self._majority(self._helper(templates) ^ self.bits(probes, used))
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
                wrong = self._majority(left[rows][:, None] ^ right).sum(axis=-1, dtype=np.int16)
                out[rows] = wrong <= t
        return out

    def features(self, release: Release) -> Floats:
        """The helper data's syndrome: the codeword of its message bits taken off it, as +-1."""
        helper = self._helper(release)
        codeword = self.bch.encode(helper[:, 0, : self.message])
        return _signs(helper ^ codeword[:, None]).reshape(len(helper), -1)

    def unprotect(self, templates: Release) -> Floats:
        """Embeddings (n, d) from templates and keys, because of repetition; blind without it.

        A group's projections, signed by the helper bits, sum to +-a vector that leans towards the
        embedding, so the sums' first principal axis is the embedding up to sign. Each sum's side
        of it is a bit of the codeword, with few errors; the digest tells the sign.
        """
        token, signs = known_token(templates), _signs(self._helper(templates))
        out = np.empty((len(token), len(self.public["mean"])), dtype=np.float32)
        for key, group in by_key(token):
            planes = self._planes(key, out.shape[1])
            for rows in np.array_split(group, len(group) // 32 + 1):
                sums = np.einsum("nrl,drl->nld", signs[rows], planes, optimize=True)
                axis = np.linalg.eigh(sums.transpose(0, 2, 1) @ sums)[1][:, :, -1:]
                word = self.bch.decode((sums @ axis)[:, :, 0] < 0)
                sides = _signs(word) * (1 - 2 * _opens(templates[rows], word)[:, None])
                bits = signs[rows] * sides[:, None]
                out[rows] = np.einsum("nrl,drl->nd", bits, planes, optimize=True)
        out *= self.public["norm"] / np.linalg.norm(out, axis=1, keepdims=True)
        out += self.public["mean"]
        return out

    def guess(self, templates: Release, first: int, count: int) -> Ids:
        """Salts differ, so each template is searched on its own. Bit j of number xor number / 2 is
        bit j of the secret, and bits beyond the 62nd are 0.
        """
        basis = self.bch.encode(np.eye(min(self.message, 62), self.message, dtype=np.uint8))
        flips = np.packbits(basis, axis=1)
        return hashing.guess(templates.aux["salt"], flips, templates.code, first, count)

    def opened(self, templates: Release, numbers: Ids) -> Slack:
        """All bits of the embedding are known: their projections, each with the sign it has."""
        places = np.arange(min(self.message, 62))
        secret = np.zeros((len(numbers), self.message), dtype=np.uint8)
        secret[:, places] = ((numbers ^ (numbers >> 1))[:, None] >> places) & 1
        bits = self._helper(templates) ^ self.bch.encode(secret)[:, None]
        signs = Release(_signs(bits).reshape(len(bits), -1), token=templates.token)

        def slack(x: torch.Tensor, signs: torch.Tensor, planes: torch.Tensor) -> torch.Tensor:
            return x @ planes * signs

        return slack_by_key(self, signs, lambda key, d: (self._planes(key, d).reshape(d, -1),), slack)

    def _planes(self, key: int, dimension: int) -> Floats:
        return gaussian(key, "fuzzy_commitment", (dimension, self.repeat, self.length))

    def _helper(self, templates: Release) -> Bits:
        bits = np.unpackbits(templates.aux["helper"], axis=1, count=self.repeat * self.length)
        return bits.reshape(-1, self.repeat, self.length)

    def _majority(self, bits: Bits) -> Bits:
        votes: Bits = bits.sum(axis=-2, dtype=np.uint8)
        return (votes > self.repeat // 2).astype(np.uint8)


def _opens(templates: Release, codewords: Bits) -> Floats:
    opened = hashing.digests(templates.aux["salt"], np.packbits(codewords, axis=1))
    return hashing.equal(templates.code, opened)


def _signs(bits: Bits) -> Floats:
    return np.where(bits, np.float32(1), np.float32(-1))
