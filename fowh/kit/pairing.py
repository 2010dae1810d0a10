"""Which row goes with which: another reading, another subject, the nearest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats
from fowh.kit.matching import embedding_index


def other_subject(subjects: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.intp]:
    """For each row a random row of another subject.

    Raises:
        ValueError: all rows are of one subject.
    """
    _, codes, counts = np.unique(subjects, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise ValueError("all templates are of one subject: there is no other to swap with")
    order, mine = np.argsort(codes, kind="stable"), counts[codes]
    start = (np.cumsum(counts) - counts)[codes]
    drawn = rng.integers(len(subjects) - mine)
    rows: NDArray[np.intp] = order[np.where(drawn < start, drawn, drawn + mine)]
    return rows


def another_reading(subjects: NDArray[np.int64]) -> NDArray[np.intp]:
    """For each row the next row of the same subject, cyclically; itself where it is alone."""
    order = np.argsort(subjects, kind="stable")
    starts = np.unique(subjects[order], return_index=True)[1]
    ends = np.append(starts[1:], len(subjects)) - 1
    following = np.roll(order, -1)
    following[ends] = order[starts]
    after = np.empty(len(subjects), dtype=np.intp)
    after[order] = following
    return after


def nearest_rows(queries: Floats, gallery: Floats) -> NDArray[np.intp]:
    """(n,) row of the gallery nearest to each query, in L2."""
    _, rows = embedding_index(gallery, "l2").search(queries, 1)
    return rows[:, 0].astype(np.intp)
