"""The gallery of a fold: how large it is, what chance reaches, thresholds of unprotected values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.leak import Setting
from fowh.core.modality import Columns
from fowh.core.protocol import Fold, Indices
from fowh.core.release import Floats
from fowh.kit.comparing import compare_vectors
from fowh.metrics import FMRS, recognition


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of an array that are gathered only where they are asked for: a gallery may be large.

    Attributes:
        values: (n, d).
        rows: (g,) of those.
    """

    values: Floats
    rows: Indices

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.rows), self.values.shape[1]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: Any) -> Floats:
        """Those at ``at`` (a slice or an index array), in a copy."""
        found: Floats = self.values[self.rows[at]]
        return found


SIZES = ("gallery_readings", "gallery_subjects", "gallery_own")
Gallery = tuple[Rows, NDArray[np.int64], NDArray[np.intp]]


def searched(setting: Setting) -> Gallery:
    """Values and subjects of the gallery, and where in it each stolen row is."""
    rows = setting.fold.gallery
    stolen = np.searchsorted(rows, setting.fold.stolen)
    return Rows(setting.values, rows), setting.subjects[rows], stolen


def chance(subjects: NDArray[np.int64], fold: Fold) -> dict[str, float]:
    """The gallery's size, how many of its people are the attacker's, and what a lot reaches.

    ``chance_rank1`` is how often a reading of the gallery that is drawn at random is the victim's.

    Args:
        subjects: (n,) of the dataset.
        fold: whose gallery.
    """
    _, codes, counts = np.unique(subjects[fold.gallery], return_inverse=True, return_counts=True)
    mates = counts[codes[np.searchsorted(fold.gallery, fold.stolen)]] - 1
    return {
        "gallery_readings": len(fold.gallery),
        "gallery_subjects": len(counts),
        "gallery_own": len(np.intersect1d(subjects[fold.gallery], subjects[fold.attacker])),
        "chance_rank1": float(mates.mean() / max(1, len(fold.gallery) - 1)),
    }


def distances(setting: Setting) -> Columns:
    """Thresholds by FMR, a distance for each stolen row, from people who are not attacked."""
    rows = setting.fold.development
    values, whose = setting.values[rows], setting.subjects[rows]
    seen = compare_vectors(values, whose, setting.stream("development pairs"))
    strangers, count = seen.score[~seen.mated], len(setting.fold.stolen)
    return {
        name: np.full(count, -recognition.threshold_at_fmr(strangers, rate))
        for name, rate in FMRS.items()
    }
