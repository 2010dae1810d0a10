"""What a thief holds of every row, as numbers: the code and each column that is stored beside it.

A scheme says in ``features`` what a learned attack should read. Whoever holds the database reads
what he likes: here is everything that is in it, whatever the scheme says of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats, Release

MOST = 2048  # columns that are kept, where more of them vary
LIMIT = 8.0  # standard deviations, beyond which a number is cut off
VARIES = 1e-6  # of a column's mean, below which it is constant
BLOCK = 1024  # rows that are taken apart at a time
SIZES = (2, 4, 8)  # bytes of the floats that bytes may be


def columns(release: Release) -> Floats:
    """Every stored number of every row; (n, f) float32, not all of them finite.

    Floats and integers are numbers, bools are 0 and 1. All but the bools are also taken bit by bit,
    as texts are, and as floats of any size that their bytes allow, in either order of bytes:
    somebody may have packed some. The token is not stored.
    """
    held = [release.code, *(release.aux[name] for name in sorted(release.aux))]
    parts = [part for column in held for part in _numbers(column)]
    return np.concatenate(parts, axis=1) if parts else np.empty((len(release), 0), np.float32)


@dataclass(frozen=True, eq=False)
class Stored:
    """Those columns that vary, each in its own standard deviations.

    Attributes:
        kept: (k,) which of ``columns``.
        centre, scale: (k,) of those.
    """

    kept: NDArray[np.intp]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, release: Release, target: Floats, most: int = MOST) -> Stored:
        """Learn which columns vary; of more than ``most`` those that go best with the target.

        Columns of noise, however many, so push none out that says something.

        Args:
            release: n rows of what is known.
            target: (n, d) what they were made from.
            most: columns to keep.
        """
        held = columns(release)
        finite = np.flatnonzero(np.isfinite(held).all(axis=0))
        values = held[:, finite].astype(np.float64)
        centre, scale = values.mean(axis=0), values.std(axis=0)
        varies = scale > VARIES * np.abs(centre)
        kept, centre, scale = finite[varies], centre[varies], scale[varies]
        made = cls(kept, centre, scale)
        if len(kept) <= most:
            return made
        unit = target - target.mean(axis=0)
        unit /= np.maximum(np.linalg.norm(unit, axis=0), 1e-12)
        together = np.square(made(release).T @ unit).sum(axis=1)
        best = np.sort(np.argsort(-together, kind="stable")[:most])
        return cls(kept[best], centre[best], scale[best])

    def __call__(self, release: Release, limit: float = LIMIT) -> Floats:
        """(n, k) float32, none beyond the limit; what is no number counts as the mean."""
        out = np.empty((len(release), len(self.kept)), np.float32)
        for begin in range(0, len(out), BLOCK):  # bits of many rows would fill the memory
            rows = np.arange(begin, min(begin + BLOCK, len(out)))
            held = columns(release[rows])[:, self.kept]
            values = np.where(np.isfinite(held), held, self.centre)
            out[rows] = np.clip((values - self.centre) / self.scale, -limit, limit)
        return out


def _numbers(column: NDArray[Any]) -> list[Floats]:
    flat = np.ascontiguousarray(column.reshape(len(column), -1))
    with np.errstate(all="ignore"):  # bytes as floats, and doubles that singles cannot hold
        if flat.dtype.kind == "b":
            return [flat.astype(np.float32)]
        if flat.dtype.hasobject or not flat.size:
            return []
        raw = flat.view(np.uint8)
        kinds = [f"{order}f{size}" for size in SIZES for order in "<>" if raw.shape[1] % size == 0]
        kinds = [kind for kind in kinds if np.dtype(kind) != flat.dtype]
        floats = [raw.view(kind).astype(np.float32) for kind in kinds]
        if flat.dtype.kind == "c":
            floats += [flat.real.astype(np.float32), flat.imag.astype(np.float32)]
        whole = [flat.astype(np.float32)] if flat.dtype.kind in "uif" else []
    return [np.unpackbits(raw, axis=1).astype(np.float32), *whole, *floats]
