"""Blind control: the mean picture of the attacker's own samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.view import View


@dataclass(frozen=True)
class MeanImage(Attack):
    """One picture for all. PSNR and SSIM think well of it although it is nobody."""

    yields: ClassVar[Literal["embeddings", "samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    blind: ClassVar[bool] = True

    def run(self, view: View, rng: np.random.Generator) -> NDArray[Any]:
        assert view.samples is not None
        mean = view.samples.mean(axis=0, dtype=np.float64).round().astype(view.samples.dtype)
        return np.repeat(mean[None], view.release.samples, axis=0)
