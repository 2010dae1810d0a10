"""Offline verification: whoever holds templates and keys asks the scheme of any vector he likes.

It costs comparisons and nothing else: no query, no capability of the scheme, no learnt map.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks._readout import Population, with_token
from fowh.core.release import Floats
from fowh.core.scheme import TemplateScheme
from fowh.core.view import View

FLOOR = 256  # probes a template that graded scores are worth, whatever the scheme says they cost
BLOCK = 2**22  # numbers of probes that are held at a time
OWN = 0.5  # of the probes, at most, are own samples: they are readings of real people


def unverifiable(view: View) -> str | None:
    """Why nothing can be verified offline, in words; None where it can."""
    if not isinstance(view.scheme, TemplateScheme):
        return "the scheme compares nothing: there are no scores to read"
    if view.release.token is None and view.scheme.keyed:
        return "the keys did not leak: nothing can be scored against a template"
    return None


def people(view: View, population: Population, count: int, rng: np.random.Generator) -> Floats:
    """(count, d) probes about the mean: own samples, then people who are drawn, in no order."""
    own = min(len(view.embeddings), round(OWN * count))
    chosen = view.embeddings[rng.choice(len(view.embeddings), own, replace=False)]
    drawn = population.draw(count - own, rng)
    return rng.permutation(np.concatenate([chosen, drawn]) - population.mean)


class Verifier:
    """The scheme's own verification of rows of the release, counted.

    Attributes:
        asked: comparisons of each template so far.
        cap: how many the scheme says that a thief can afford of each.
    """

    def __init__(self, view: View) -> None:
        assert isinstance(view.scheme, TemplateScheme)  # see ``unverifiable``
        self._scheme, self._release, self.asked = view.scheme, with_token(view), 0
        self.cap = max(1, view.scheme.comparison_cap // max(1, len(view.release)))

    def along(
        self, rows: NDArray[np.intp], origin: Floats, toward: Floats, lengths: Floats
    ) -> tuple[Floats, Floats]:
        """Where from origins (r, d) along toward (r, d) each row scores highest, and how high.

        Of equal scores the middle one: where lengths mean nothing to the scheme, all are equal.
        """
        away = lengths.astype(np.float32)[:, None] * toward[:, None]
        scores = self.around(origin, away, rows)
        tied = scores == scores.max(axis=1, keepdims=True)
        middle = (np.cumsum(tied, axis=1) * 2 > tied.sum(axis=1, keepdims=True)).argmax(axis=1)
        each = np.arange(len(rows))
        return origin + away[each, middle], scores[each, middle]

    def same(self, probes: Floats, rows: NDArray[np.intp]) -> Floats:
        """Scores (r, p) of the same probes (p, d) against each of these rows."""
        self.asked += len(probes)
        return _ordered(self._scheme.scores(self._release[rows], probes.astype(np.float32)))

    def around(self, centres: Floats, offsets: Floats, rows: NDArray[np.intp]) -> Floats:
        """Scores (r, p) of each row against probes of its own.

        Args:
            centres: (r, d), one for each row.
            offsets: (p, d) from the centres, the same for all rows; or (r, p, d).
            rows: (r,) of the release.
        """
        count, dimension = offsets.shape[-2:]
        self.asked += count
        out = np.empty((len(rows), count), dtype=np.float32)  # in blocks: rows x probes x numbers
        step = max(1, BLOCK // (count * dimension))
        for start in range(0, len(rows), step):
            part = slice(start, start + step)
            away = offsets[part] if offsets.ndim == 3 else offsets
            probes = (centres[part, None] + away).astype(np.float32).reshape(-1, dimension)
            left = self._release[np.repeat(rows[part], count)]
            out[part] = self._scheme.score(left, probes).reshape(-1, count)
        return _ordered(out)


def _ordered(scores: Floats) -> Floats:
    """Scores that can be put in order: what is no number is least."""
    return np.where(np.isnan(scores), np.float32(-np.inf), scores)


def mirrored(offsets: Floats) -> Floats:
    """Offsets (p, d) and their mirror images, all of the former first; (2 p, d)."""
    return np.concatenate([offsets, -offsets])


def graded(scores: Floats) -> NDArray[np.float64]:
    """Normal scores (r, p) of the ranks within each row; ties share theirs, constant rows are zero.

    The order is all that a verifier has to get right, so it is all that is believed: a scheme that
    bends or stretches its scores changes nothing here.
    """
    from scipy.special import ndtri
    from scipy.stats import rankdata

    return np.asarray(ndtri((rankdata(scores, axis=1) - 0.5) / scores.shape[1]))
