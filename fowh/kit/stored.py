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


def columns(release: Release, deep: bool = False) -> Floats:
    """Every stored number of every row; (n, f) float32, not all of them finite.

    Floats and integers are numbers, bools are 0 and 1. Unsigned integers are also taken bit by bit,
    as texts are, and as floats where their bytes allow that: somebody may have packed some. The
    token is not stored.

    Args:
        release: n rows.
        deep: take signed integers and floats apart as well, in either order of bytes. There are so
            many of these columns that what they tell together drowns among them.
    """
    held = [release.code, *(release.aux[name] for name in sorted(release.aux))]
    parts = [part for column in held for part in _numbers(column, deep)]
    return np.concatenate(parts, axis=1) if parts else np.empty((len(release), 0), np.float32)


@dataclass(frozen=True, eq=False)
class Stored:
    """Those columns that vary, each in its own standard deviations.

    Attributes:
        kept: (k,) which of ``columns``.
        centre, scale: (k,) of those.
        deep: as for ``columns``.
    """

    kept: NDArray[np.intp]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    deep: bool = False

    @classmethod
    def of(cls, release: Release, target: Floats, most: int = MOST, deep: bool = False) -> Stored:
        """Learn which columns vary; of more than ``most`` those that go best with the target.

        Columns of noise, however many, so push none out that says something.

        Args:
            release: n rows of what is known.
            target: (n, d) what they were made from.
            most: columns to keep.
            deep: as for ``columns``.
        """
        held = columns(release, deep)
        finite = np.flatnonzero(np.isfinite(held).all(axis=0))
        values = held[:, finite].astype(np.float64)
        centre, scale = values.mean(axis=0), values.std(axis=0)
        varies = scale > VARIES * np.abs(centre)
        kept, centre, scale = finite[varies], centre[varies], scale[varies]
        made = cls(kept, centre, scale, deep)
        if len(kept) <= most:
            return made
        unit = target - target.mean(axis=0)
        unit /= np.maximum(np.linalg.norm(unit, axis=0), 1e-12)
        together = np.square(made(release).T @ unit).sum(axis=1)
        best = np.sort(np.argsort(-together, kind="stable")[:most])
        return cls(kept[best], centre[best], scale[best], deep)

    def __call__(self, release: Release, limit: float = LIMIT) -> Floats:
        """(n, k) float32, none beyond the limit; what is no number counts as the mean."""
        out = np.empty((len(release), len(self.kept)), np.float32)
        for begin in range(0, len(out), BLOCK):  # bits of many rows would fill the memory
            rows = np.arange(begin, min(begin + BLOCK, len(out)))
            held = columns(release[rows], self.deep)[:, self.kept]
            values = np.where(np.isfinite(held), held, self.centre)
            out[rows] = np.clip((values - self.centre) / self.scale, -limit, limit)
        return out


def _numbers(column: NDArray[Any], deep: bool) -> list[Floats]:
    flat = np.ascontiguousarray(column.reshape(len(column), -1))
    with np.errstate(all="ignore"):  # bytes as floats, and doubles that singles cannot hold
        if flat.dtype.kind == "b" or (flat.dtype.kind in "fi" and not deep):
            return [flat.astype(np.float32)]
        parts = [flat.real, flat.imag] if flat.dtype.kind == "c" else [flat]
        whole = [part.astype(np.float32) for part in parts if part.dtype.kind in "uif"]
        if flat.dtype.kind == "c" and not deep:
            return whole
        if flat.dtype.hasobject or not flat.size:
            return []
        raw = flat.view(np.uint8)
        sizes = [size for size in SIZES if raw.shape[1] % size == 0]
        kinds = [f"{order}f{size}" for size in sizes for order in ("<>" if deep else "<")]
        kinds = [kind for kind in kinds if np.dtype(kind) != flat.dtype]
        floats = [raw.view(kind).astype(np.float32) for kind in kinds]
    return [np.unpackbits(raw, axis=1).astype(np.float32), *whole, *floats]
