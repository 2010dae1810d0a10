"""Ridge regression from what was released to the embedding, learnt on the attacker's samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks._even import Moments, is_even
from attacks._own import groups
from attacks._readout import Population, lessons, release_lessons, with_token
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats, by_key
from fowh.core.view import View
from fowh.kit import ridge

EVEN = 3  # times as many made-up people where products of two coordinates are to be learnt
STRENGTHS = 10.0 ** np.arange(-6, 1.5, 0.5)  # 1e-6: float32 still factorises


@dataclass(frozen=True)
class Ridge(Attack):
    """The best linear map from ``scheme.features`` to embeddings, one for each stolen key.

    The algorithm and the leaked key are public, so the attacker passes his own samples through the
    scheme under that key; and because that costs no query to the target, also embeddings drawn from
    a Gaussian fitted to his own. The penalty is the one of least leave-one-subject-out error, in
    closed form. Without the keys, it learns under random keys of the attacker's own: against a
    keyed scheme this can only learn the mean, which the leave-one-out error then tells.

    Of a code that is even about the mean it learns products of coordinates (``Moments``), and
    returns two candidates, one for each sign.

    Attributes:
        synthetic: how many embeddings are drawn.
    """

    learned: ClassVar[bool] = True
    candidates: ClassVar[int] = 2
    quick: ClassVar[Mapping[str, Any]] = {"synthetic": 64}
    synthetic: int = 1000

    def __post_init__(self) -> None:
        if self.synthetic < 0:
            raise InputError(f"ridge: synthetic is {self.synthetic}; give 0 or more")

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        population = Population.of(view.embeddings)
        moments = Moments(view, population) if is_even(view, population, rng) else None
        count = self.synthetic * (1 if moments is None else EVEN)
        known = lessons(view, population, count, rng)
        target = known if moments is None else moments.of(known)
        mean: Floats = target.mean(axis=0)
        target = target - mean
        stolen, token = view.scheme.features(view.release), with_token(view).token
        uses: list[tuple[int | None, NDArray[np.intp]]] = [(None, np.arange(len(stolen)))]
        if token is not None:
            uses = list(by_key(token if view.scheme.keyed else 0 * token))
        out = np.empty((len(stolen), target.shape[1]), dtype=np.float32)
        strength: float | None = None  # a property of the scheme, not of the key: chosen once
        for done, (key, rows) in enumerate(uses):
            view.progress("ridge", done / len(uses))
            keys = None if key is None else np.array([key], dtype=np.uint64)
            features = view.scheme.features(release_lessons(view, known, keys, rng))
            centre = features.mean(axis=0)
            features = features - centre
            if strength is None:
                errors = ridge.left_out_errors(features, target, groups(view), STRENGTHS)
                strength = float(STRENGTHS[errors.argmin()])
            penalty = strength * ridge.power(features)
            out[rows] = (stolen[rows] - centre) @ ridge.fit(features, target, penalty)
        out += mean
        return out if moments is None else moments.candidates(out)
