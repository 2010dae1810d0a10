"""Codes that are the signs of linear projections, packed into bytes."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Index, Slack
from fowh.core.memory import empty
from fowh.core.release import Floats, Release
from fowh.kit import matching
from fowh.kit.parallel import threaded
from fowh.kit.projection import ProjectionScheme, projected, projected_mean, slack_by_key

if TYPE_CHECKING:
    import torch

Packed = NDArray[np.uint8]


@dataclass(frozen=True)
class SignScheme(ProjectionScheme):
    """One bit for each of ``bits`` directions: on which side of it the embedding lies.

    A subclass gives ``directions``. The score is the fraction of equal bits.

    Attributes:
        bits: length of the code.
    """

    bits: int

    @abstractmethod
    def directions(self, key: int, dimension: int) -> Floats:
        """The key's directions (dimension, bits), float32; not to be written to."""

    def protect(self, embeddings: Floats, key: int) -> Packed:
        """Packed codes (n, ceil(bits / 8)) uint8, most significant bit first."""
        from fowh.kit.kernels import pack_above

        projection = self.directions(key, embeddings.shape[1])
        code = empty("codes", (len(embeddings), -(-self.bits // 8)), np.uint8)
        threshold = projected_mean(self, projection)
        for rows, values in projected(embeddings, projection):

            def pack(part: slice, values: Floats = values, block: Packed = code[rows]) -> None:
                pack_above(values[part], threshold, block[part])

            threaded(pack, len(values), 1024)
        return code

    def agree(self, left: Packed, right: Packed) -> Floats:
        return self._fraction(np.bitwise_count(left ^ right).sum(axis=1, dtype=np.int32))

    def compare(self, left: Packed, right: Packed) -> Floats:
        return self._fraction(matching.hamming(left, right))

    def index(self, templates: Release) -> Index:
        """The templates, to be searched by Hamming distance."""
        return matching.binary_index(templates.code, self.bits)

    def features(self, release: Release) -> Floats:
        """The bits as -1 and 1; (n, bits) float32."""
        return self._signs(release.code)

    def slack(self, templates: Release) -> Slack:
        """The projections, each with the sign that the template says; (n, bits)."""

        def slack(x: torch.Tensor, signs: torch.Tensor, projection: torch.Tensor) -> torch.Tensor:
            return x @ projection * signs

        signs = Release(self._signs(templates.code), token=templates.token)
        return slack_by_key(self, signs, lambda key, d: (self.directions(key, d),), slack)

    def _signs(self, code: Packed) -> Floats:
        return np.unpackbits(code, axis=1, count=self.bits).astype(np.float32) * 2 - 1

    def _fraction(self, differing: NDArray[np.int32]) -> Floats:
        """Bits that differ -> fraction that agrees."""
        return (1 - differing / np.float32(self.bits)).astype(np.float32, copy=False)
