"""The judge: compares reconstructions with the truth, which no attack ever sees."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Version
from fowh.core.scheme import Floats, Scheme, Templates
from fowh.metrics import inversion
from fowh.metrics.inversion import Outcome, Thresholds


@dataclass(frozen=True, eq=False)
class Truth:
    """What the judge of one fold knows.

    Attributes:
        fold: its number.
        scheme: the fitted scheme.
        templates: the (n) stolen templates, with their keys.
        renewed: (n) templates of another reading of the same subject, under a fresh key.
        alone: (n,) bool, where the subject has no other reading: nothing is measured there.
        gallery: (g, d) the readings that Rank-1 searches.
        gallery_subjects: (g,) whose they are.
        stolen: (n,) row of each stolen template in the gallery.
        rows: (n,) the same in the dataset.
        mean: (d,) development mean.
        t_embedding, t_protected: thresholds by FMR, from non-mated development comparisons.
        versions: what the threat model grants the attacker of each version of the target.
        classes: (c,) subjects by the index of their probability, where the target classifies.
    """

    fold: int
    scheme: Scheme
    templates: Templates
    renewed: Templates
    alone: NDArray[np.bool_]
    gallery: Floats
    gallery_subjects: NDArray[np.int64]
    stolen: NDArray[np.intp]
    rows: NDArray[np.intp]
    mean: Floats
    t_embedding: dict[str, float]
    t_protected: dict[str, float]
    versions: tuple[Version, ...] = ()
    classes: NDArray[np.int64] | None = None

    @property
    def subjects(self) -> NDArray[np.int64]:
        """(n,) whose template each stolen one is."""
        return self.gallery_subjects[self.stolen]

    @property
    def thresholds(self) -> Thresholds:
        """The fold's thresholds, one per row."""
        count = len(self.stolen)
        return Thresholds(
            {fmr: np.full(count, t) for fmr, t in self.t_embedding.items()},
            {fmr: np.full(count, t) for fmr, t in self.t_protected.items()},
        )


def judge(truth: Truth, reconstructions: Floats) -> Outcome:
    """Raw observations of (n, d) reconstructions, row i of stolen template i."""
    seen = inversion.observe(
        reconstructions, truth.gallery, truth.gallery_subjects, truth.stolen, truth.mean
    )
    return Outcome(
        subject=truth.subjects,
        fold=np.full(len(truth.stolen), truth.fold),
        rank1=seen.rank1,
        distance=seen.distance,
        other_distance=seen.other_distance,
        accept_score=truth.scheme.score(truth.templates, reconstructions),
        renewed_score=np.where(
            truth.alone, np.nan, truth.scheme.score(truth.renewed, reconstructions)
        ),
        purity=seen.purity,
        purity_centred=seen.purity_centred,
        correct=_correct(truth, reconstructions),
    )


def _correct(truth: Truth, reconstructions: Floats) -> NDArray[np.float64]:
    """1 where a classifier takes the reconstruction for its subject, else 0; NaN without one."""
    if truth.classes is None:
        return np.full(len(reconstructions), np.nan)
    usable = np.isfinite(reconstructions).all(axis=1)
    taken = truth.classes[np.nan_to_num(reconstructions).argmax(axis=1)]
    return np.asarray(usable & (taken == truth.subjects), dtype=np.float64)


def other_subject(subjects: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.intp]:
    """For each row a random row of another subject.

    Raises:
        ValueError: all rows are of one subject.
    """
    _, codes, counts = np.unique(subjects, return_inverse=True, return_counts=True)
    if len(counts) < 2:
        raise ValueError("all templates are of one subject: there is no other to swap with")
    order, mine = np.argsort(codes, kind="stable"), counts[codes]
    start = (np.cumsum(counts) - counts)[codes]
    drawn = rng.integers(len(subjects) - mine)
    rows: NDArray[np.intp] = order[np.where(drawn < start, drawn, drawn + mine)]
    return rows


def another_reading(subjects: NDArray[np.int64]) -> NDArray[np.intp]:
    """For each row the next row of the same subject, cyclically; itself where it is alone."""
    order = np.argsort(subjects, kind="stable")
    starts = np.unique(subjects[order], return_index=True)[1]
    ends = np.append(starts[1:], len(subjects)) - 1
    following = np.roll(order, -1)
    following[ends] = order[starts]
    after = np.empty(len(subjects), dtype=np.intp)
    after[order] = following
    return after


def nearest_rows(queries: Floats, gallery: Floats) -> NDArray[np.intp]:
    """(n,) row of the gallery nearest to each query, in L2."""
    from fowh.kit.matching import embedding_index

    _, rows = embedding_index(gallery, "l2").search(queries, 1)
    return rows[:, 0].astype(np.intp)


def join(outcomes: list[Outcome]) -> Outcome:
    """Outcomes of several folds as one; subjects with fewer readings are padded with NaN."""
    widest = max(outcome.other_distance.shape[1] for outcome in outcomes)

    def column(name: str) -> NDArray[Any]:
        parts = [getattr(outcome, name) for outcome in outcomes]
        if name == "other_distance":
            parts = [
                np.pad(part, ((0, 0), (0, widest - part.shape[1])), constant_values=np.nan)
                for part in parts
            ]
        return np.concatenate(parts)

    return Outcome(**{field.name: column(field.name) for field in fields(Outcome)})


def unmeasured(outcome: Outcome, rows: NDArray[np.bool_]) -> Outcome:
    """The outcome with NaN, not measured, in these rows."""
    columns = {
        field.name: np.where(
            rows[:, None] if getattr(outcome, field.name).ndim == 2 else rows,
            np.nan,
            getattr(outcome, field.name),
        )
        for field in fields(Outcome)
        if field.name not in ("subject", "fold")
    }
    return replace(outcome, **columns)
