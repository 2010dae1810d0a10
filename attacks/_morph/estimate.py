"""From what was released to approximate embeddings, learnt on the attacker's own samples."""

from __future__ import annotations

from functools import partial

import numpy as np

from attacks._even import TRIED, Moments, both_signs, facing, is_even
from attacks._features import PLAIN, Features
from attacks._readout import Population, with_token
from attacks._revealed import read, revealed
from fowh.core.release import Floats, Release
from fowh.core.view import View
from fowh.kit import ridge

KEYS = 16  # random keys that stand in where none leaked
SYNTHETIC = 2000  # embeddings drawn from the attacker's population
STRENGTHS = 10.0 ** np.arange(-6, 1, dtype=np.float64)


class Reader:
    """Release -> embeddings: the scheme's own inversion if it offers one, then a linear map.

    Stored columns that tell more than either stand beside it (``Features``). It is fitted to the
    attacker's samples, passed through the scheme under the stolen keys (random ones
    if none leaked). Of a code that is even about the mean it maps to embeddings up to their sign,
    or to products of coordinates where there is no estimate, and takes the likelier sign.

    Attributes:
        known: (n, d) the embeddings it was fitted to, the attacker's own first.
        approximations: (n, d) what is read off their release.
    """

    def __init__(self, view: View, more: Floats, rng: np.random.Generator) -> None:
        self.view, self.population = view, Population.of(view.embeddings)
        self.known = np.concatenate(
            [view.embeddings, more, self.population.draw(SYNTHETIC, rng)], dtype=np.float32
        )
        way = revealed(view, self.population, rng)
        even = way != "unprotect" and is_even(view, self.population, rng)
        estimated = even and way == "slack"
        starts = self.population.draw(TRIED, rng) if estimated else None
        token = with_token(view).token
        keys = rng.integers(2**64, size=KEYS, dtype=np.uint64) if token is None else token
        used = rng.choice(np.unique(keys)[:, None], len(self.known))[:, 0]
        mine = view.simulate(self.known, used, rng)
        mine = mine if token is not None else mine.without_token()
        base = partial(read, view, way, self.population, starts)
        self.read = Features.of(view, mine, self.known, base)
        if self.read.share >= PLAIN:  # something beside the code tells the sign
            even = estimated = False
        self.signed = not even
        self.moments = Moments(view, self.population) if even and not estimated else None
        seen = self.read(mine)
        self.centre = seen.mean(axis=0)
        target, self.level = self.known, self.population.mean
        if self.moments is not None:
            target = self.moments.of(self.known)
            self.level = target.mean(axis=0)
        elif even:
            target = facing(self.known, seen, self.population)
        tenth = np.arange(len(seen)) % 10 == 0
        self.weights = ridge.fit_held_out(seen - self.centre, target - self.level, tenth, STRENGTHS)
        self.approximations = self._map(seen)

    def __call__(self, release: Release) -> Floats:
        """(n, d) float32 approximate embeddings."""
        return self._map(self.read(release))

    def _map(self, seen: Floats) -> Floats:
        mapped: Floats = self.level + (seen - self.centre) @ self.weights
        if self.signed:
            return mapped
        if self.moments is not None:
            return self.moments.candidates(mapped)[:, 0]
        return both_signs(mapped, self.view.embeddings, self.population)[:, 0]
