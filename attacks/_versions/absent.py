"""What stands in the slots of versions whose releases did not leak; ours, the paper has zeros."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from attacks._versions.inputs import Read, Slots
from fowh.core.release import Floats
from fowh.kit import ridge

Absent = Literal["zero", "mean", "replicate", "impute"]
ABSENT: tuple[str, ...] = get_args(Absent)
STRENGTHS = 10.0 ** np.arange(-6, 2, dtype=np.float64)  # of the ridge, in units of all power


class Filling:
    """Puts final versions' vectors into all slots; learnt from the attacker's own samples alone.

    zero: the other slots hold nothing. mean: each its own samples' mean, whatever was stolen.
    replicate: the final version's vector. impute: what ridge regression from the final version's
    vector predicts; its penalty is the one that predicts whole subjects best from the others.
    """

    def __init__(
        self, absent: Absent, known: Slots, final: Floats, groups: NDArray[np.int64]
    ) -> None:
        """Learn what is needed.

        Args:
            absent: the rule.
            known: (a, n, m) vectors of his samples, slot by slot.
            final: (n, m) those of the final version, whichever slot has it.
            groups: (n,) which samples are left out together.
        """
        self.absent = absent
        self.centre = final.mean(axis=0)
        self.means = known[:-1].mean(axis=1)
        self.weights: list[Floats] = []
        if absent == "impute":
            away = final - self.centre
            self.weights = [
                _map(away, slot - mean, groups)
                for slot, mean in zip(known[:-1], self.means, strict=True)
            ]

    def __call__(self, final: Floats) -> Slots:
        """(a, k, m) float32 of the final version's vectors (k, m), which stand in the last slot."""
        made = np.zeros((len(self.means) + 1, *final.shape), dtype=np.float32)
        if self.absent == "mean":
            made[:-1] = self.means[:, None]
        elif self.absent == "replicate":
            made[:-1] = final
        elif self.absent == "impute":
            for slot, mean, weights in zip(made[:-1], self.means, self.weights, strict=True):
                slot[:] = mean + (final - self.centre) @ weights
        made[-1] = final
        return made


def _map(features: Floats, target: Floats, groups: NDArray[np.int64]) -> Floats:
    """Weights (m, m) of the ridge whose penalty errs least on groups that were left out."""
    strength = STRENGTHS[2]
    if len(np.unique(groups)) > 1:
        errors = ridge.left_out_errors(features, target, groups, STRENGTHS)
        strength = STRENGTHS[int(np.argmin(errors))]
    return ridge.fit(features, target, float(strength) * ridge.power(features) + 1e-6)


def presented(
    vectors: Read, absent: Absent, every: bool, held: NDArray[np.bool_], groups: NDArray[np.int64]
) -> tuple[Slots, Slots]:
    """The held-out samples and the stolen rows, as the generator is shown them: both alike.

    The filling of the former is learnt without them, so that validation does not flatter.

    Args:
        vectors: the attacker's and the stolen ones.
        absent: the rule for slots whose version did not leak.
        every: whether all leaked.
        held: (n,) which of his samples judge.
        groups: (n,) whose they are.

    Returns:
        (a, h, m) and (a, k, m).
    """
    known, final = vectors.known, vectors.final
    if every:
        return known[:, held], vectors.stolen
    learnt = Filling(absent, known[:, ~held], final[~held], groups[~held])
    whole = Filling(absent, known, final, groups)
    return learnt(final[held]), whole(vectors.stolen[-1])
