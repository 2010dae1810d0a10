"""Vectors: ready embeddings, which need no target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.modality import Columns, Modality, Shown


@dataclass(frozen=True)
class Vector(Modality):
    """Samples (n, d) of real numbers; likeness is the cosine."""

    embedded: ClassVar[bool] = True

    def check(self, made: NDArray[Any], count: int, like: NDArray[Any]) -> NDArray[np.float32]:
        width = like.shape[1]
        if made.shape != (count, width) or not np.isfinite(made).all():
            raise ValueError(
                f"returned {made.shape} {made.dtype}, expected ({count}, {width}) finite embeddings"
            )
        return made.astype(np.float32, copy=False)

    def likeness(self, made: NDArray[Any], true: NDArray[Any]) -> Columns:
        left, right = made.astype(np.float64), true.astype(np.float64)
        norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
        return {"purity": (left * right).sum(axis=1) / np.where(norms > 0, norms, 1)}

    def show(self, sample: NDArray[Any]) -> Shown:
        first = ", ".join(f"{value:.2f}" for value in sample[:4])
        return Shown(f"[{first}{', ...' if len(sample) > 4 else ''}] ({len(sample)})")
