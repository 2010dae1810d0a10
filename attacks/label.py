"""Analytic label recovery: whose update it is, with no picture at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.view import View


@dataclass(frozen=True)
class Label(Attack):
    """The class of every sample behind an update, from the gradient of the last layer.

    Zhao et al. (2020, "iDLG") for single samples, counts for batches (Yin et al. 2021,
    GradInversion). An update of a classifier of people names its person, whatever becomes of the
    picture.

    Attributes:
        rule: bias: as published, from the last bias. filter: from the whole last layer, as
            likelihood under the scheme's noise wants it.
    """

    yields: ClassVar[Literal["claims"]] = "claims"
    closed_form: ClassVar[bool] = True
    rule: Literal["bias", "filter"] = "filter"

    def __post_init__(self) -> None:
        if self.rule not in ("bias", "filter"):
            raise InputError(f"label: rule is {self.rule!r}; give bias or filter")

    def unsupported(self, view: View) -> str | None:
        from attacks._labels import unlabelled

        return unlabelled(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.int64]:
        from attacks._labels import labels_of

        return labels_of(view, self.rule).ravel()
