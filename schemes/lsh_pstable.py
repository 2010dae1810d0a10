"""Euclidean hashing (E2LSH): which bucket of a random line each Gaussian projection falls into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Index, Slack
from fowh.core.errors import InputError
from fowh.core.memory import empty
from fowh.core.randomness import key_stream
from fowh.core.release import Floats, Release
from fowh.kit import matching
from fowh.kit.parallel import threaded
from fowh.kit.projection import (
    ProjectionScheme,
    gaussian,
    projected,
    projected_mean,
    slack_by_key,
)

if TYPE_CHECKING:
    import torch

Buckets = NDArray[np.int16]


@dataclass(frozen=True)
class LshPstable(ProjectionScheme):
    """floor((w . x + b) / width) per hash, w Gaussian and b uniform below the width.

    x is the embedding; the score is the fraction of equal buckets. Source: Datar et al.,
    "Locality-sensitive hashing scheme based on p-stable distributions", SoCG 2004, p = 2.

    Attributes:
        hashes: buckets of a code.
        width: of a bucket, in units of the embedding's Euclidean distance. Mated and non-mated
            distances of 0.4 and 0.7 are told apart best at about 1.
    """

    hashes: int = 512
    width: float = 1.0

    def __post_init__(self) -> None:
        if self.hashes < 1:
            raise InputError(f"lsh_pstable: hashes is {self.hashes}; give at least 1")
        if not 0 < self.width < float("inf"):
            raise InputError(f"lsh_pstable: width is {self.width}; give a positive number")

    def protect(self, embeddings: Floats, key: int) -> Buckets:
        """Bucket numbers (n, hashes) int16; what lies further out counts as the last bucket."""
        lines, offsets = self._lines(key, embeddings.shape[1])
        code = empty("codes", (len(embeddings), self.hashes), np.int16)
        offsets = offsets - projected_mean(self, lines)
        for rows, values in projected(embeddings, lines):

            def number(part: slice, values: Floats = values, block: Buckets = code[rows]) -> None:
                buckets = np.floor(np.add(values[part], offsets, out=values[part]))
                block[part] = np.clip(buckets, -32768, 32767, out=buckets)

            threaded(number, len(values), 256)
        return code

    def agree(self, left: Buckets, right: Buckets) -> Floats:
        score: Floats = (left == right).mean(axis=1, dtype=np.float32)
        return score

    def compare(self, left: Buckets, right: Buckets) -> Floats:
        return matching.digit_agreement(left, right)

    def index(self, templates: Release) -> Index:
        lowest, highest = int(templates.code.min()), int(templates.code.max())
        return matching.digit_index(templates.code, highest - lowest + 1, lowest)

    def slack(self, templates: Release) -> Slack:
        """(u - lower edge) (upper edge - u) of each bucket, u = (w . x + b) / width; (n, hashes).

        One product per pair of inequalities: positive exactly inside the bucket, and its gradient
        leads to the middle (the two inequalities' own gradients cancel).
        """

        def slack(
            x: torch.Tensor, code: torch.Tensor, lines: torch.Tensor, offsets: torch.Tensor
        ) -> torch.Tensor:
            above = x @ lines + offsets - code
            return above * (1 - above)

        return slack_by_key(self, templates, self._lines, slack)

    @property
    def trials(self) -> int:
        return self.hashes

    def expected_score(self, cosine: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of unit vectors: the probability depends on their distance (section 3.2)."""
        from scipy.special import ndtr

        distance = np.sqrt(np.maximum(2 - 2 * np.asarray(cosine, dtype=np.float64), 1e-30))
        ratio = self.width / distance
        tail = np.sqrt(2 / np.pi) / ratio * -np.expm1(-(ratio**2) / 2)
        return np.asarray(1 - 2 * ndtr(-ratio) - tail)

    def _lines(self, key: int, dimension: int) -> tuple[Floats, Floats]:
        """(d, hashes) directions and (hashes,) offsets, both in units of the width."""
        lines = gaussian(key, "lsh_pstable", (dimension, self.hashes)) / np.float32(self.width)
        offsets = key_stream(key, "lsh_pstable offsets").random(self.hashes, dtype=np.float32)
        return lines, offsets
