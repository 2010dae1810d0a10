"""Inversion: how much of the stolen samples a set of reconstructions gives away.

Raw observations come first, successes are read off them, so that a new threshold needs no re-run.
NaN means not measured and never failure: an attack that returns garbage has failed and counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fowh.metrics import BY_NAME, intervals

Array = NDArray[Any]
Rates = NDArray[np.float64]
_BLOCK = 2**19  # float64 numbers in one temporary: 4 MB


@dataclass(frozen=True, eq=False)
class Outcome:
    """Raw observations of one attack, a row per stolen template.

    Attributes:
        subject: (n,) the victim.
        fold: (n,) the split under which the template was attacked.
        rank1: (n,) bool, see ``compare``.
        distance: (n,) from the reconstruction to the true embedding.
        other_distance: (n, r) to the victim's other readings, padded with NaN.
        accept_score: (n,) the scheme's score against the stolen template.
        renewed_score: (n,) against another reading under a fresh key; NaN if there is none.
        purity: (n,) cosine to the truth.
        purity_centred: (n,) the same after subtracting the development mean.
    """

    subject: Array
    fold: Array
    rank1: Array
    distance: Array
    other_distance: Array
    accept_score: Array
    renewed_score: Array
    purity: Array
    purity_centred: Array


@dataclass(frozen=True, eq=False)
class Thresholds:
    """Thresholds of each row's own fold, by FMR ("1e-2", "1e-3"); NaN where none was found.

    Attributes:
        t_embedding: (n,) distances; accepted iff distance <= threshold.
        t_protected: (n,) scores; accepted iff score >= threshold.
    """

    t_embedding: Mapping[str, Array]
    t_protected: Mapping[str, Array]


class Compared(NamedTuple):
    """What ``compare`` returns; rows as in ``Outcome``."""

    distance: Rates
    other_distance: Rates
    rank1: NDArray[np.bool_] | Rates
    purity: Rates
    purity_centred: Rates


def compare(
    reconstructions: Array,
    gallery: Any,
    gallery_subjects: Array,
    stolen: Array,
    mean: Array,
    besides: Array | None = None,
) -> Compared:
    """Compare reconstructions with the true embeddings, in L2 and float64; 64 MB at a time.

    ``rank1``: the gallery's nearest reading, the stolen one left out, is of the same subject; of
    equally near ones the first in the gallery counts. A victim without another reading is a miss.

    Args:
        reconstructions: (n, d) embeddings. A row with NaN, infinity or absurd numbers has failed:
            infinite distances, no rank-1, purity 0 (which is also the cosine of a zero row).
        gallery: (g, d) readings of victims and bystanders: an array, or what gathers its rows.
        gallery_subjects: (g,) whose they are.
        stolen: (n,) row of each stolen reading in the gallery.
        mean: (d,) development mean.
        besides: (n,) another row of the gallery that is left out for each, since it was handed in
            itself. Rank-1 is then NaN, not measured, where no further reading of the victim is.
    """
    labels, rows = np.asarray(gallery_subjects), np.asarray(stolen)
    others, without = _others(labels, rows), rows[:, None]
    if besides is not None:
        others = np.where(others == np.asarray(besides)[:, None], -1, others)
        without = np.stack([rows, besides], axis=1)
    n, d = reconstructions.shape
    out = Compared(
        distance=np.full(n, np.inf),
        other_distance=np.where(others >= 0, np.inf, np.nan),
        rank1=np.zeros(n, dtype=bool),
        purity=np.zeros(n),
        purity_centred=np.zeros(n),
    )
    step = max(1, min(_BLOCK // d, 1024))
    for start in range(0, n, step):
        block = np.arange(start, min(start + step, n))
        points = reconstructions[block].astype(np.float64)
        usable = (np.abs(points) < 1e150).all(axis=1)  # their squares fit; NaN is not
        block, points = block[usable], points[usable]
        truth = gallery[rows[block]].astype(np.float64)
        out.distance[block] = np.linalg.norm(points - truth, axis=1)
        out.purity[block] = _cosine(points, truth)
        out.purity_centred[block] = _cosine(points - mean, truth - mean)
        at, column = np.nonzero(others[block] >= 0)
        squared = _squared(points, gallery, at, others[block][at, column])
        out.other_distance[block[at], column] = np.sqrt(squared)
        nearest = _nearest(points, gallery, without[block])
        out.rank1[block] = (nearest >= 0) & (labels[nearest] == labels[rows[block]])
    if besides is None:
        return out
    return out._replace(rank1=np.where((others < 0).all(axis=1), np.nan, out.rank1))


def rank1_of_each(
    guesses: Array, gallery: Any, gallery_subjects: Array, stolen: Array
) -> NDArray[np.bool_]:
    """Rank-1 of every guess against every stolen row, as ``compare`` has it of one guess a row.

    Args:
        guesses: (m, d) embeddings.
        gallery: (g, d) readings of victims and bystanders.
        gallery_subjects: (g,) whose they are.
        stolen: (n,) row of each stolen reading in the gallery.

    Returns:
        (n, m) bool. The nearest reading suffices, and the next one where that is a stolen one.
    """
    labels, points = np.asarray(gallery_subjects), np.asarray(guesses, dtype=np.float64)
    first = _nearest(points, gallery, np.full((len(points), 1), -1))
    second, again = first.copy(), np.isin(first, stolen)
    second[again] = _nearest(points[again], gallery, first[again, None])
    near = np.where(first[None] == np.asarray(stolen)[:, None], second[None], first[None])
    hit: NDArray[np.bool_] = (near >= 0) & (labels[near] == labels[stolen][:, None])
    return hit


def first(hits: NDArray[np.bool_], made: int | None = None) -> Rates:
    """The turn of each row's first hit, from 1; inf without any.

    Args:
        hits: (n, m) turn by turn.
        made: turns in all, where only the first m of them were judged: a row without a hit among
            those has -m, failed so far.
    """
    count = hits.shape[1]
    missed = np.inf if made is None or made <= count else -float(count)
    if not count:
        return np.full(len(hits), missed)
    return np.where(hits.any(axis=1), hits.argmax(axis=1) + 1.0, missed)


def within(turns: Array, count: int) -> Rates:
    """1.0 where a success came within so many turns, else 0.0; NaN where nothing was measured.

    Turn -m is a row that failed on the first m turns and was not judged on others. Beyond the
    fewest such turns no row counts: those that succeeded sooner would stand for all.
    """
    turns = np.asarray(turns)
    judged = -turns[turns < 0]
    if len(judged) and count > judged.min():
        return np.full(len(turns), np.nan)
    return np.where(np.isnan(turns), np.nan, (turns > 0) & (turns <= count))


def successes(outcome: Outcome, thresholds: Thresholds) -> dict[str, Rates]:
    """Success of each template, (n,) float64 per metric; type2 is a share, purities are cosines.

    Args:
        outcome: n raw observations.
        thresholds: per row and FMR; a NaN threshold makes that row's success NaN (not measured).

    Returns:
        Arrays by metric name.
    """
    out: dict[str, Rates] = {"rank1": np.array(outcome.rank1, dtype=np.float64)}
    for fmr, limit in thresholds.t_embedding.items():
        out[f"type1_at_fmr_{fmr}"] = _within(outcome.distance, limit)
        each = _within(outcome.other_distance, np.asarray(limit)[:, None])
        measured = (~np.isnan(each)).sum(axis=1)
        share = np.nansum(each, axis=1) / np.maximum(measured, 1)
        out[f"type2_at_fmr_{fmr}"] = np.where(measured > 0, share, np.nan)
    # A scheme may answer NaN to a probe that is no embedding at all: that is a rejection.
    failed = np.isposinf(outcome.distance)
    renewable = failed & ~np.isnan(outcome.other_distance).all(axis=1)
    for name, column, refused in (
        ("accept", outcome.accept_score, failed),
        ("accept_renewed", outcome.renewed_score, renewable),
    ):
        score = np.where(refused & np.isnan(column), -np.inf, column)
        for fmr, limit in thresholds.t_protected.items():
            out[f"{name}_at_fmr_{fmr}"] = _within(-score, -np.asarray(limit))
    out["purity"] = np.array(outcome.purity, dtype=np.float64)
    out["purity_centred"] = np.array(outcome.purity_centred, dtype=np.float64)
    return out


def summarise(
    successes: Mapping[str, Array], subjects: Array, rng: np.random.Generator
) -> dict[str, intervals.Value]:
    """Every metric with its interval, clustered by subject.

    Args:
        successes: (n,) arrays by name, all of them in the table.
        subjects: (n,) victims.
        rng: as for ``intervals.mean``.
    """
    return {
        name: intervals.mean(values, subjects, rng, limits=BY_NAME[name].limits)
        for name, values in successes.items()
    }


def worst(successes: Sequence[Mapping[str, Array]]) -> dict[str, Rates]:
    """The attacker's best result for each template and metric, over all attacks of a suite.

    Args:
        successes: one or more mappings; a metric that an attack lacks, or a NaN, is passed over.

    Returns:
        (n,) per-template maxima by metric name.
    """
    names = dict.fromkeys(name for each in successes for name in each)
    return {
        name: np.fmax.reduce([np.asarray(s[name], np.float64) for s in successes if name in s])
        for name in names
    }


def _within(distance: Array, limit: Array) -> Rates:
    """1.0 or 0.0, NaN where either side is unknown."""
    return np.where(np.isnan(distance) | np.isnan(limit), np.nan, distance <= limit)


def _others(labels: Array, stolen: Array) -> NDArray[np.intp]:
    """(n, r) gallery rows of each victim's readings other than the stolen one; -1 pads."""
    _, codes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    order, starts = np.argsort(codes, kind="stable"), np.cumsum(counts) - counts
    mine = codes[stolen]
    slots = np.arange(counts[mine].max(initial=1))
    at = np.minimum(starts[mine][:, None] + slots, len(order) - 1)
    rows = np.where(slots < counts[mine][:, None], order[at], -1)
    keep = rows != stolen[:, None]  # drops exactly one slot of each row
    return np.asarray(rows[keep].reshape(len(stolen), len(slots) - 1))


