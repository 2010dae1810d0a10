"""What the learned attacks read: what the scheme says of a row, and what else is stored in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from attacks._own import groups
from fowh.core.release import Floats, Release
from fowh.core.view import View
from fowh.kit import ridge
from fowh.kit.stored import MOST, Stored

Base = Callable[[Release], Floats]

GAIN = 0.05  # of the error on own samples that stored columns must save, to be read
PLAIN = 0.5  # share of the variance that a linear map tells, from which a code is no even one
TAUGHT, JUDGED = 1000, 400  # rows that decide it, at most
STRENGTHS = (1e-5, 1e-3, 1e-1)


@dataclass(frozen=True, eq=False)
class Features:
    """Release -> (n, f): ``base``, and the stored columns where they tell more than it does.

    The columns are no part of it where they save less than a twentieth of a linear map's error on
    own samples: then they are noise (salts, digests), or the same bits again. So a scheme whose
    ``features`` say all that is in a row is read as it says.

    Attributes:
        base: what is read in any case.
        stored: the columns, or None.
        weight: brings them to the power of what is read beside them.
        share: of the variance of own samples' embeddings, what a linear map tells.
        most: columns that are kept, at most.
    """

    base: Base
    stored: Stored | None
    weight: float
    share: float
    most: int = MOST

    @classmethod
    def of(cls, view: View, release: Release, known: Floats, base: Base) -> Self:
        """Decide on own samples.

        Args:
            view: what the threat model grants.
            release: what leaves of ``known``.
            known: (n, d) embeddings, the attacker's own first, then made-up ones. Learnt is from
                these, judged on his own; where he made up none, people are divided.
            base: reads a release.
        """
        taught, judged = _parts(view, len(known))
        rows = np.concatenate([taught, judged])
        told, target = base(release[rows]), known[rows]
        inside, outside = np.arange(len(taught)), np.arange(len(taught), len(rows))
        gram = _gram(told, inside)
        plain = _error(gram, target, inside, outside)
        spread = float(np.square(target[outside] - target[inside].mean(axis=0)).sum()) or 1.0
        code = release.code[rows].reshape(len(rows), -1)
        if not release.aux and np.array_equal(told, code):  # nothing else is there
            return cls(base, None, 1.0, 1 - plain / spread)
        least, found = (1 - GAIN) * plain, cls(base, None, 1.0, 1 - plain / spread)
        # All that there is, or with little noise among it; and what numbers may hide.
        for most, deep in product((MOST, 2 * known.shape[1]), (False, True)):
            stored = Stored.of(release[taught], known[taught], most, deep)
            more = stored(release[rows])
            weight = (ridge.power(told - told.mean(axis=0)) / ridge.power(more)) ** 0.5
            error = _error(gram + _gram(weight * more, inside), target, inside, outside)
            if error < least:
                least, found = error, cls(base, stored, weight, 1 - error / spread, most)
        return found

    def under(self, release: Release, known: Floats) -> Features:
        """The same, for rows under another key: there other columns may be those that tell."""
        if self.stored is None:
            return self
        return replace(self, stored=Stored.of(release, known, self.most, self.stored.deep))

    def __call__(self, release: Release) -> Floats:
        told = self.base(release)
        if self.stored is None:
            return told
        return np.concatenate([told, np.float32(self.weight) * self.stored(release)], axis=1)


def _parts(view: View, count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to learn from, and own rows to judge on."""
    own = len(view.embeddings)
    if count > own:
        return np.arange(own, count)[:TAUGHT], _spread(np.arange(own), JUDGED)
    _, whose = np.unique(groups(view), return_inverse=True)
    odd = whose % 2 == 1
    if not odd.any():
        odd = np.arange(own) % 2 == 1
    return _spread(np.flatnonzero(~odd), TAUGHT), _spread(np.flatnonzero(odd), JUDGED)


def _spread(rows: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """At most so many of the rows, evenly."""
    few: NDArray[np.intp] = rows[:: -(-len(rows) // most) or 1]
    return few


def _gram(features: Floats, inside: NDArray[np.intp]) -> Floats:
    """(n, t) inner products of all rows with those that are learned from, about their mean."""
    centred = features - features[inside].mean(axis=0)
    product: Floats = centred @ centred[inside].T
    return product


def _error(
    gram: Floats, target: Floats, inside: NDArray[np.intp], outside: NDArray[np.intp]
) -> float:
    """Least summed squared error of a ridge regression outside what it learned from."""
    mean = target[inside].mean(axis=0)
    kernel, unit = gram[inside], float(np.trace(gram[inside])) or 1.0
    errors = []
    for strength in STRENGTHS:
        penalised = kernel.copy()
        penalised.flat[:: len(kernel) + 1] += strength * unit
        dual = cho_solve(cho_factor(penalised), target[inside] - mean)
        errors.append(float(np.square(target[outside] - mean - gram[outside] @ dual).sum()))
    return min(errors)
