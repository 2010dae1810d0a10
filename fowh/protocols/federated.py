"""Clients train one classifier of everybody; some of them lose their updates."""

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
LEAST = 8  # subjects
MEMBERS = 7  # tenths of each subject's readings, the first ones, rounded down


@dataclass(frozen=True)
class Federated(Protocol):
    """Everybody takes part with the first seven tenths of his readings; the others are for tests.

    In each fold a fifth of the subjects are victims and the next fifth bystanders; the others are
    the attacker's, who takes part as well and knows all their readings. What is stolen comes of
    members' readings of the victims, at most ``max_stolen``, as many of each victim as of any other
    (give or take one). The gallery is test readings of victims and bystanders, and what was stolen.
    """

    controls: ClassVar[tuple[str, ...]] = ("random_image", "mean_image")
    rendered: ClassVar[tuple[str, ...]] = ()
    max_stolen: ClassVar[int] = 16
    together: ClassVar[bool] = True

    def numbers(self) -> dict[str, Any]:
        return {"folds": FOLDS, "members": MEMBERS / 10, **super().numbers()}

    def lessons(
        self, samples: Samples, target: Target | None, closed_set: bool
    ) -> tuple[Indices, Indices] | None:
        """Members' readings of all subjects; nobody joins later."""
        member = np.flatnonzero(_members(samples, target, closed_set))
        return member, member[:0]

    def folds(
        self, samples: Samples, target: Target | None, closed_set: bool, threat: Threat, seed: int
    ) -> list[Fold]:
        member, subjects = _members(samples, target, closed_set), samples.subjects
        parts = np.array_split(stream(seed, "folds").permutation(np.unique(subjects)), FOLDS)
        made = []
        for number, few in enumerate(parts):
            mine, theirs = (np.isin(subjects, p) for p in (few, parts[(number + 1) % FOLDS]))
            rest = np.flatnonzero(~(mine | theirs))
            own = sample(rest, min(threat.samples, self.max_own), stream(seed, "own", number))
            drawn = stream(seed, "stolen", number)
            stolen = _evenly(np.flatnonzero(mine & member), subjects, self.max_stolen, drawn)
            made.append(
                Fold(
                    number,
                    development=rest,
                    attacker=own,
                    victims=np.flatnonzero(mine),
                    stolen=stolen,
                    gallery=np.union1d(np.flatnonzero((mine | theirs) & ~member), stolen),
                    bystanders=np.flatnonzero(theirs & ~member),
                    witness=rest,
                )
            )
        return made


def _members(samples: Samples, target: Target | None, closed_set: bool) -> NDArray[np.bool_]:
    """(n,) bool: readings that are trained on.

    Raises:
        InputError: nothing is trained, nobody is known, or there are too few subjects or readings.
    """
    if target is None or samples.modality != "image":
        raise InputError(
            f"protocol federated trains a target on images, and these samples are of kind "
            f"{samples.modality!r}: name a dataset of images"
        )
    if not closed_set:
        raise InputError(
            "protocol federated: the system is trained on everybody, and this leak is about people "
            "whom it does not know: try --leak gradients or --leak outputs"
        )
    people, inverse, counts = np.unique(samples.subjects, return_inverse=True, return_counts=True)
    if len(people) < LEAST or counts.min() < 2:
        raise InputError(
            f"protocol federated: {len(people)} subjects, the smallest with {counts.min()} "
            f"readings; expected at least {LEAST} with 2 each"
        )
    return _turn(inverse) < (MEMBERS * counts // 10)[inverse]


def _turn(whose: NDArray[Any]) -> NDArray[np.intp]:
    """(n,) how many rows before each are of the same subject."""
    order = np.argsort(whose, kind="stable")
    ordered = whose[order]
    turns = np.empty(len(whose), dtype=np.intp)
    turns[order] = np.arange(len(whose)) - np.searchsorted(ordered, ordered)
    return turns


def _evenly(
    rows: Indices, subjects: NDArray[np.int64], most: int, rng: np.random.Generator
) -> Indices:
    """At most so many rows, sorted: one of every subject, then a second one, and so on."""
    shuffled = rng.permutation(rows)
    turns = _turn(subjects[shuffled])
    return np.sort(shuffled[np.argsort(turns, kind="stable")[:most]])
