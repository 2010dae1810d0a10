"""The attacker's held-out samples: how well a generator does on subjects it does not know."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks._own import affordable, held_out
from attacks._versions.inputs import Slots
from fowh.core.view import View

SHARE = 0.1  # of the attacker's subjects
LOOKS = 10  # during a training


def asks(view: View) -> bool:
    """Whether the budget lasts for every look: one unit from the first look to the last.

    Counted before any is asked, with a margin for subjects of many samples.
    """
    most = LOOKS * len(view.subjects)
    return affordable(view, most) == most > 0


class Validation:
    """Measures pictures of held-out samples.

    Attributes:
        held: rows that are held out.
        others: rows that are left for training.
        known: (a, h, m) vectors of the held ones.
        asked: queries to the target so far.
    """

    def __init__(self, known: Slots, view: View, rng: np.random.Generator) -> None:
        out = held_out(view, SHARE, 0, rng)
        self.held, self.others = np.flatnonzero(out), np.flatnonzero(~out)
        self.known, self.view, self.asks = known[:, self.held], view, asks(view)
        self.asked = 0

    def missed(self, made: NDArray[Any]) -> float:
        """Mean distance of the re-embedded pictures to the truth; of pixels without queries."""
        view = self.view
        assert view.samples is not None
        if self.asks and view.query is not None:
            self.asked += len(made)
            gap = view.query(made) - view.embeddings[self.held]
            return float(np.linalg.norm(gap, axis=1).mean())
        return float(np.abs(made.astype(np.float32) - view.samples[self.held]).mean())
