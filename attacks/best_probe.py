"""The best probe alone: what as many verifications find of which only the luckiest is used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks._probed import Verifier, people, unverifiable
from attacks._readout import Population
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.view import View


@dataclass(frozen=True)
class BestProbe(Attack):
    """The probe that the scheme itself scores best, of own samples and of people who are drawn.

    It is to ``score_regression`` what guessing is to reading: as many verifications, and only the
    luckiest of them is used. Ties fall at random. ``dictionary`` has the own samples alone.

    Attributes:
        probes: offline verifications of each template; the scheme's cap on comparisons lowers it.
    """

    quick: ClassVar[Mapping[str, Any]] = {"probes": 64}
    probes: int = 1500

    def __post_init__(self) -> None:
        if self.probes < 1:
            raise InputError(f"best_probe: probes is {self.probes}; give 1 or more")

    def unsupported(self, view: View) -> str | None:
        return unverifiable(view)

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        population, verifier = Population.of(view.embeddings), Verifier(view)
        count = min(self.probes, verifier.cap)
        probes = population.mean + people(view, population, count, rng)
        scores = verifier.same(probes, np.arange(len(view.release)))
        tied = scores == scores.max(axis=1, keepdims=True)
        drawn = np.where(tied, rng.random(scores.shape, dtype=np.float32), -1)
        made: Floats = probes[drawn.argmax(axis=1)]
        return made
