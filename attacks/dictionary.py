"""Nearest own sample: the attacker's sample that explains what was released best."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks._readout import blocks, with_token
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats, Release
from fowh.core.scheme import TemplateScheme
from fowh.core.view import View
from fowh.kit import matching


@dataclass(frozen=True)
class Dictionary(Attack):
    """Score every own sample against every row of the release, under the row's own key.

    No template scheme that recognises people withstands this: it costs the attacker one comparison
    per sample and wins whenever one of them is a false match. Where the scheme compares nothing, as
    with answers, an own sample scores by what would have left of it: the nearer to the row, in the
    features that the scheme shows, the better. Ties fall at random.

    Attributes:
        comparisons: that he pays for in a fold, whatever one costs; as many random own samples meet
            every row. A scheme whose comparison is slow on purpose makes them last.
    """

    quick: ClassVar[Mapping[str, Any]] = {"comparisons": 512}
    comparisons: int = 2**20

    def __post_init__(self) -> None:
        if self.comparisons < 1:
            raise InputError(f"dictionary: comparisons is {self.comparisons}; give 1 or more")

    def unsupported(self, view: View) -> str | None:
        if view.release.token is None and view.scheme.keyed:
            return "the keys did not leak: own samples cannot be scored against the release"
        return None

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        release, own = with_token(view), view.embeddings
        most = max(1, self.comparisons // max(1, len(release)))
        if len(own) > most:
            own = own[rng.choice(len(own), most, replace=False)]
        scored = _scored(view, own, rng)
        best = np.empty(len(release), dtype=np.intp)
        for rows in blocks(release):
            scores = scored(release[rows])
            tied = scores == scores.max(axis=1, keepdims=True)
            best[rows] = np.where(tied, rng.random(scores.shape, dtype=np.float32), -1).argmax(
                axis=1
            )
        return own[best]


def _scored(view: View, own: Floats, rng: np.random.Generator) -> Callable[[Release], Floats]:
    """Rows of a release to the scores (n, m) of the own samples; higher is more alike."""
    scheme = view.scheme
    if isinstance(scheme, TemplateScheme):
        return lambda rows: scheme.scores(rows, own)
    simulated = view.simulate(own, np.zeros(len(own), dtype=np.uint64), rng)
    mine = scheme.features(simulated)
    return lambda rows: -matching.l2(scheme.features(rows), mine)
