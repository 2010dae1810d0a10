"""What attacks that ask who was learned from read of a release."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats
from fowh.core.view import View

LEAST = 1e-12  # probabilities below it are told apart by rounding only


def question(view: View) -> str | None:
    """Why nobody can say of these rows whether they were learned from; None when one can try."""
    if "label" not in view.release.aux or not view.as_released:
        return "no candidates: it asks of answers to labelled samples (--leak membership)"
    return None


def asked(view: View) -> tuple[Floats, NDArray[np.int64]]:
    """Answers (n, classes) to the candidates, and the candidates' labels (n,)."""
    return view.release.code, view.release.aux["label"]


def confidence(answers: Floats, labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logit of the label's probability (Carlini et al. 2022, sec. VI-A), (..., n).

    The others' probabilities are added up, since one minus the label's rounds to nothing.

    Args:
        answers: (..., n, classes).
        labels: (n,).
    """
    own = np.arange(answers.shape[-1]) == labels[:, None]
    right, wrong = (
        np.maximum(np.where(part, answers, 0).sum(axis=-1, dtype=np.float64), LEAST)
        for part in (own, ~own)
    )
    made: NDArray[np.float64] = np.log(right) - np.log(wrong)
    return made
