"""Index-of-Max hashing, permutation variant (IoM-URP): where in a window the largest product is."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Index, Slack
from fowh.core.errors import InputError
from fowh.core.memory import empty, fits
from fowh.core.randomness import key_stream
from fowh.core.release import Floats, Release
from fowh.kit import matching
from fowh.kit.parallel import threaded
from fowh.kit.projection import ProjectionScheme, slack_by_key

if TYPE_CHECKING:
    import torch

Digits = NDArray[np.uint8]
WIDEST = 1 << 14  # columns that a learned attack is given at most


@dataclass(frozen=True)
class IomUrp(ProjectionScheme):
    """Per hash, the index of the largest of the first ``window`` products of permutations.

    ``order`` random permutations of the embedding are multiplied entry by entry. The score is the
    fraction of equal digits. Source: Jin et al., "Ranking-Based Locality Sensitive Hashing-Enabled
    Cancelable Biometrics: Index-of-Max Hashing", TIFS 2018, the uniformly random permutation (URP)
    variant. Products of an even number of entries are those of -x too: where embeddings are
    centred, a code leaves open on which side of the mean they lie.

    Attributes:
        hashes: digits of a code.
        window: products per digit, at most 256 and the dimension of the embedding.
        order: permutations multiplied (p).
    """

    hashes: int = 600
    window: int = 100
    order: int = 2

    def __post_init__(self) -> None:
        if self.hashes < 1 or self.order < 1:
            raise InputError(
                f"iom_urp: hashes={self.hashes}, order={self.order}; give at least 1 each"
            )
        if not 2 <= self.window <= 256:
            raise InputError(f"iom_urp: window is {self.window}; give 2 to 256")

    def protect(self, embeddings: Floats, key: int) -> Digits:
        """Digits (n, hashes) uint8."""
        from fowh.kit.kernels import argmax_of_products

        places = self._places(key, embeddings.shape[1])
        code = empty("codes", (len(embeddings), self.hashes), np.uint8)

        def work(rows: slice) -> None:
            columns = np.ascontiguousarray(self.centre(embeddings[rows]).T)
            argmax_of_products(columns, places, code[rows])

        threaded(work, len(embeddings), 256)
        return code

    def agree(self, left: Digits, right: Digits) -> Floats:
        score: Floats = (left == right).mean(axis=1, dtype=np.float32)
        return score

    def compare(self, left: Digits, right: Digits) -> Floats:
        return matching.digit_agreement(left, right)

    def index(self, templates: Release) -> Index:
        return matching.digit_index(templates.code, self.window)

    def features(self, release: Release) -> Floats:
        """The digits one-hot, folded to at most 16,384 columns; (n, f) float32.

        The published window makes 60,000 columns. Column c is added to column c mod 16,384: no
        more than a few columns, each rarely set and of different hashes, share one.
        """
        wide = self.hashes * self.window
        columns = np.arange(self.hashes) * self.window + release.code
        shape = (len(release), min(wide, WIDEST))
        fits("features: templates, columns", shape)
        out = np.zeros(shape, dtype=np.float32)
        np.add.at(out, (np.arange(len(out))[:, None], columns % WIDEST), 1)
        return out

    def slack(self, templates: Release) -> Slack:
        """The chosen product minus each of its window; (n, hashes * window).

        Quadratic for two permutations: its gradient vanishes at its own centre, which is the mean
        where embeddings are centred, else zero. No closed-form estimate exists there either.
        """
        import torch

        def slack(x: torch.Tensor, code: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
            values = torch.ones(())
            for factor in places.flatten(1):
                values = values * x.index_select(1, factor)
            values = values.view(len(x), self.hashes, self.window)
            chosen = values.gather(2, code.long()[:, :, None])
            return (chosen - values).flatten(1)

        return slack_by_key(self, templates, lambda key, d: (self._places(key, d),), slack)

    def _places(self, key: int, dimension: int) -> NDArray[np.int64]:
        """The first entries of the key's permutations; (order, hashes, window)."""
        if self.window > dimension:
            raise InputError(
                f"iom_urp: window {self.window} exceeds the embedding's {dimension} values; "
                f"give window={dimension} or less"
            )
        places = permutations(key, self.order * self.hashes, dimension)[:, : self.window]
        return np.ascontiguousarray(places).reshape(self.order, self.hashes, self.window)


@functools.lru_cache(maxsize=2)
def permutations(key: int, count: int, dimension: int) -> NDArray[np.int64]:
    """The key's random permutations of 0 .. dimension - 1; (count, dimension)."""
    fits("permutations of a key", (count, dimension), 8)
    rows = np.tile(np.arange(dimension), (count, 1))
    return key_stream(key, "iom_urp").permuted(rows, axis=1, out=rows)
