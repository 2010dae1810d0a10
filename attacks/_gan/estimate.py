"""From protected templates to approximate embeddings, learnt on the thief's own samples."""

from __future__ import annotations

import numpy as np

from attacks._readout import Population, ascend, blocks, with_token
from fowh.core.attack import View
from fowh.core.scheme import Floats, Inequalities, Templates, Unprotect

KEYS = 16  # random keys that own samples are enrolled under where none leaked
SYNTHETIC = 2000  # embeddings drawn from the attacker's population
PENALTIES = 10.0 ** np.arange(-6, 1)


class Reader:
    """Templates -> embeddings: the scheme's own inversion if it offers one, then a linear map.

    Fitted to the attacker's samples, enrolled under the stolen keys (random ones if none leaked).

    Attributes:
        known: (n, d) the embeddings that were enrolled, the attacker's own first.
        approximations: (n, d) what is read off their templates.
    """

    def __init__(self, view: View, more: Floats, rng: np.random.Generator) -> None:
        self.view, self.population = view, Population.of(view.embeddings)
        self.known = np.concatenate(
            [view.embeddings, more, self.population.draw(SYNTHETIC, rng)], dtype=np.float32
        )
        token = with_token(view).token
        keys = rng.integers(2**64, size=KEYS, dtype=np.uint64) if token is None else token
        used = rng.choice(np.unique(keys)[:, None], len(self.known))[:, 0]
        enrolled = view.scheme.enroll(self.known, used, rng)
        read = self._read(enrolled if token is not None else enrolled.without_token())
        self.centre = read.mean(axis=0)
        self.weights = _ridge(read - self.centre, self.known - self.population.mean)
        self.approximations = self._map(read)

    def __call__(self, templates: Templates) -> Floats:
        """(n, d) float32 approximate embeddings."""
        return self._map(self._read(templates))

    def _map(self, read: Floats) -> Floats:
        mapped: Floats = self.population.mean + (read - self.centre) @ self.weights
        return mapped

    def _read(self, templates: Templates) -> Floats:
        import torch

        scheme = self.view.scheme
        if templates.token is None or not isinstance(scheme, Unprotect | Inequalities):
            return scheme.features(templates)
        if isinstance(scheme, Unprotect):
            return scheme.unprotect(templates)
        out = np.empty((len(templates), self.known.shape[1]), dtype=np.float32)
        for rows in blocks(templates):
            start = torch.from_numpy(self.population.mean).to(self.view.device)
            slack = scheme.slack(templates[rows])
            found = ascend(slack, start.repeat(len(rows), 1), self.population, 1)
            out[rows] = found.cpu().numpy()
        return out


def _ridge(features: Floats, target: Floats) -> Floats:
    """Weights (f, d); the penalty is that of least error on a tenth left out."""
    fold = np.arange(len(features)) % 10 == 0
    left, axes = _axes(features[~fold])
    inside = left.T @ target[~fold]
    power = np.square(left).sum(axis=0)
    scale = power.mean() or 1.0
    candidates = [axes @ (inside / (power + p * scale)[:, None]) for p in PENALTIES]
    errors = [np.square(features[fold] @ w - target[fold]).sum() for w in candidates]
    weights: Floats = candidates[int(np.argmin(errors))].astype(np.float32)
    return weights


def _axes(features: Floats) -> tuple[Floats, Floats]:
    """Principal components (n, k) and axes (f, k)."""
    _, values, rows = np.linalg.svd(features, full_matrices=False)
    axes = rows[values > 1e-5 * max(values[0], 1e-12)].T
    return features @ axes, axes
