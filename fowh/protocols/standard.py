"""Five subject-disjoint folds; four fifths develop and attack, a fifth is attacked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.protocol import Fold, Protocol
from fowh.core.randomness import stream
from fowh.core.target import Target
from fowh.core.threat import Threat
from fowh.kit.comparing import sample

FOLDS = 5  # subject-disjoint; every subject is a victim once


@dataclass(frozen=True)
class Standard(Protocol):
    """For a target that comes trained: development, attacker and victims are different people.

    In each fold a fifth of the subjects are victims; the others are development subjects, who also
    are the attacker's. The gallery is every reading of the dataset.
    """

    def numbers(self) -> dict[str, Any]:
        return {"folds": FOLDS, **super().numbers()}

    def folds(
        self, samples: Samples, target: Target | None, closed_set: bool, threat: Threat, seed: int
    ) -> list[Fold]:
        if closed_set:
            raise InputError(
                "protocol standard has no subjects that the system knows: a closed set wants a "
                "protocol that trains the target, such as --protocol afm_iris"
            )
        subjects, people = samples.subjects, np.unique(samples.subjects)
        if len(people) < 4:
            raise InputError(
                f"the dataset has {len(people)} subjects, the protocol needs at least 4"
            )
        shuffled = stream(seed, "folds").permutation(people)
        nobody, everything = np.empty(0, dtype=np.intp), np.arange(len(subjects))
        made = []
        for number, few in enumerate(np.array_split(shuffled, min(FOLDS, len(people) // 2))):
            victims = np.flatnonzero(np.isin(subjects, few))
            rest = np.flatnonzero(~np.isin(subjects, few))
            own = sample(rest, min(threat.samples, self.max_own), stream(seed, "own", number))
            stolen = sample(victims, self.max_stolen, stream(seed, "stolen", number))
            made.append(
                Fold(
                    number,
                    development=rest,
                    attacker=own,
                    victims=victims,
                    stolen=stolen,
                    gallery=everything,
                    bystanders=nobody,
                    witness=rest,
                )
            )
        return made
