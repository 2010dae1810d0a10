"""Witness: a second opinion on reconstructed samples, of a recogniser that no attack ever queried.

A sample that only the attacked target accepts is an adversarial example, no reconstruction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.modality import Columns, Modality
from fowh.core.protocol import Fold
from fowh.core.release import Floats
from fowh.core.target import Lessons, Target
from fowh.engine.cell import Cell
from fowh.engine.plan import Plan
from fowh.kit.comparing import compare_vectors
from fowh.metrics import FMRS, inversion, recognition
from fowh.metrics.realism import Manifold

REFERENCE = 2000  # samples that say what the modality looks like


@dataclass(frozen=True, eq=False)
class Witness:
    """An independent recogniser with a gallery and thresholds of its own.

    Attributes:
        target: the recogniser, trained.
        modality: of the samples.
        gallery: (g, d) the fold's gallery under it.
        subjects: (g,) whose the gallery's samples are.
        stolen: (n,) row of each stolen sample in the gallery.
        thresholds: distances by FMR, from non-mated comparisons of what it was trained on (or of
            the fold's samples for it, where it came trained).
        manifold: of samples of the modality, by its features of appearance.
        like: one sample, in the form of all that it knows.
        device: torch device name.
    """

    target: Target
    modality: Modality
    gallery: Floats
    subjects: NDArray[np.int64]
    stolen: NDArray[np.intp]
    thresholds: dict[str, float]
    manifold: Manifold
    like: NDArray[Any]
    device: str

    @classmethod
    def make(
        cls, cell: Cell, plan: Plan, fold: Fold, device: str, rng: np.random.Generator
    ) -> Witness:
        """Train the witness on the fold's samples for it, and measure its thresholds."""
        assert plan.prepared is not None and cell.witness is not None
        rows, subjects = fold.witness, plan.samples.subjects
        fitted = cell.witness.fit(Lessons(plan.prepared[rows], subjects[rows]), device)
        few = rows[np.sort(rng.permutation(len(rows))[:REFERENCE])]
        known, whose = plan.prepared[few], subjects[few]
        seen = compare_vectors(fitted.embed(known, device), whose, rng)
        strangers = seen.score[~seen.mated]
        return cls(
            fitted,
            plan.modality,
            gallery=fitted.embed(plan.prepared[fold.gallery], device),
            subjects=subjects[fold.gallery],
            stolen=np.searchsorted(fold.gallery, fold.stolen),
            thresholds={
                name: -recognition.threshold_at_fmr(strangers, rate) for name, rate in FMRS.items()
            },
            manifold=Manifold.of(fitted.appearance(known, device)),
            like=known[:1],
            device=device,
        )

    def __call__(self, samples: NDArray[Any]) -> Columns:
        """Per sample: transfer_rank1, transfer_type1 at each FMR, realism; as 1 or 0.

        Args:
            samples: (n, ...), row i of stolen row i.
        """
        shown = self.modality.conform(samples, self.like)
        made, mean = self.target.embed(shown, self.device), self.gallery.mean(axis=0)
        seen = inversion.compare(made, self.gallery, self.subjects, self.stolen, mean)
        columns = {"transfer_rank1": seen.rank1.astype(np.float64)}
        for name, limit in self.thresholds.items():
            columns[f"transfer_type1_at_fmr_{name}"] = (seen.distance <= limit).astype(np.float64)
        appearance = self.target.appearance(shown, self.device)
        columns["realism"] = self.manifold.holds(appearance).astype(np.float64)
        return columns
