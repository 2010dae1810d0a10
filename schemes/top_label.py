"""Only the name of the likeliest subject leaves, no score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fowh.core.release import Floats
from fowh.core.scheme import OutputScheme


@dataclass(frozen=True)
class TopLabel(OutputScheme):
    """1 for the subject with the largest score, 0 for all others; the first of equal ones."""

    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        answers = np.asarray(answers)
        limited = np.zeros(answers.shape, dtype=np.float32)
        limited[np.arange(len(answers)), answers.argmax(axis=1)] = 1
        return limited
