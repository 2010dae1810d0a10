"""Directions that scores of offline probes point in: slopes, for even codes leading eigenvectors.

One decomposition of the probes' Gram matrix serves all templates; scores are the right-hand sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks._probed import graded
from attacks._readout import Population
from fowh.core.release import Floats
from fowh.kit import ridge

# Chosen on drawn populations and on people of LFW, never on those of ORL.
STRENGTHS = 10.0 ** np.arange(-4, 3.5, 0.5)
CONSTANT = 100  # variance of a constant among the weights of second order: as good as free
TOGETHER = 32  # templates whose matrices are held at a time


def slope(
    offsets: Floats, scores: Floats, population: Population, prior: float
) -> tuple[Floats, float]:
    """Where scores rise: (r, d) of typical length, and which share of them is not explained.

    Args:
        offsets: (p, d) of the probes from their centre.
        scores: (r, 2 p) of them and of their mirror images.
        population: tells which weights are likely.
        prior: exponent of its covariance in theirs.
    """
    root = _root(population, prior)
    left, right = np.split(graded(scores).T, 2)
    seen = offsets @ root
    dual, missed = ridge.kernel_each(seen @ seen.T, (left - right) / 2, STRENGTHS)
    return lengthened(dual.T @ seen @ root.T, population), missed


def leading(offsets: Floats, scores: Floats, population: Population) -> tuple[Floats, float]:
    """The leading eigenvectors of the matrices that scores (r, p) of offsets (p, d) are fitted by.

    The kernel is that of all products of two coordinates; its matrix has the constant in it.
    """
    root = _root(population, 1.0)
    seen = offsets @ root
    gram = (seen @ seen.T) ** 2
    dual, missed = ridge.kernel_each(gram + CONSTANT * gram.mean(), graded(scores).T, STRENGTHS)
    vectors = np.empty((len(scores), len(root)))
    for start in range(0, len(scores), TOGETHER):
        part = slice(start, start + TOGETHER)
        vectors[part] = np.linalg.eigh((dual.T[part, None] * seen.T) @ seen)[1][:, :, -1]
    return lengthened(vectors @ root.T, population), missed


def _root(population: Population, power: float) -> NDArray[np.float64]:
    """(d, d) root of a power of the covariance, of the covariance's trace."""
    spectrum, axes = np.linalg.eigh(population.covariance)
    spread = spectrum**power
    root: NDArray[np.float64] = axes * np.sqrt(spread * (spectrum.sum() / spread.sum()))
    return root


def surrounding(
    population: Population, size: float, power: float, count: int, rng: np.random.Generator
) -> Floats:
    """Offsets (count, d) of probes from an estimate.

    Args:
        population: says which directions embeddings differ in.
        size: of an offset, in units of what an embedding differs from the mean by.
        power: exponent of the population's covariance in that of the offsets.
        count: how many.
        rng: draws them.
    """
    normal = rng.standard_normal((count, len(population.mean)))
    made: Floats = (size * normal @ _root(population, power).T).astype(np.float32)
    return made


def lengthened(x: NDArray[Any], population: Population) -> Floats:
    """Directions (r, d), as long as an embedding's from the mean typically is."""
    lengths = np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
    made: Floats = (x * (population.norm / lengths)).astype(np.float32)
    return made
