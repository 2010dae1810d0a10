"""Which samples stand behind which update: stolen ones, and others that make up the batches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from fowh.core.errors import InputError
from fowh.core.protocol import Fold, Indices
from fowh.core.release import Floats

LOTS = 200  # blind claims, of which the mean is taken


@dataclass(frozen=True, eq=False)
class Batches:
    """The samples behind each row of a release.

    Attributes:
        members: (n, s) rows of the dataset, stolen ones and companions.
        place: of each stolen row, in their order, where it is in ``members`` laid out flat.
    """

    members: NDArray[np.intp]
    place: NDArray[np.intp]

    @classmethod
    def of(cls, fold: Fold, learned: Indices, each: int, rng: np.random.Generator) -> Batches:
        """Stolen rows spread over as few batches as hold them; victims' and bystanders' fill up.

        Args:
            fold: whose stolen rows.
            learned: rows that take part in the training.
            each: samples behind a row.
            rng: draws who stands beside whom.

        Raises:
            InputError: there are too few samples of people who are not the attacker's.
        """
        stolen = fold.stolen
        count = -(-len(stolen) // each)
        theirs = np.setdiff1d(np.setdiff1d(learned, fold.attacker), stolen)
        short = count * each - len(stolen)
        if short > len(theirs):
            raise InputError(
                f"{each} samples behind an update: {len(stolen) + len(theirs)} samples are not the "
                f"attacker's, {count * each} are needed; give a smaller batch or fewer clients"
            )
        rows = np.concatenate([rng.permutation(stolen), rng.permutation(theirs)[:short]])
        members = rows.reshape(each, count).T if each > 1 else stolen[:, None]
        flat = members.ravel()
        order = np.argsort(flat)
        return cls(members, order[np.searchsorted(flat[order], stolen)])

    def match(self, made: Floats, values: Floats) -> NDArray[np.intp]:
        """Which reconstruction stands for each stolen row: those of a batch, one to one.

        Pairs are chosen so that the distances of all pairs of a batch add up to the least. It knows
        the truth: every attack and every control is matched like this.

        Args:
            made: (n s, d) as the recogniser sees the reconstructions.
            values: (all, d) as it sees the dataset.

        Returns:
            For each stolen row the number of its reconstruction.
        """
        count, each = self.members.shape
        chosen = np.arange(count * each)
        if each == 1:
            return chosen[self.place]
        guesses = np.nan_to_num(made.astype(np.float64), posinf=0, neginf=0)
        guesses = guesses.reshape(count, each, -1)
        truth = values[self.members].astype(np.float64)
        for row in range(count):  # a few batches, each solved exactly
            gap = truth[row][:, None] - guesses[row][None]
            at, used = linear_sum_assignment(np.sqrt(np.square(gap).sum(axis=2)))
            chosen[row * each + at] = row * each + used
        return chosen[self.place]

    def chance(self, labels: NDArray[np.int64], own: Indices, rng: np.random.Generator) -> float:
        """What the better of two blind claims reaches in ``labelled``.

        Who takes part knows which classes are his own people's: he draws lots among the others for
        every sample, or names each of them equally often.

        Args:
            labels: (all,) true ones.
            own: rows of the attacker's people.
            rng: draws lots.
        """
        others = np.setdiff1d(labels, labels[own])
        count, each = self.members.shape
        size = (LOTS, count, each)
        evenly = rng.permuted(np.broadcast_to(others, (LOTS, count, len(others))), axis=2)
        evenly = np.tile(evenly, -(-each // len(others)))[..., :each]
        return max(
            float(np.mean([self.labelled(one.ravel(), labels).mean() for one in claims]))
            for claims in (rng.choice(others, size), evenly)
        )

    def labelled(self, claims: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of each stolen row, 1 where its label is claimed, as often as it is there; else 0.

        Args:
            claims: (n s,) a label of each sample behind a row, in no order.
            labels: (all,) true ones.
        """
        count, each = self.members.shape
        truth, said = labels[self.members], claims.reshape(count, each)
        # How many members before it have the same label, and how often that is claimed.
        same = truth[:, :, None] == truth[:, None, :]
        before = np.tril(same, k=-1).sum(axis=2)
        claimed = (truth[:, :, None] == said[:, None, :]).sum(axis=2)
        found: NDArray[np.float64] = (before < claimed).astype(np.float64).ravel()[self.place]
        return found
