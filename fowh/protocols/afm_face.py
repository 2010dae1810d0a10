"""The paper's protocol for faces: the target learns some people, the attacker has others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.protocols._afm import LEAST, Published, Split

PRIVATE = 1076 / 3632  # of the faces, by whole subjects
POOL, POOL_CLOSED = 1500 / 2556, 1500 / 3632  # of all others; of all
TEST_CLOSED = 0.15  # of each subject's faces, rounded up


@dataclass(frozen=True)
class AfmFace(Published):
    """Ahmad, Mahmood and Fuller (2022, sec. 5.1) on faces.

    f_E: every subject is in one part only. The publication cuts pool and test at random, so that
    the people of the test are the attacker's as well, and a look-up among his own pictures scores
    nothing there by construction; here they are cut by whole subjects, in the published shares. f_C
    (a closed set): every subject is in every part.
    """

    paper: ClassVar[str] = "afm-face"
    removed: ClassVar[int] = 5

    def divide(
        self,
        samples: Samples,
        people: NDArray[np.int64],
        closed_set: bool,
        rng: np.random.Generator,
    ) -> Split:
        subjects = samples.subjects
        fewest = int(np.bincount(subjects).min())
        if len(people) < LEAST or fewest < 3:
            raise InputError(
                f"protocol afm_face: {len(people)} subjects, the smallest with {fewest} readings; "
                f"expected at least {LEAST} with 3 each (folder:readings=3 leaves smaller ones out)"
            )
        newcomer, rows = subjects == people[0], rng.permutation(len(subjects))
        rows = rows[~newcomer[rows]]
        if not closed_set:
            sizes = np.bincount(subjects)[people[1:]].cumsum()
            first = 1 + int(np.searchsorted(sizes, PRIVATE * len(rows)))
            left = sizes[-1] - sizes[first - 1]  # samples that are not private
            second = 1 + int(np.searchsorted(sizes, sizes[first - 1] + POOL * left))
            parts = np.split(people[1:], [first, min(second, len(sizes) - 1)])
            private, pool, test = (rows[np.isin(subjects[rows], part)] for part in parts)
        else:
            order = np.argsort(subjects[rows], kind="stable")  # by subject, in random order within
            sizes = np.bincount(subjects[rows])
            rank = np.concatenate([np.arange(size) / size for size in sizes if size])
            ordered, share = rows[order], TEST_CLOSED + POOL_CLOSED
            test, private = ordered[rank < TEST_CLOSED], ordered[rank >= share]
            pool = ordered[(rank >= TEST_CLOSED) & (rank < share)]
        return Split.of(private, pool, test, np.flatnonzero(newcomer), pool)
