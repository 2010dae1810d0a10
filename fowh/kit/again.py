"""Verification asked again: the same templates and probes, one by one, in no order, elsewhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats, Release
from fowh.core.scheme import TemplateScheme
from fowh.kit.comparing import Comparisons, halves

PAIRS = (
    1024  # that are asked again in a fold, unless the scheme's cap is lower (a stand-in's is not)
)
READINGS = 2  # of each person and half, at most


def compare_again(
    scheme: TemplateScheme,
    templates: Release,
    enrolled: Floats,
    subjects: NDArray[np.int64],
    rng: np.random.Generator,
) -> Comparisons | None:
    """Compare some people's templates with their samples, in a place that has seen nothing yet.

    A verification is a function of one template and one probe. Who computes it could look around
    all the same: at the order of rows, at whose else are in a call, at what was asked before. So
    some people are drawn, and each of their templates of one half meets each of their probes of the
    other, row by row and shuffled, in one call: nothing but the two tells which pairs are mated.

    Args:
        scheme: fitted.
        templates: n templates of ``enrolled``, with their token.
        enrolled: (n, d) float32 embeddings.
        subjects: (n,) whose they are.
        rng: draws the people, and the order.

    Returns:
        The comparisons; None where the scheme has no such place (``TemplateScheme.verifiers``).
    """
    places = scheme.verifiers
    if len(places) < 3:
        return None
    half, order = halves(subjects), rng.permutation(len(subjects))
    side = int(min(PAIRS, scheme.comparison_cap) ** 0.5)
    sides = []
    for number in (0, 1):
        rows = order[half[order] == number]
        _, codes = np.unique(subjects[rows], return_inverse=True)
        turn = np.empty(len(rows), dtype=np.intp)  # which of its person's each row is
        by_person = np.argsort(codes, kind="stable")
        counts = np.bincount(codes)
        turn[by_person] = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        sides.append(rows[turn < READINGS])
    both = np.intersect1d(*(subjects[rows] for rows in sides))
    few = rng.permutation(both)[: max(2, side // READINGS)]
    left, right = (rows[np.isin(subjects[rows], few)] for rows in sides)
    pairs = rng.permutation(len(left) * len(right))
    a, b = left[pairs // len(right)], right[pairs % len(right)]
    score = places[2].score(templates[a], enrolled[b])
    return Comparisons(score, subjects[a] == subjects[b], subjects[a], subjects[b])
