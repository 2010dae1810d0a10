"""Who takes part in which round of a training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHARE = 0.1  # of the members that takes part in a round


def taking_part(members: int, size: int | None, rng: np.random.Generator) -> NDArray[np.intp]:
    """Who takes part in a round: rows (u, s) of the members, of u clients of s samples each.

    Each member is drawn with probability ``SHARE``. Those drawn are spread by lot over clients of
    ``size``, and who is left over sits out. Of clients too large for two of them in a round there
    is one, whose samples are drawn from all members: otherwise many rounds would be empty.

    Args:
        members: of the training.
        size: samples of each client; None: one party holds all who are drawn.
        rng: draws them, and nothing else.
    """
    if size is not None and clients_of(members, size) == 1:
        return rng.permutation(members)[None, :size]
    rows = np.flatnonzero(rng.random(members) < SHARE)
    if size is None:
        return rows[None]
    return rng.permutation(rows)[: len(rows) // size * size].reshape(-1, size)


def most_often(rounds: int, members: int, size: int, rng: np.random.Generator) -> int:
    """In how many rounds of a training with that ``rng`` the busiest member takes part."""
    often = np.zeros(members, dtype=np.intp)
    for _ in range(rounds):
        often[taking_part(members, size, rng)] += 1
    return int(often.max())


def clients_of(members: int, size: int | None) -> int:
    """Clients of a round, as are expected of so many members.

    Args:
        members: of the training.
        size: samples of each client; None: one party holds all, and samples them.
    """
    return 1 if size is None else max(1, round(SHARE * members) // size)


def share_of(members: int, size: int | None) -> float:
    """Of the members, how many take part in a round on average; each as likely as any other."""
    if size is not None and clients_of(members, size) == 1:
        return min(1.0, size / members)
    return SHARE
