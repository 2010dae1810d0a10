"""What a protocol is: who learns, who attacks, who is attacked, who stands by. No knobs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.target import Target
from fowh.core.threat import Threat

Indices = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows of the dataset in one fold, by what they are for; each sorted.

    Attributes:
        number: 0-based.
        development: thresholds and public parameters come from them.
        attacker: the attacker's own samples, none of which is attacked. In a closed set, and where
            a published protocol has it so, they may be of the same subjects.
        victims: samples of the enrolled subjects.
        stolen: rows (among ``victims``) that are attacked.
        gallery: what Rank-1 searches: readings of victims and bystanders, ``stolen`` among them;
            nobody's who is the attacker's, unless a published protocol has it so.
        bystanders: rows of ``gallery`` that are neither victims', nor development's, nor the
            attacker's.
        witness: what an independent recogniser may learn from.
    """

    number: int
    development: Indices
    attacker: Indices
    victims: Indices
    stolen: Indices
    gallery: Indices
    bystanders: Indices
    witness: Indices

    @property
    def rows(self) -> Indices:
        """All rows that a target must say something of: all but the witness's own."""
        return np.unique(
            np.concatenate([self.development, self.attacker, self.victims, self.gallery])
        )

    def robbed(self, most: int, rng: np.random.Generator) -> Fold:
        """The same, of which at most so many rows leak, drawn at random."""
        few = rng.permutation(self.stolen)[:most]
        return replace(self, stolen=np.sort(few))


class Protocol(ABC):
    """A protocol: its numbers are part of its name; change one and it is another protocol.

    Attributes:
        controls: blind attacks that run beside every cell.
        rendered: those of them that are rendered as samples too.
        max_own: the attacker's own samples, at most.
        max_stolen: rows that are attacked in a fold, at most.
        shown_readings: readings of each subject among the samples shown.
        together: whether everybody trains the target, those who are attacked too: what is stolen
            comes of lessons (half of it, where the question is which), and the attacker's people
            have learned it as well.
    """

    controls: ClassVar[tuple[str, ...]] = ("random", "mean", "medoid")
    rendered: ClassVar[tuple[str, ...]] = ("mean",)
    max_own: ClassVar[int] = 2000
    max_stolen: ClassVar[int] = 400
    shown_readings: ClassVar[int] = 1
    together: ClassVar[bool] = False

    def numbers(self) -> dict[str, Any]:
        """What a record's spec says beside the name, as JSON values."""
        return {
            "controls": list(self.controls),
            "max_own": self.max_own,
            "max_stolen": self.max_stolen,
        }

    def lessons(
        self, samples: Samples, target: Target | None, closed_set: bool
    ) -> tuple[Indices, Indices] | None:
        """Rows that the target may learn from, and of one more subject who joins later.

        Args:
            samples: of the dataset.
            target: not yet trained.
            closed_set: whether the system knows those who are attacked.

        Returns:
            Private rows, and the rows of the later subject (none: empty); None where a target
            comes trained or not at all (the default).

        Raises:
            InputError: the dataset or the target does not fit the protocol.
        """
        return None

    @abstractmethod
    def folds(
        self, samples: Samples, target: Target | None, closed_set: bool, threat: Threat, seed: int
    ) -> list[Fold]:
        """The folds of a run.

        Args:
            samples: of the dataset.
            target: what embeds them; None where they are ready embeddings.
            closed_set: whether the system knows those who are attacked.
            threat: says how many samples the attacker has.
            seed: of the run.

        Raises:
            InputError: the dataset does not fit the protocol.
        """
