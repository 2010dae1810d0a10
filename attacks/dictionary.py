"""Nearest own sample: the attacker's sample that the scheme itself scores best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attacks._readout import blocks, with_token
from fowh.core.attack import Attack
from fowh.core.release import Floats
from fowh.core.view import View


@dataclass(frozen=True)
class Dictionary(Attack):
    """Score every own sample against every stolen template under the template's own key.

    No scheme that recognises people withstands this: it costs the attacker one comparison per
    sample and wins whenever one of them is a false match. Ties (yes/no schemes) fall at random. A
    scheme whose comparison is slow on purpose meets as many random own samples as its
    ``comparison_cap`` pays for.
    """

    def unsupported(self, view: View) -> str | None:
        if view.release.token is None and view.scheme.keyed:
            return "the keys did not leak: own samples cannot be scored against the templates"
        return None

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        templates, own = with_token(view), view.embeddings
        most = max(1, view.scheme.comparison_cap // max(1, len(templates)))
        if len(own) > most:
            own = own[rng.choice(len(own), most, replace=False)]
        best = np.empty(len(templates), dtype=np.intp)
        for rows in blocks(templates):
            scores = view.scheme.scores(templates[rows], own)
            tied = scores == scores.max(axis=1, keepdims=True)
            best[rows] = np.where(tied, rng.random(scores.shape, dtype=np.float32), -1).argmax(
                axis=1
            )
        return own[best]
