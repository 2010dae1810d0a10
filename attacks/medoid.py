"""Blind control: the attacker's most average own sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fowh.core.attack import Attack
from fowh.core.release import Floats
from fowh.core.view import View


@dataclass(frozen=True)
class Medoid(Attack):
    """The own sample of the least summed squared distance to all others.

    That is the one nearest to the mean; unlike the mean it is the embedding of a real sample.
    """

    blind: ClassVar[bool] = True

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        centred = view.embeddings - view.embeddings.mean(axis=0, dtype=np.float64)
        medoid = view.embeddings[np.einsum("ij,ij->i", centred, centred).argmin()]
        return np.tile(medoid, (len(view.release), 1))
