"""The paper's protocol for irises: the target learns left eyes, the attacker has right ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.protocols._afm import LEAST, POOL, TEST, Published, Split

TEST_SHARE, TEST_SHARE_CLOSED = 2000 / 12000, 2000 / 11000  # of the left irises


@dataclass(frozen=True)
class AfmIris(Published):
    """Ahmad, Mahmood and Fuller (2022, sec. 5.1) on irises, whose subjects have a trait ``left``.

    f_E is trained and tested on left irises and attacked with right ones. f_C (a closed set) knows
    left ones only: everybody's samples are split between target, attacker and test.
    """

    paper: ClassVar[str] = "afm-iris"
    removed: ClassVar[int] = 10

    def divide(
        self,
        samples: Samples,
        people: NDArray[np.int64],
        closed_set: bool,
        rng: np.random.Generator,
    ) -> Split:
        eyes = samples.traits.get("left")
        if eyes is None or len(people) < LEAST:
            raise InputError(
                f"protocol afm_iris: {len(people)} subjects, eyes "
                f"{'unknown' if eyes is None else 'known'}; expected at least {LEAST} eyes, each "
                "known as left or right"
            )
        left = eyes[samples.subjects]
        rights = people[~eyes[people]]
        newcomer = samples.subjects == (rights[0] if len(rights) else -1)
        others = rng.permutation(np.flatnonzero(~left & ~newcomer))
        lefts = rng.permutation(np.flatnonzero(left))
        count = min(TEST, round((TEST_SHARE_CLOSED if closed_set else TEST_SHARE) * len(lefts)))
        test, rest = lefts[:count], lefts[count:]
        if not closed_set:
            cut = min(POOL, len(others) // 2)
            return Split.of(rest, others[:cut], test, np.flatnonzero(newcomer), others[cut:])
        pool, private = rest[:count], rest[count:]
        known = np.unique(samples.subjects[private])  # the others can never be named
        pool, test = (part[np.isin(samples.subjects[part], known)] for part in (pool, test))
        return Split.of(private, pool, test, np.flatnonzero(newcomer), others)
