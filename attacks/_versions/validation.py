"""The attacker's held-out samples: how well a generator does on subjects it does not know."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from attacks._own import affordable, held_out
from fowh.core.view import View

SHARE = 0.1  # of the attacker's subjects
LOOKS = 10  # states of a training that are kept


def split(view: View, seed: int) -> NDArray[np.bool_]:
    """(n,) which of his samples are held out."""
    return held_out(view, SHARE, 0, np.random.default_rng(seed))


def asks(view: View, held: NDArray[np.bool_]) -> bool:
    """Whether the budget lasts for every look: one unit from the first look to the last."""
    most = LOOKS * int(held.sum())
    return affordable(view, most) == most > 0


def missed(view: View, held: NDArray[np.bool_], made: NDArray[Any], asked: bool) -> float:
    """Mean distance of the re-embedded pictures to the truth; of pixels without queries.

    Args:
        view: what the attacker has; its query is charged.
        held: (n,) which of his samples are held out.
        made: (h, s, s[, c]) uint8 pictures of these h.
        asked: whether he asks the target.
    """
    assert view.samples is not None
    if asked and view.query is not None:
        gap = view.query(made) - view.embeddings[held]
        return float(np.linalg.norm(gap, axis=1).mean())
    return float(np.abs(made.astype(np.float32) - view.samples[held]).mean())
