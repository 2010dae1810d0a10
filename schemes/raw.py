"""No protection at all: the embedding itself is stored (the upper bound of every attack)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fowh.core.capability import Index
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import CodeScheme
from fowh.kit import matching


@dataclass(frozen=True)
class Raw(CodeScheme):
    """Store embeddings in the clear; the score is minus the Euclidean distance.

    Keys are accepted, as everywhere, and ignored.
    """

    keyed: ClassVar[bool] = False

    def protect(self, embeddings: Floats, key: int) -> Floats:
        """The embeddings; (n, d) float32."""
        return np.asarray(embeddings, dtype=np.float32)

    def agree(self, left: Floats, right: Floats) -> Floats:
        difference = left - right
        distance: Floats = np.sqrt(np.einsum("ij,ij->i", difference, difference))
        return -distance

    def compare(self, left: Floats, right: Floats) -> Floats:
        return -matching.l2(left, right)

    def scores(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        return self.compare(templates.code, self.protect(probes, 0))

    def _protect_each(self, embeddings: Floats, keys: Keys) -> Floats:
        return self.protect(embeddings, 0)  # all keys are one

    def unprotect(self, templates: Release) -> Floats:
        """What is stored is the embedding."""
        return templates.code

    def index(self, templates: Release) -> Index:
        return matching.embedding_index(templates.code, "l2")
