"""Index-of-Max hashing, permutation variant (IoM-URP): where in a window the largest product is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh import matching
from fowh.errors import InputError
from fowh.projection import slack_by_key
from fowh.scheme import CodeScheme, Floats, Slack, Templates, key_stream

if TYPE_CHECKING:
    import torch

Digits = NDArray[Any]
WIDEST = 1 << 14  # columns that a learned attack is given at most


@dataclass(frozen=True)
class IomUrp(CodeScheme):
    """Per hash, multiply ``order`` random permutations of the centred embedding entry by entry and
    keep the index of the largest of the first ``window`` products (Jin et al., "Ranking-Based
    Locality Sensitive Hashing-Enabled Cancelable Biometrics: Index-of-Max Hashing", TIFS 2018,
    section III-B).

    The score is the fraction of equal digits.

    Attributes:
        hashes: digits of a code.
        window: products per digit, at most the dimension of the embedding.
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
        if not 2 <= self.window <= 1 << 16:
            raise InputError(f"iom_urp: window is {self.window}; give 2 to 65536")

    def protect(self, embeddings: Floats, key: int) -> Digits:
        """Digits (n, hashes) uint8 (uint16 when the window exceeds 256)."""
        import torch

        centred = torch.from_numpy(self.centre(embeddings))
        places = torch.from_numpy(self._places(key, centred.shape[1])).flatten(1)
        code = np.empty((len(centred), self.hashes), np.uint8 if self.window <= 256 else np.uint16)
        step = max(1, (1 << 20) // (self.hashes * self.window))
        for start in range(0, len(centred), step):
            values = self._products(centred[start : start + step], places)
            code[start : start + step] = values.argmax(dim=2).numpy()
        return code

    def agree(self, left: Digits, right: Digits) -> Floats:
        return (left == right).mean(axis=1, dtype=np.float32)

    def compare(self, left: Digits, right: Digits) -> Floats:
        return matching.digit_agreement(left, right)

    def index(self, templates: Templates) -> matching.Index:
        return matching.digit_index(templates.code, self.window)

    def features(self, templates: Templates) -> Floats:
        """The digits one-hot, folded to at most 16,384 columns; (n, f) float32.

        The published window makes 60,000 columns. Column c is added to column c mod 16,384: no
        more than a few columns, each rarely set and of different hashes, share one.
        """
        wide = self.hashes * self.window
        columns = np.arange(self.hashes) * self.window + templates.code
        out = np.zeros((len(templates), min(wide, WIDEST)), dtype=np.float32)
        np.add.at(out, (np.arange(len(out))[:, None], columns % WIDEST), 1)
        return out

    def slack(self, templates: Templates) -> Slack:
        """The chosen product minus each of its window; (n, hashes * window).

        Quadratic for two permutations: the gradient vanishes at the mean, where no closed-form
        estimate exists either.
        """

        def slack(x: torch.Tensor, code: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
            values = self._products(x, places.flatten(1))
            chosen = values.gather(2, code.long()[:, :, None])
            return (chosen - values).flatten(1)

        return slack_by_key(self, templates, lambda key, d: (self._places(key, d),), slack)

    def _products(self, x: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        """(r, d) values and (order, hashes * window) places -> (r, hashes, window) products."""
        values = x.index_select(1, places[0])
        for factor in places[1:]:
            values = values * x.index_select(1, factor)
        return values.view(len(x), self.hashes, self.window)

    def _places(self, key: int, dimension: int) -> NDArray[np.int64]:
        """The first entries of the key's permutations; (order, hashes, window)."""
        if self.window > dimension:
            raise InputError(
                f"iom_urp: window {self.window} exceeds the embedding's {dimension} values; "
                f"give window={dimension} or less"
            )
        rows = np.tile(np.arange(dimension), (self.order * self.hashes, 1))
        permutations = key_stream(key, "iom_urp").permuted(rows, axis=1)
        first = permutations[:, : self.window]
        return np.ascontiguousarray(first).reshape(self.order, self.hashes, self.window)
