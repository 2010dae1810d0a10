"""Ridge regression from the code to the embedding, learnt on the attacker's own samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks._readout import Population, own_codes
from fowh.attack import Attack, View
from fowh.errors import InputError
from fowh.scheme import Floats, by_key

STRENGTHS = 10.0 ** np.arange(-4, 4.5, 0.5)  # of the penalty, against the mean squared feature row


@dataclass(frozen=True)
class Ridge(Attack):
    """The best linear map from ``scheme.features`` to embeddings, one for each stolen key.

    The algorithm and the leaked key are public, so the attacker enrols his own samples under that
    key; and because that costs no query to the target, also embeddings drawn from a Gaussian fitted
    to his own. The penalty is the one of least leave-one-subject-out error, in closed form.
    Without the keys, codes are learnt under random keys of the attacker's own: against a keyed
    scheme this can only learn the mean.

    Attributes:
        synthetic: how many embeddings are drawn.
    """

    learned: ClassVar[bool] = True
    synthetic: int = 1000

    def __post_init__(self) -> None:
        if self.synthetic < 0:
            raise InputError(f"ridge: synthetic is {self.synthetic}; give 0 or more")

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        population = Population.of(view.embeddings)
        known = np.concatenate([view.embeddings, population.draw(self.synthetic, rng)])
        target = known - population.mean
        stolen = view.scheme.features(view.templates)
        out = np.empty((len(stolen), known.shape[1]), dtype=np.float32)
        token = view.templates.token
        groups: list[tuple[int | None, NDArray[np.intp]]] = [(None, np.arange(len(stolen)))]
        if token is not None and view.scheme.keyed:
            groups = list(by_key(token))
        strength: float | None = None  # a property of the scheme, not of the key: chosen once
        for done, (key, rows) in enumerate(groups):
            view.progress("ridge", done / len(groups))
            codes = own_codes(
                view.scheme, known, None if key is None else np.array([key], np.uint64), rng
            )
            features = view.scheme.features(codes)
            centre = features.mean(axis=0)
            features = features - centre
            if strength is None:
                strength = choose_strength(features, target, view.subjects)
            out[rows] = (stolen[rows] - centre) @ fit(features, target, strength)
        return population.mean + out


def fit(features: Floats, target: Floats, strength: float) -> Floats:
    """Weights (f, d) of ridge regression without intercept, solved in the smaller of n and f.

    Args:
        features: (n, f) float32, centred.
        target: (n, d) float32, centred.
        strength: the penalty, divided by the mean squared norm of a feature row.
    """
    from scipy.linalg import solve

    n, f = features.shape
    penalty = strength * _power(features)
    if f <= n:
        gram = features.T @ features
        gram.flat[:: f + 1] += penalty
        primal: Floats = solve(gram, features.T @ target, assume_a="pos", check_finite=False)
        return primal
    gram = features @ features.T
    gram.flat[:: n + 1] += penalty
    dual: Floats = solve(gram, target, assume_a="pos", check_finite=False)
    return features.T @ dual


def choose_strength(features: Floats, target: Floats, subjects: NDArray[np.int64]) -> float:
    """The strength of least leave-one-subject-out error, over the first ``len(subjects)`` rows.

    Leaving out the rows S of one subject changes their residual r_S to (1 - H_SS)^-1 r_S, H the hat
    matrix; H comes for every penalty from one eigendecomposition.
    """
    from scipy.linalg import eigh

    n, f = features.shape
    if f <= n:
        power, axes = eigh(features.T @ features, check_finite=False)
        kept = power > 1e-6 * power[-1]
        left = features @ (axes[:, kept] / np.sqrt(power[kept]))
    else:
        power, left = eigh(features @ features.T, check_finite=False)
        kept = power > 1e-6 * power[-1]
        left = left[:, kept]
    power = power[kept]
    own, inside = left[: len(subjects)], left.T @ target
    people = [np.flatnonzero(subjects == person) for person in np.unique(subjects)]
    errors = []
    for strength in STRENGTHS:
        shrunk = own * (power / (power + strength * _power(features)))
        residual = target[: len(subjects)] - shrunk @ inside
        left_out: list[Any] = [
            np.linalg.solve(np.eye(len(rows)) - shrunk[rows] @ own[rows].T, residual[rows])
            for rows in people
        ]
        errors.append(sum(float((error**2).sum()) for error in left_out))
    return float(STRENGTHS[int(np.argmin(errors))])


def _power(features: Floats) -> float:
    return float(np.einsum("ij,ij->", features, features)) / len(features) or 1.0
