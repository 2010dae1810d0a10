"""Index-of-Max hashing, Gaussian variant (IoM-GRP): which of q random projections is largest."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Index, Slack
from fowh.core.errors import InputError
from fowh.core.memory import empty
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

Digits = NDArray[np.uint8]


@dataclass(frozen=True)
class Iom(ProjectionScheme):
    """Per hash, the index of the largest of ``group`` Gaussian projections.

    The score is the fraction of equal digits. Source: Jin et al., "Ranking-Based Locality Sensitive
    Hashing-Enabled Cancelable Biometrics: Index-of-Max Hashing", TIFS 2018, the Gaussian random
    projection (GRP) variant.

    Attributes:
        hashes: digits of a code.
        group: projections per digit (q), at most 256.
    """

    hashes: int = 300
    group: int = 16

    def __post_init__(self) -> None:
        if self.hashes < 1:
            raise InputError(f"iom: hashes is {self.hashes}; give at least 1")
        if not 2 <= self.group <= 256:
            raise InputError(f"iom: group is {self.group}; give 2 to 256")

    def protect(self, embeddings: Floats, key: int) -> Digits:
        """Digits (n, hashes) uint8."""
        from fowh.kit.kernels import argmax_inner

        projection = self._projection(key, embeddings.shape[1])
        code = empty("codes", (len(embeddings), self.hashes), np.uint8)
        offset = projected_mean(self, projection).reshape(self.group, self.hashes)
        for rows, values in projected(embeddings, projection):
            grouped = values.reshape(-1, self.group, self.hashes)

            def choose(part: slice, grouped: Floats = grouped, block: Digits = code[rows]) -> None:
                argmax_inner(grouped[part], offset, block[part])

            threaded(choose, len(grouped), 128)
        return code

    def agree(self, left: Digits, right: Digits) -> Floats:
        score: Floats = (left == right).mean(axis=1, dtype=np.float32)
        return score

    def compare(self, left: Digits, right: Digits) -> Floats:
        return matching.digit_agreement(left, right)

    def index(self, templates: Release) -> Index:
        return matching.digit_index(templates.code, self.group)

    def features(self, release: Release) -> Floats:
        """The digits one-hot; (n, hashes * group) float32."""
        shape = (len(release), self.hashes, self.group)
        features = empty("features: templates, hashes, group", shape, np.float32)
        np.equal(release.code[:, :, None], np.arange(self.group, dtype=np.uint8), out=features)
        return features.reshape(len(release), -1)

    def slack(self, templates: Release) -> Slack:
        """The chosen projection minus each of its group; (n, hashes * group)."""

        def slack(x: torch.Tensor, code: torch.Tensor, projection: torch.Tensor) -> torch.Tensor:
            values = (x @ projection).view(len(x), self.group, self.hashes)
            chosen = values.gather(1, code.long()[:, None])
            return (chosen - values).flatten(1)

        return slack_by_key(self, templates, lambda key, d: (self._projection(key, d),), slack)

    @property
    def trials(self) -> int:
        return self.hashes

    def expected_score(self, cosine: NDArray[np.float64]) -> NDArray[np.float64]:
        angles, probabilities = collision(self.group)
        return np.asarray(np.interp(np.arccos(np.clip(cosine, -1, 1)), angles, probabilities))

    def _projection(self, key: int, dimension: int) -> Floats:
        """(d, group * hashes), the group first: a maximum over it then runs along whole rows."""
        return gaussian(key, "iom", (dimension, self.group * self.hashes))


@functools.cache
def collision(group: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Probability that two unit vectors share a digit, at 257 angles from 0 to pi.

    One of ``group`` equally likely places holds both maxima: with (u, v) the two projections there,
    bivariate normal of correlation r, all other pairs lie below:
    P = q E[F(u, v; r)^(q - 1)], F their distribution function (by Owen's T), by Gauss-Hermite.
    """
    from scipy.special import ndtr, owens_t

    angles = np.linspace(0, np.pi, 257)
    nodes, weights = np.polynomial.hermite_e.hermegauss(48)
    weights = np.outer(weights, weights) / (2 * np.pi)
    probabilities = np.empty_like(angles)
    probabilities[0], probabilities[-1] = 1, 0
    for i, angle in enumerate(angles[1:-1], start=1):
        r, s = np.cos(angle), np.sin(angle)
        u = np.broadcast_to(nodes[:, None], weights.shape)
        v = r * u + s * nodes + 1e-12  # never 0, where Owen's form is undefined
        below = (ndtr(u) + ndtr(v) - (u * v < 0)) / 2
        below = below - owens_t(u, (v - r * u) / (s * u)) - owens_t(v, (u - r * v) / (s * v))
        probabilities[i] = group * (weights * np.clip(below, 0, 1) ** (group - 1)).sum()
    return angles, probabilities
