"""What leaves a system: rows that a thief may hold, and the keys that only their users hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Keys = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class Release:
    """Rows that left: enrolled templates, answers, updates.

    For templates in the vocabulary of ISO/IEC 24745: ``code`` is the pseudonymous identifier,
    ``aux`` the auxiliary data stored beside it, ``token`` what only the user holds (the key).

    Attributes:
        code: (n, ...) what left, dtype of the scheme's choice.
        aux: what is stored beside it (salts, helper data), each (n, ...).
        token: (n,) uint64 keys that only the users hold; None where the holder of these rows does
            not know them (a thief, when keys do not leak), or where there are none.
        each: samples behind every row, in no order: of an update computed on a batch, its size.
    """

    code: NDArray[Any]
    aux: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    token: Keys | None = None
    each: int = 1

    def __len__(self) -> int:
        return len(self.code)

    def __getitem__(self, rows: Any) -> Release:
        """Those at ``rows`` (a slice, an index array or a mask)."""
        return Release(
            self.code[rows],
            {name: column[rows] for name, column in self.aux.items()},
            None if self.token is None else self.token[rows],
            self.each,
        )

    def without_token(self) -> Release:
        """What a thief holds when the keys do not leak."""
        return replace(self, token=None)

    @property
    def samples(self) -> int:
        """How many samples are behind all rows."""
        return len(self) * self.each

    @property
    def bytes_each(self) -> float:
        """Bytes per row (code and aux; the token is the user's)."""
        stored = self.code.nbytes + sum(column.nbytes for column in self.aux.values())
        return stored / max(len(self), 1)


def by_key(keys: Keys) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Each distinct key with the rows that use it, in order of the key."""
    distinct, inverse = np.unique(keys, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    bounds = np.searchsorted(inverse[order], np.arange(len(distinct) + 1))
    for number, key in enumerate(distinct):
        yield int(key), order[bounds[number] : bounds[number + 1]]


def known_token(release: Release) -> Keys:
    """The token, or a ValueError for whoever does not hold it."""
    if release.token is None:
        raise ValueError("these rows come without their keys (the token did not leak)")
    return release.token
