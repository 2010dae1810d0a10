"""Five subject-disjoint folds: a fifth is attacked, a fifth stands by, three fifths attack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.protocol import Fold, Indices, Protocol
from fowh.core.randomness import stream
from fowh.core.target import Target
from fowh.core.threat import Threat
from fowh.kit.comparing import sample

FOLDS = 5  # subject-disjoint; every subject is a victim once, but of crowds
PEOPLE = 1024  # victims of a fold, and development subjects, at most
ROWS = 2**14  # samples of either, at most


@dataclass(frozen=True)
class Standard(Protocol):
    """For a target that comes trained: nobody who is attacked develops or attacks.

    In each fold a fifth of the subjects are victims and the next fifth bystanders; the others are
    development subjects, who also are the attacker's. The gallery is every reading of the victims
    and bystanders, so that handing back a sample of one's own is neither a hit nor a sure miss.
    With fewer than eight subjects there are no bystanders.

    Of more people than can be enrolled some are drawn first, and only they are: 1,024 victims (the
    others of their fifth stand by) and 1,024 development subjects, of either 16,384 samples, as
    many of each. The gallery and whom the attacker's own samples are drawn from stay whole.
    """

    def numbers(self) -> dict[str, Any]:
        return {"folds": FOLDS, "max_people": PEOPLE, "max_rows": ROWS, **super().numbers()}

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
        parts = np.array_split(shuffled, min(FOLDS, len(people) // 2))
        made = []
        for number, few in enumerate(parts):
            others = parts[(number + 1) % len(parts)] if len(parts) > 3 else few[:0]
            mine, bystanders = (np.flatnonzero(np.isin(subjects, p)) for p in (few, others))
            rest = np.flatnonzero(~np.isin(subjects, np.concatenate([few, others])))
            own = sample(rest, min(threat.samples, self.max_own), stream(seed, "own", number))
            gallery = np.union1d(mine, bystanders)
            victims = _drawn(subjects, mine, stream(seed, "victims", number))
            undrawn = mine[~np.isin(subjects[mine], subjects[victims])]
            bystanders = np.union1d(undrawn, bystanders)
            stolen = sample(victims, self.max_stolen, stream(seed, "stolen", number))
            made.append(
                Fold(
                    number,
                    development=_drawn(subjects, rest, stream(seed, "development", number)),
                    attacker=own,
                    victims=victims,
                    stolen=stolen,
                    gallery=gallery,
                    bystanders=bystanders,
                    witness=rest,
                )
            )
        return made


def _drawn(subjects: NDArray[np.int64], rows: Indices, rng: np.random.Generator) -> Indices:
    """The rows of as many of their subjects as are enrolled, and of each no more than its share."""
    people, codes = np.unique(subjects[rows], return_inverse=True)
    if len(people) > PEOPLE:
        few = np.isin(codes, rng.permutation(len(people))[:PEOPLE])
        people, rows, codes = people[:PEOPLE], rows[few], codes[few]
    if len(rows) <= ROWS:
        return rows
    mixed = rng.permutation(len(rows))
    order = mixed[np.argsort(codes[mixed], kind="stable")]
    starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
    turn = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    return np.sort(rows[order[turn < ROWS // len(people)]])
