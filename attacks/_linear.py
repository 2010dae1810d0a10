"""The linear map from what is read of a row to its embedding, one for each stolen key."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks._even import Moments, is_even
from attacks._features import PLAIN, Features
from attacks._own import groups
from attacks._readout import Population, lessons, release_lessons, with_token
from fowh.core.release import Floats, by_key
from fowh.core.view import View
from fowh.kit import ridge

SYNTHETIC = 1000  # embeddings that are drawn, usually
EVEN = 3  # times as many made-up people where products of two coordinates are to be learnt
STRENGTHS = 10.0 ** np.arange(-6, 1.5, 0.5)  # 1e-6: float32 still factorises


def mapped(view: View, synthetic: int, rng: np.random.Generator) -> Floats:
    """Embeddings (n, d) of the stolen rows; (n, 2, d), both signs, of a code that is even.

    Args:
        view: what the threat model grants.
        synthetic: how many embeddings are drawn to learn from, beside his own.
        rng: draws them.
    """
    population = Population.of(view.embeddings)
    even = is_even(view, population, rng)
    known = lessons(view, population, synthetic * (EVEN if even else 1), rng)
    token = with_token(view).token
    uses: list[tuple[int | None, NDArray[np.intp]]] = [(None, np.arange(len(view.release)))]
    if token is not None:
        uses = list(by_key(token if view.scheme.keyed else 0 * token))
    out: Floats | None = None
    for done, (key, rows) in enumerate(uses):
        view.progress("ridge", done / len(uses))
        keys = None if key is None else np.array([key], dtype=np.uint64)
        mine = release_lessons(view, known, keys, rng)
        if out is None:  # what to read, and how, is a property of the scheme: chosen once
            read = Features.of(view, mine, known, view.scheme.features)
            products = Moments(view, population) if even and read.share < PLAIN else None
            target = known if products is None else products.of(known)
            mean: Floats = target.mean(axis=0)
            target = target - mean
            out = np.empty((len(view.release), target.shape[1]), dtype=np.float32)
            strength: float | None = None
        else:
            read = read.under(mine, known)
        features = read(mine)
        centre = features.mean(axis=0)
        features = features - centre
        if strength is None:
            errors = ridge.left_out_errors(features, target, groups(view), STRENGTHS)
            strength = float(STRENGTHS[errors.argmin()])
        penalty = strength * ridge.power(features)
        out[rows] = (read(view.release[rows]) - centre) @ ridge.fit(features, target, penalty)
    assert out is not None  # no release is empty
    out += mean
    return out if products is None else products.candidates(out)
