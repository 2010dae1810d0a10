"""Scores rounded to a few digits before they leave."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.scheme import OutputScheme


@dataclass(frozen=True)
class RoundScores(OutputScheme):
    """The countermeasure that Fredrikson, Jha and Ristenpart (CCS 2015) try: coarser confidences.

    Rounded answers no longer sum to one; where several are then largest, the first of them names.

    Attributes:
        digits: decimal digits that are kept.
    """

    digits: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.digits <= 7:
            raise InputError(f"round_scores: digits is {self.digits}; give 0 to 7")

    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        rounded: Floats = np.asarray(answers, dtype=np.float32).round(self.digits)
        return rounded
