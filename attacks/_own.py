"""The attacker's own samples: what they are good for, which belong together, what he may ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fowh.core.updates import UpdateScheme
from fowh.core.view import View


def of_updates(view: View) -> str | None:
    """Why nothing is learned from what leaves of single own samples, in words; None if it is."""
    if isinstance(view.scheme, UpdateScheme):
        return "it learns from what leaves of single samples, and updates are of a network too"
    return None


def groups(view: View) -> NDArray[np.int64]:
    """Which of his samples are left out together: (n,), those of one subject.

    Whole subjects, for those who are attacked are strangers to him. Where the system knows a closed
    set, what it says names his own subjects, and one whom he never learnt would say nothing: there
    every sample is a group of its own.
    """
    return np.arange(len(view.subjects)) if view.closed_set else view.subjects


def held_out(view: View, share: float, least: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """(n,) bool: his samples in a random ``share`` of the groups, in ``least`` of them at least."""
    whose = groups(view)
    shuffled = rng.permutation(np.unique(whose))
    return np.isin(whose, shuffled[: max(least, round(share * len(shuffled)))])


def affordable(view: View, queries: int) -> int:
    """As many of the wanted queries as the budget still allows; 0 without a handle."""
    return 0 if view.query is None else min(queries, view.query.left)
