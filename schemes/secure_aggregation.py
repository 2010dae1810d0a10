"""Secure aggregation, ideally: the server sees the sum of several clients' updates."""

from __future__ import annotations

from dataclasses import dataclass

from fowh.core.errors import InputError
from fowh.core.updates import UpdateScheme


@dataclass(frozen=True)
class SecureAggregation(UpdateScheme):
    """What Bonawitz et al. (2017) compute, taken as perfect; it stands for homomorphic sums too.

    Nobody who follows the protocol learns more than the mean of ``clients`` updates. It adds no
    noise and says nothing about what that mean gives away, nor does it bind a server that chooses
    what clients compute (Fowl et al. 2022): see ``--server malicious``.

    Attributes:
        clients: whose updates are added.
    """

    clients: int = 8

    def __post_init__(self) -> None:
        if self.clients < 1:
            raise InputError(f"secure_aggregation: clients is {self.clients}; give at least 1")

    @property
    def summed(self) -> int:
        return self.clients