def _cosine(left: Rates, right: Rates) -> Rates:
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.asarray(np.einsum("nd,nd->n", left, right) / np.where(norms > 0, norms, 1))


def _squared(points: Rates, gallery: Any, at: Array, rows: Array) -> Rates:
    """Squared distances of chosen pairs by direct subtraction: exactly 0 for equal vectors."""
    out = np.empty(len(at))
    step = max(1, _BLOCK // points.shape[1])
    for start in range(0, len(at), step):
        pair = slice(start, start + step)
        gap = points[at[pair]] - gallery[rows[pair]]
        out[pair] = np.square(gap, out=gap).sum(axis=1)
    return out


def _nearest(points: Rates, gallery: Any, skip: Array) -> NDArray[np.intp]:
    """Row of the gallery nearest to each point, none of ``skip`` (n, s); -1 if no other is there.

    A matrix product finds the candidates; those within its rounding of the best are measured
    again by subtraction, so that ties do not depend on the processor.
    """
    best, nearest = np.full(len(points), np.inf), np.full(len(points), -1)
    norms = np.einsum("nd,nd->n", points, points)
    step = max(1, _BLOCK // max(gallery.shape[1], len(points), 1))
    for start in range(0, len(gallery), step):
        tile = gallery[start : start + step].astype(np.float64)
        lengths = np.einsum("nd,nd->n", tile, tile)
        squared = lengths - 2 * (points @ tile.T)
        here, column = np.nonzero((skip >= start) & (skip < start + len(tile)))
        squared[here, skip[here, column] - start] = np.nan
        floor = np.fmin.reduce(squared, axis=1, initial=np.inf) + 1e-12 * (norms + lengths.max())
        at, column = np.nonzero(squared <= floor[:, None])
        exact = _squared(points, tile, at, column)
        order = np.lexsort((column, exact, at))
        at, first = np.unique(at[order], return_index=True)
        exact, column = exact[order][first], column[order][first]
        closer = exact < best[at]
        best[at[closer]], nearest[at[closer]] = exact[closer], column[closer] + start
    return nearest
