"""What the attacks on the embedding share: the attacker's population, keys, and his lessons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats, Keys, Release
from fowh.core.view import View

if TYPE_CHECKING:
    import torch

    from fowh.core.capability import Slack


ASCENT = 4  # power iterations; one is exact where slack is linear


@dataclass(frozen=True, eq=False)
class Population:
    """A Gaussian fitted to the attacker's own embeddings: what he knows of everybody.

    Attributes:
        mean: (d,) float32.
        covariance: (d, d) float64, never singular.
        norm: typical length of an embedding once centred.
    """

    mean: Floats
    covariance: NDArray[np.float64]
    norm: float

    @classmethod
    def of(cls, embeddings: Floats) -> Population:
        """Fit to (n, d) embeddings, shrinking towards a sphere where n is small against d.

        Oracle approximating shrinkage: Chen, Wiesel, Eldar, Hero, "Shrinkage Algorithms for MMSE
        Covariance Estimation", IEEE TSP 2010, eq. 23, without its terms in 2 / d.
        """
        n, d = embeddings.shape
        mean = embeddings.mean(axis=0, dtype=np.float64)
        centred = embeddings - mean
        sample = centred.T @ centred / n
        trace, square = np.trace(sample), np.square(sample).sum()
        excess = (n + 1) * (square - trace**2 / d)
        part = min(1.0, (square + trace**2) / excess) if excess > 0 else 1.0
        sphere = (trace or 1.0) / d * np.eye(d)
        norm = float(np.linalg.norm(centred, axis=1).mean()) or 1.0
        return cls(mean.astype(np.float32), (1 - part) * sample + part * sphere, norm)

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """Embeddings of people who do not exist; (count, d) float32."""
        root = np.linalg.cholesky(self.covariance).astype(np.float32)
        normal = rng.standard_normal((count, len(self.mean)), dtype=np.float32)
        return self.mean + normal @ root.T

    def rescale(self, x: torch.Tensor) -> torch.Tensor:
        """Directions (n, d) from the mean, brought to the typical length."""
        lengths: torch.Tensor = x.norm(dim=1, keepdim=True)
        return x * (self.norm / lengths.clamp_min(1e-12))


def middle(embeddings: Floats) -> Floats:
    """The mean of (n, d) embeddings, what to guess where nothing is known; (d,) float32.

    Where all embeddings are unit vectors, so is it: a shorter one is nearer to every sample than
    any picture can be, which would say nothing about pictures.
    """
    mean = embeddings.mean(axis=0, dtype=np.float64)
    if np.allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-3):
        mean /= max(float(np.linalg.norm(mean)), 1e-12)
    out: Floats = mean.astype(np.float32)
    return out


def with_token(view: View) -> Release:
    """The release; where a scheme ignores keys, an arbitrary one stands in."""
    if view.release.token is not None or view.scheme.keyed:
        return view.release
    return replace(view.release, token=np.zeros(len(view.release), np.uint64))


def blocks(release: Release, most: int = 128) -> Iterator[NDArray[Any]]:
    """Rows in blocks that bound memory; equal keys are neighbours, so few keys meet in a block."""
    count, token = len(release), release.token
    order = np.arange(count) if token is None else np.argsort(token, kind="stable")
    for start in range(0, count, most):
        yield order[start : start + most]


def ascend(slack: Slack, start: torch.Tensor, population: Population, steps: int) -> torch.Tensor:
    """Follow the gradient of the summed slack from one sphere point to the next.

    Where slack is linear the first step is the closed-form estimate and a fixed point. Where it is
    quadratic (products of permuted entries) this is power iteration towards the eigenvector that
    the inequalities point at.

    ``start`` and the result are (n, d) embeddings; it stops early at a fixed point.
    """
    import torch

    mean = torch.as_tensor(population.mean, device=start.device)
    x = start
    for _ in range(steps):
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(slack(x).sum(), x)
        after = mean + population.rescale(gradient)
        moved = (after - x).norm(dim=1).max()
        x = after
        if moved < 1e-3 * population.norm:
            break
    return x.detach()


def lessons(view: View, population: Population, synthetic: int, rng: np.random.Generator) -> Floats:
    """Embeddings to learn from: the attacker's own, then ``synthetic`` of people he made up.

    Made-up people need no query to the target, only the scheme. Without the keys they are left out:
    each would need a key of its own, and no number of them teaches a key that is not among them.
    """
    if view.release.token is None and view.scheme.keyed:
        return view.embeddings
    return np.concatenate([view.embeddings, population.draw(synthetic, rng)])


def release_lessons(
    view: View, known: Floats, keys: Keys | None, rng: np.random.Generator
) -> Release:
    """What leaves of ``lessons``, each row under one of ``keys``; else as the stolen rows may be.

    That is each of the attacker's subjects under a random key, which is then forgotten; so whoever
    leaves out a subject to validate leaves out its key.
    """
    if keys is not None:
        return view.simulate(known, keys[rng.integers(len(keys), size=len(known))], rng)
    people, whose = np.unique(view.subjects, return_inverse=True)
    fresh = rng.integers(2**64, size=len(people), dtype=np.uint64)[whose]
    return view.simulate(known, fresh, rng).without_token()
