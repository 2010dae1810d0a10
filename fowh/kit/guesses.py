"""Blind guesses: a list of embeddings that between them come near as many strangers as can be."""

from __future__ import annotations

import heapq
import warnings

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats
from fowh.kit import matching

DRAWS = 2048  # strangers that the list is to cover
SMOOTH = 0.5  # how far a stranger is from an own sample, of the spread of all
SHRUNK = (1.0, 0.7, 0.4)  # a guess nearer to the mean is near more people
CENTRES = (4, 8, 16, 32)  # clusters of own samples


def cover(own: Floats, subjects: NDArray[np.int64], count: int, rng: np.random.Generator) -> Floats:
    """A list of guesses, the most promising first; whoever made it never saw what was stolen.

    The first is the mean. The others are chosen greedily: each is the candidate that lies within
    the radius of most strangers whom no earlier one reaches. Candidates are cluster centres and
    own samples, also shrunk towards the mean, and strangers. Strangers are drawn near own samples,
    so that crowds among people count as such; the radius is the median distance of two own samples
    of one subject. When everybody is reached, everybody is to be reached once more by others.

    Args:
        own: (n, d) float32, of the attacker's own samples.
        subjects: (n,) whose they are.
        count: guesses, at most.
        rng: draws strangers and the starts of the clusters.

    Returns:
        (at most count, d) float32.
    """
    mean = own.mean(axis=0)
    strangers = _drawn(own, max(DRAWS, 2 * count), rng)
    parts = [mean[None]]
    distinct = len(np.unique(own, axis=0))
    for few in (*(k for k in CENTRES if k < distinct), 0):
        points = own if not few else _centres(own, few, rng)
        parts += [mean + np.float32(share) * (points - mean) for share in SHRUNK]
    parts.append(strangers[:count])  # more than the own samples, where more are asked for
    candidates = np.unique(np.concatenate(parts[1:]).astype(np.float32), axis=0)
    candidates = np.concatenate([mean[None], rng.permutation(candidates)])  # no order among equals
    near = matching.l2(candidates, strangers) <= _radius(own, subjects)
    order = _greedy(near, count)
    rest = np.setdiff1d(np.arange(len(candidates)), order)  # who reach nobody
    return candidates[[*order, *rest][:count]]


def _greedy(near: NDArray[np.bool_], count: int) -> list[int]:
    """The first row, then each time one with most columns that none before has, round by round.

    A gain only shrinks within a round, so that of the largest known one only what is on top must
    be counted again (lazy greedy: Minoux, 1978).
    """
    order, left = [0], ~near[0]
    waiting = [(-int(reach), row) for row, reach in enumerate(near.sum(axis=1)) if row and reach]
    heapq.heapify(waiting)
    tired: list[tuple[int, int]] = []  # have nobody left in this round
    while len(order) < count and (waiting or tired):
        if not waiting:
            waiting, tired = tired, []
            heapq.heapify(waiting)
            left = np.ones_like(left)
        known, row = heapq.heappop(waiting)
        gain = int(np.count_nonzero(near[row] & left))
        if gain == -known:
            order.append(row)
            left &= ~near[row]
        elif gain:
            heapq.heappush(waiting, (-gain, row))
        else:
            tired.append((-int(np.count_nonzero(near[row])), row))
    return order


def _drawn(own: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Strangers: a smoothed bootstrap of the own samples, with their mean and covariance.

    Each is an own sample moved by a Gaussian of the own samples' covariance (Silverman, Density
    Estimation, section 6.4.1), and made as long as they where all are of about one length.
    """
    centred = own - own.mean(axis=0)
    mix = rng.standard_normal((count, len(own)), dtype=np.float32) / np.float32(len(own) ** 0.5)
    near = centred[rng.integers(len(own), size=count)]
    moved = np.float32((1 - SMOOTH**2) ** 0.5) * near + np.float32(SMOOTH) * (mix @ centred)
    made: Floats = own.mean(axis=0) + moved
    lengths = np.linalg.norm(own, axis=1)
    if lengths.std() < 0.05 * lengths.mean():  # all of about one length
        made *= lengths.mean() / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12)
    return made.astype(np.float32)


def _radius(own: Floats, subjects: NDArray[np.int64]) -> float:
    """Median distance of an own sample to the next of the same subject, or to any where none is."""
    order = np.argsort(subjects, kind="stable")
    ours, whose = own[order], subjects[order]
    gaps = np.linalg.norm(ours[1:] - ours[:-1], axis=1)
    same = whose[1:] == whose[:-1]
    return float(np.median(gaps[same] if same.any() else gaps)) if len(gaps) else 0.0


def _centres(own: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Centres of at most ``count`` clusters; one that loses all its points stays where it was."""
    from scipy.cluster.vq import kmeans2

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of such clusters
        found: Floats = kmeans2(own.astype(np.float64), count, minit="++", rng=rng)[0]
    return found.astype(np.float32)
