"""Ridge regression from what was released to the embedding, learnt on the attacker's samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from attacks._linear import SYNTHETIC, mapped
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.memory import fits
from fowh.core.release import Floats
from fowh.core.view import View


@dataclass(frozen=True)
class Ridge(Attack):
    """The best linear map from what is stored to embeddings, one for each stolen key.

    It reads ``scheme.features``, and every stored column where those tell more (``Features``).

    The algorithm and the leaked key are public, so the attacker passes his own samples through the
    scheme under that key; and because that costs no query to the target, also embeddings drawn from
    a Gaussian fitted to his own. The penalty is the one of least leave-one-subject-out error, in
    closed form. Without the keys, it learns under random keys of the attacker's own: against a
    keyed scheme this can only learn the mean, which the leave-one-out error then tells.

    Of a code that is even about the mean it learns products of coordinates (``Moments``), and
    returns two candidates, one for each sign.

    Attributes:
        synthetic: how many embeddings are drawn.
    """

    learned: ClassVar[bool] = True
    candidates: ClassVar[int] = 2
    quick: ClassVar[Mapping[str, Any]] = {"synthetic": 64}
    synthetic: int = SYNTHETIC

    def __post_init__(self) -> None:
        if self.synthetic < 0:
            raise InputError(f"ridge: synthetic is {self.synthetic}; give 0 or more")
        fits("ridge: synthetic, drawn in 128 dimensions", (self.synthetic, 128))

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        return mapped(view, self.synthetic, rng)
