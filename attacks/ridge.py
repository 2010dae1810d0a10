"""Ridge regression from the code to the embedding, learnt on the attacker's own samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks._readout import Population, enroll_lessons, lessons, with_token
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats, by_key
from fowh.core.view import View

STRENGTHS = 10.0 ** np.arange(-6, 1.5, 0.5)  # 1e-6: float32 still factorises


@dataclass(frozen=True)
class Ridge(Attack):
    """The best linear map from ``scheme.features`` to embeddings, one for each stolen key.

    The algorithm and the leaked key are public, so the attacker enrols his own samples under that
    key; and because that costs no query to the target, also embeddings drawn from a Gaussian fitted
    to his own. The penalty is the one of least leave-one-subject-out error, in closed form.
    Without the keys, codes are learnt under random keys of the attacker's own: against a keyed
    scheme this can only learn the mean, which the leave-one-out error then tells.

    Attributes:
        synthetic: how many embeddings are drawn.
    """

    learned: ClassVar[bool] = True
    synthetic: int = 1000

    def __post_init__(self) -> None:
        if self.synthetic < 0:
            raise InputError(f"ridge: synthetic is {self.synthetic}; give 0 or more")

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        known = lessons(view, Population.of(view.embeddings), self.synthetic, rng)
        mean: Floats = known.mean(axis=0)
        target = known - mean
        stolen, templates = view.scheme.features(view.release), with_token(view)
        groups: list[tuple[int | None, NDArray[np.intp]]] = [(None, np.arange(len(stolen)))]
        if templates.token is not None:
            groups = list(by_key(templates.token if view.scheme.keyed else 0 * templates.token))
        out = np.empty((len(stolen), known.shape[1]), dtype=np.float32)
        strength: float | None = None  # a property of the scheme, not of the key: chosen once
        for done, (key, rows) in enumerate(groups):
            view.progress("ridge", done / len(groups))
            keys = None if key is None else np.array([key], dtype=np.uint64)
            features = view.scheme.features(enroll_lessons(view, known, keys, rng))
            centre = features.mean(axis=0)
            features = features - centre
            if strength is None:
                errors = left_out_errors(features, target, view.subjects)
                strength = float(STRENGTHS[errors.argmin()])
            out[rows] = (stolen[rows] - centre) @ fit(features, target, strength)
        return mean + out


def fit(features: Floats, target: Floats, strength: float) -> Floats:
    """Weights (f, d) of ridge regression without intercept, solved in the smaller of n and f.

    Args:
        features: (n, f) float32, centred.
        target: (n, d) float32, centred.
        strength: the penalty, divided by the squared Frobenius norm of the features.
    """
    from scipy.linalg import cho_factor, cho_solve

    n, f = features.shape
    penalty = strength * _power(features)
    if f <= n:
        gram = features.T @ features
        gram.flat[:: f + 1] += penalty
        primal: Floats = cho_solve(cho_factor(gram), features.T @ target)
        return primal
    gram = features @ features.T
    gram.flat[:: n + 1] += penalty
    dual: Floats = cho_solve(cho_factor(gram), target)
    return features.T @ dual


def left_out_errors(
    features: Floats, target: Floats, subjects: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Summed squared leave-one-subject-out error at each of ``STRENGTHS``.

    Leaving out the rows S of one subject changes their residual r_S to (1 - H_SS)^-1 r_S, H the hat
    matrix (intercept included), which one eigendecomposition gives for every strength.

    Args:
        features: (n, f) float32, centred.
        target: (n, d) float32, centred.
        subjects: whose the first rows are; the others are never left out.
    """
    from scipy.linalg import eigh

    n, f = features.shape
    gram = features.T @ features if f <= n else features @ features.T
    power, axes = eigh(gram, driver="evd", check_finite=False)
    kept = power > 1e-7 * power[-1]
    power, axes = power[kept], axes[:, kept]
    left = features @ (axes / np.sqrt(power)) if f <= n else axes
    own, inside = left[: len(subjects)], left.T @ target
    people = [np.flatnonzero(subjects == person) for person in np.unique(subjects)]
    errors = np.zeros(len(STRENGTHS))
    for number, strength in enumerate(STRENGTHS):
        shrunk = own * (power / (power + strength * _power(features)))
        residual = target[: len(subjects)] - shrunk @ inside
        for rows in people:
            change = np.eye(len(rows)) - 1 / n - shrunk[rows] @ own[rows].T
            errors[number] += np.square(np.linalg.solve(change, residual[rows])).sum()
    return errors


def _power(features: Floats) -> float:
    return float(np.einsum("ij,ij->", features, features)) or 1.0
