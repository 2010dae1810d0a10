"""Random-hyperplane hashing: the signs of Gaussian projections under the user's key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.scheme import CodeScheme, Floats, Slack, Templates
from fowh.kit import matching
from fowh.kit.projection import gaussian, projected, projected_mean, slack_by_key, threaded

if TYPE_CHECKING:
    import torch

Bits = NDArray[np.uint8]


@dataclass(frozen=True)
class Lsh(CodeScheme):
    """Sign of ``bits`` Gaussian projections of the centred embedding (Charikar, STOC 2002).

    The score is the fraction of equal bits; its expectation is 1 - angle / pi.

    Attributes:
        bits: length of the code.
    """

    bits: int = 512

    def __post_init__(self) -> None:
        if self.bits < 1:
            raise InputError(f"lsh: bits is {self.bits}; give at least 1")

    def protect(self, embeddings: Floats, key: int) -> Bits:
        """Packed codes (n, ceil(bits / 8)) uint8, most significant bit first."""
        from fowh.kit.kernels import pack_above

        code = np.empty((len(embeddings), -(-self.bits // 8)), dtype=np.uint8)
        projection = gaussian(key, "lsh", (embeddings.shape[1], self.bits))
        threshold = projected_mean(self, projection)
        for rows, values in projected(embeddings, projection):

            def pack(part: slice, values: Floats = values, block: Bits = code[rows]) -> None:
                pack_above(values[part], threshold, block[part])

            threaded(pack, len(values), 1024)
        return code

    def agree(self, left: Bits, right: Bits) -> Floats:
        return self._fraction(np.bitwise_count(left ^ right).sum(axis=1, dtype=np.int32))

    def compare(self, left: Bits, right: Bits) -> Floats:
        return self._fraction(matching.hamming(left, right))

    def index(self, templates: Templates) -> matching.Index:
        return matching.binary_index(templates.code, self.bits)

    def features(self, templates: Templates) -> Floats:
        """The bits as -1 and 1; (n, bits) float32."""
        return self._signs(templates.code)

    def slack(self, templates: Templates) -> Slack:
        """The projections, each with the sign that the template says; (n, bits)."""

        def slack(x: torch.Tensor, signs: torch.Tensor, projection: torch.Tensor) -> torch.Tensor:
            return x @ projection * signs

        signs = Templates(self._signs(templates.code), token=templates.token)
        return slack_by_key(
            self, signs, lambda key, d: (gaussian(key, "lsh", (d, self.bits)),), slack
        )

    @property
    def trials(self) -> int:
        return self.bits

    def expected_score(self, cosine: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1 - np.arccos(np.clip(cosine, -1, 1)) / np.pi

    def _signs(self, code: Bits) -> Floats:
        return np.unpackbits(code, axis=1, count=self.bits).astype(np.float32) * 2 - 1

    def _fraction(self, differing: NDArray[np.int32]) -> Floats:
        """Bits that differ -> fraction that agrees."""
        return (1 - differing / np.float32(self.bits)).astype(np.float32, copy=False)
