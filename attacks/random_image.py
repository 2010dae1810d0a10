"""Blind control: for every sample behind a row a random own sample, of whoever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.view import View


@dataclass(frozen=True)
class RandomImage(Attack):
    """Present a stranger's picture: what a picture of nobody in particular reaches."""

    yields: ClassVar[Literal["embeddings", "samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    blind: ClassVar[bool] = True

    def run(self, view: View, rng: np.random.Generator) -> NDArray[Any]:
        assert view.samples is not None
        return view.samples[rng.integers(len(view.samples), size=view.release.samples)]
