"""What the published protocols share: a private part, a pool for the attacker, and a test set.

Source: Ahmad, Mahmood and Fuller (2022), "Inverting biometric models with fewer samples", sec. 5.1.
Sizes are the paper's where the dataset has as many samples, and in its proportions otherwise. The
target's own seed fixes the private samples, so that all runs against one target share it; the seed
of the run draws the attacker's samples from a pool that is kept from the target.
"""

from __future__ import annotations

import typing
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.protocol import Fold, Indices, Protocol
from fowh.core.randomness import stream
from fowh.core.target import Target
from fowh.core.threat import Threat

TEST, POOL = 2000, 2000  # probes and attacker's samples, at most
LEAST = 8  # subjects


@typing.runtime_checkable
class Student(typing.Protocol):
    """What these protocols must know of the target that they train."""

    seed: int  # of the private split
    schedule: str  # which versions there are


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of the dataset by what they are for; disjoint but for the last.

    Attributes:
        private: the target is trained on them, and the thresholds come from them.
        pool: the attacker draws his own samples from them.
        test: probes: their templates are stolen and attacked, and they are the gallery of Rank-1.
        newcomer: the subject that schedule update adds.
        witness: what a witness may be trained on, less the attacker's own samples. The pool itself
            for faces, whose few subjects leave no others; the one part that overlaps.
    """

    private: Indices
    pool: Indices
    test: Indices
    newcomer: Indices
    witness: Indices

    @classmethod
    def of(cls, *parts: Indices) -> Split:
        """Rows in any order, by the order of the attributes."""
        return cls(*map(np.sort, parts))


@dataclass(frozen=True)
class Published(Protocol):
    """A protocol of the paper: it trains the target, and has one fold.

    Attributes:
        paper: what it is called there.
        removed: subjects that are taken out before the retraining of schedule downslope.
    """

    max_own: ClassVar[int] = POOL
    max_stolen: ClassVar[int] = TEST
    shown_readings: ClassVar[int] = 2  # as in the paper's fig. 3
    paper: ClassVar[str]
    removed: ClassVar[int]

    def numbers(self) -> dict[str, Any]:
        return {"folds": 1, **super().numbers()}

    @abstractmethod
    def divide(
        self,
        samples: Samples,
        people: NDArray[np.int64],
        closed_set: bool,
        rng: np.random.Generator,
    ) -> Split:
        """Split the samples of shuffled subjects; see ``split``."""

    def split(self, samples: Samples, target: Target | None, closed_set: bool) -> Split:
        """Split a dataset for a target.

        Args:
            samples: of the dataset.
            target: its schedule and seed decide.
            closed_set: whether it knows those who are attacked (the paper's f_C), or not (f_E).

        Raises:
            InputError: the dataset does not fit or is too small, or nothing is to be trained.
        """
        name = self.paper.replace("-", "_")  # as the command line has it
        if samples.modality != "image":
            raise InputError(
                f"protocol {name} trains a target on images, and these samples are of kind "
                f"{samples.modality!r}: name a dataset of images"
            )
        if not isinstance(target, Student):
            raise InputError(
                f"protocol {name} trains the target itself: name one that is trained here, "
                "such as --target densenet"
            )
        rng = stream(target.seed, self.paper, "classifier" if closed_set else "extractor")
        people = rng.permutation(np.unique(samples.subjects))
        made = self.divide(samples, people, closed_set, rng)
        if target.schedule == "downslope":
            made = self._without_removed(samples.subjects, made, closed_set, rng)
        counts = {part: len(getattr(made, part)) for part in ("private", "pool", "test")}
        if min(counts.values()) < 4:
            raise InputError(f"protocol {name}: only {counts} samples; use a larger dataset")
        return made

    def _without_removed(
        self,
        subjects: NDArray[np.int64],
        made: Split,
        closed_set: bool,
        rng: np.random.Generator,
    ) -> Split:
        """Without the subjects whose removal downslope asks for; a classifier forgets them."""
        people = np.unique(subjects[made.private])
        gone = rng.permutation(people)[: min(self.removed, len(people) // 4)]

        def kept(rows: Indices) -> Indices:
            return rows[~np.isin(subjects[rows], gone)]

        less = replace(made, private=kept(made.private))
        return replace(less, pool=kept(made.pool), test=kept(made.test)) if closed_set else less

    def lessons(
        self, samples: Samples, target: Target | None, closed_set: bool
    ) -> tuple[Indices, Indices] | None:
        made = self.split(samples, target, closed_set)
        joins = isinstance(target, Student) and target.schedule == "update"
        return made.private, made.newcomer if joins else made.newcomer[:0]

    def folds(
        self, samples: Samples, target: Target | None, closed_set: bool, threat: Threat, seed: int
    ) -> list[Fold]:
        """One fold: as many samples of the pool as the threat grants are the attacker's."""
        made = self.split(samples, target, closed_set)
        count = min(threat.samples, len(made.pool))
        drawn = np.sort(stream(seed, "own").choice(made.pool, count, replace=False))
        stolen = np.sort(stream(0, "stolen").permutation(made.test)[: self.max_stolen])
        return [
            Fold(
                0,
                development=made.private,
                attacker=drawn,
                victims=made.test,
                stolen=stolen,
                gallery=made.test,
                bystanders=made.test[:0],
                witness=np.setdiff1d(made.witness, drawn),
            )
        ]
