"""Nearest own sample: the attacker's sample that explains what was released best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from attacks._readout import blocks, with_token
from fowh.core.attack import Attack
from fowh.core.release import Floats, Release
from fowh.core.scheme import COMPARISONS, TemplateScheme
from fowh.core.view import View
from fowh.kit import matching


@dataclass(frozen=True)
class Dictionary(Attack):
    """Score every own sample against every row of the release, under the row's own key.

    No template scheme that recognises people withstands this: it costs the attacker one comparison
    per sample and wins whenever one of them is a false match. A scheme whose comparison is slow on
    purpose meets as many random own samples as its ``comparison_cap`` pays for. Where the scheme
    compares nothing, as with answers, an own sample scores by what would have left of it: the
    nearer to the row, in the features that the scheme shows, the better. Ties fall at random.
    """

    def unsupported(self, view: View) -> str | None:
        if view.release.token is None and view.scheme.keyed:
            return "the keys did not leak: own samples cannot be scored against the release"
        return None

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        release, own, scheme = with_token(view), view.embeddings, view.scheme
        cap = scheme.comparison_cap if isinstance(scheme, TemplateScheme) else COMPARISONS
        most = max(1, cap // max(1, len(release)))
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
