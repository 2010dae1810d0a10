"""Membership by loss: what a classifier learned from, it answers more surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks._members import LEAST, asked, question
from fowh.core.attack import Attack
from fowh.core.view import View


@dataclass(frozen=True)
class Membership(Attack):
    """The loss of each candidate, negated (Yeom et al. 2018, sec. 3.2).

    The threshold is the judge's. It reads one number of the answer: the probability of the
    candidate's label. A sample that is easy for everybody looks like a member.
    """

    yields: ClassVar[Literal["embeddings", "samples", "claims"]] = "claims"

    def unsupported(self, view: View) -> str | None:
        return question(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.float64]:
        answers, labels = asked(view)
        right = answers[np.arange(len(labels)), labels].astype(np.float64)
        return np.log(np.clip(right, LEAST, 1))
