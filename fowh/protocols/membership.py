"""Half of everybody's readings are learned from: which half is the question."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.protocol import Fold, Indices, Protocol
from fowh.core.randomness import stream
from fowh.core.target import Target
from fowh.core.threat import Threat
from fowh.kit.comparing import sample

FOLDS = 5  # subject-disjoint; every subject is a victim once


@dataclass(frozen=True)
class Membership(Protocol):
    """A classifier learns half of the readings of each subject, whom it then knows.

    Of an odd number it learns the larger half. In each fold a fifth of the subjects are victims and
    the next fifth stand by; the others, with all their readings, are the attacker's own, and he is
    not told which of those it learned from. Stolen are the answers to the victims' readings:
    members, and as many others of the same person. The half is the same for every run, so that the
    target is trained once; the seed of the run draws the folds.
    """

    controls: ClassVar[tuple[str, ...]] = ("random", "mean")
    rendered: ClassVar[tuple[str, ...]] = ()
    together: ClassVar[bool] = True

    def numbers(self) -> dict[str, Any]:
        return {"folds": FOLDS, "share": 0.5, **super().numbers()}

    def lessons(
        self, samples: Samples, target: Target | None, closed_set: bool
    ) -> tuple[Indices, Indices] | None:
        place, count = _places(samples.subjects)
        return np.flatnonzero(place < (count + 1) // 2), np.empty(0, dtype=np.intp)

    def folds(
        self, samples: Samples, target: Target | None, closed_set: bool, threat: Threat, seed: int
    ) -> list[Fold]:
        subjects, people = samples.subjects, np.unique(samples.subjects)
        place, count = _places(subjects)
        if target is None or not closed_set:
            raise InputError(
                "protocol membership trains a classifier and asks what it learned from: give a "
                "target that is trained here, such as mlp, and --leak membership"
            )
        if len(people) < 2 * FOLDS or count.min() < 2:
            raise InputError(
                f"protocol membership: {len(people)} subjects of at least {count.min()} readings; "
                f"expected at least {2 * FOLDS} of at least 2"
            )
        parts, made = np.array_split(stream(seed, "folds").permutation(people), FOLDS), []
        # The i-th reading that is learned and the i-th that is not are one pair.
        half, paired = (count + 1) // 2, place % ((count + 1) // 2)
        able = paired < count // 2
        for number, few in enumerate(parts):
            others = parts[(number + 1) % FOLDS]
            victims, bystanders = (np.flatnonzero(np.isin(subjects, p)) for p in (few, others))
            rest = np.flatnonzero(~np.isin(subjects, np.concatenate([few, others])))
            firsts = victims[(able & (place < half))[victims]]
            chosen = sample(firsts, self.max_stolen // 2, stream(seed, "stolen", number))
            pairs = subjects * len(subjects) + paired
            stolen = victims[able[victims] & np.isin(pairs[victims], pairs[chosen])]
            own = sample(rest, min(threat.samples, self.max_own), stream(seed, "own", number))
            fresh = place >= half
            near = bystanders[fresh[bystanders]]
            gallery = np.unique(np.concatenate([victims[fresh[victims]], near, stolen]))
            made.append(Fold(number, rest, own, victims, stolen, gallery, near, rest))
        return made


def _places(subjects: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of each reading its place in a random order of its subject's, and how many there are."""
    shuffled = stream(0, "members").permutation(len(subjects))
    order = shuffled[np.argsort(subjects[shuffled], kind="stable")]
    _, codes, counts = np.unique(subjects, return_inverse=True, return_counts=True)
    place = np.empty(len(subjects), dtype=np.intp)
    place[order] = np.arange(len(subjects)) - np.repeat(np.cumsum(counts) - counts, counts)
    return place, counts[codes]
