"""Labels: whose samples an update was computed on, read off the last layer, without a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.view import View


@dataclass(frozen=True)
class Label(Attack):
    """Analytic label recovery: of one sample exact (Zhao, Mopuri and Bilen 2020, iDLG).

    Over a batch, counts that explain the last layer, the answers taken from the attacker's own
    samples. A gradient of an identity classifier names its person.

    Attributes:
        rule: "bias" reads the last bias alone, as published; "filter" the whole last layer, where
            noise or compression disturbs it.
    """

    yields: ClassVar[Literal["claims"]] = "claims"
    closed_form: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {}
    rule: Literal["bias", "filter"] = "filter"

    def unsupported(self, view: View) -> str | None:
        from attacks._guessed import unfit_for_guessing

        return unfit_for_guessing(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.int64]:
        from attacks._counted import labels_of

        return labels_of(view, self.rule).ravel()
