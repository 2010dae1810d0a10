"""The lines of a table, read off the records of its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import Arrays
from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.engine.cell import row_name
from fowh.metrics.intervals import Value
from fowh.metrics.seeds import crossed
from fowh.paper import experiment
from fowh.paper.experiment import BLIND, HEADS, MEASURED, TABLES, Entry, entries_of
from fowh.paper.jobs import Job
from fowh.records import store

Success = tuple[NDArray[np.float64], NDArray[np.int64]]  # success by row, and whose each row is
DIFFERENCE = (-1.0, 1.0)  # limits of one


@dataclass(frozen=True)
class TableLine:
    """One line of a table as measured.

    Attributes:
        entry: what it is.
        samples: of the attacker.
        scheme: of the cell; that of templates where outputs stand beside them.
        values: metric -> value over seeds and subjects; empty where not measured.
        versus_single: leak -> paired difference to the attack with one version, in the leak's last
            metric of ``experiment.MEASURED``.
        runs: runs behind the values, the fewest of all leaks.
        of: runs of these cells; more than ``runs`` where an attack failed or cannot run.
    """

    entry: Entry
    samples: int
    scheme: str
    values: dict[str, Value]
    versus_single: dict[str, Value]
    runs: int
    of: int


def read_lines(table: str, found: Mapping[Job, Path]) -> list[TableLine]:
    """Read a table off the records of its cells.

    Args:
        table: one of ``experiment.TABLES``.
        found: the cells, with the folders of their records.
    """
    blind = tuple(Entry(name, name, control=True) for name in BLIND)
    made = []
    for samples in sorted({job.samples for job in found}):
        sized = {job: folder for job, folder in found.items() if job.samples == samples}
        for scheme, jobs in _by_scheme(sized).items():
            loaded = {job: store.load_observations(found[job]) for job in jobs}
            made += [_line(e, samples, scheme, loaded) for e in (*entries_of(table), *blind)]
    return made


def _by_scheme(found: Mapping[Job, Path]) -> dict[str, list[Job]]:
    """The cells that fill the same lines; unprotected leaks of any kind stand side by side."""
    first = next(iter(found))
    if not first.protected:
        return {first.scheme: list(found)}
    schemes = dict.fromkeys(job.scheme for job in found)
    return {scheme: [job for job in found if job.scheme == scheme] for scheme in schemes}


def _line(entry: Entry, samples: int, scheme: str, loaded: Mapping[Job, Arrays]) -> TableLine:
    values: dict[str, Value] = {}
    gains: dict[str, Value] = {}
    fewest, of, single = 10**9, 0, experiment.SINGLE
    for leak in HEADS.values():
        cells = [
            arrays
            for job, arrays in loaded.items()
            if (job.leak, job.schedule) == (leak, entry.schedule)
        ]
        *_, last = MEASURED[leak]
        for metric in MEASURED[leak] if cells else ():
            both = [
                tuple(success_of(a, leak, x, metric) for x in (entry.attack, single)) for a in cells
            ]
            runs = [mine for mine, _ in both if mine]
            fewest, of = min(fewest, len(runs)), max(of, len(cells))
            if not runs:
                continue
            rng = stream(0, "table", entry.name, leak, metric)
            values[metric] = crossed([c for c, _ in runs], [s for _, s in runs], rng)
            pairs = [(mine, base) for mine, base in both if mine and base]  # of one run each
            if metric == last and pairs and entry.attack != single:
                gains[leak] = paired(pairs, rng)
    return TableLine(entry, samples, scheme, values, gains, fewest if of else 0, of)


def paired(pairs: list[tuple[Success, Success]], rng: np.random.Generator) -> Value:
    """What the first of each pair has more than the second, row by row and run by run.

    Args:
        pairs: two attacks on the same rows, for each run.
        rng: draws the resamples.
    """
    gains = [mine[0] - base[0] for mine, base in pairs]
    return crossed(gains, [mine[1] for mine, _ in pairs], rng, limits=DIFFERENCE)


def success_of(arrays: Arrays, leak: str, attack: str, metric: str) -> Success | None:
    """Success by stolen row of an attack or of a blind control, and whose each row is.

    Args:
        arrays: observations of one cell.
        leak: of the cell.
        attack: as on the command line.
        metric: of ``fowh.metrics``.

    Returns:
        Two arrays (n,); None where the attack failed, or cannot run there.
    """
    section = "control" if attack in BLIND else "attack"
    seen = _below(arrays, f"{section}.{row_name(load('attack', attack))}.")
    if not seen:
        return None
    success = load("leak", leak).successes(seen, _below(arrays, "term."))[metric]
    return None if np.isnan(success).any() else (success, seen["subject"])


def _below(arrays: Arrays, head: str) -> Arrays:
    return {name[len(head) :]: a for name, a in arrays.items() if name.startswith(head)}


def shown_by(table: str) -> list[tuple[str, str]]:
    """Captions of a table's methods, and the names of what is shown of them."""
    return [
        (entry.name, f"shown.attack.{row_name(load('attack', entry.attack))}")
        for entry in TABLES[table]
        if entry.schedule == "upslope"
    ]


def alignment_effect(found: Mapping[Job, Path], samples: int) -> Value | None:
    """SRwAL minus SR, both tested with the final version, paired by template: Rank-1 of f_E."""
    pairs = []
    for job, folder in found.items():
        if (job.leak, job.schedule, job.samples) != (HEADS["extractor"], "upslope", samples):
            continue
        arrays = store.load_observations(folder)
        srwal, sr = (
            success_of(arrays, job.leak, f"gan:incorporate={name}", "rank1")
            for name in ("srwal", "sr")
        )
        if srwal and sr:
            pairs.append((srwal, sr))
    return paired(pairs, stream(0, "alignment effect")) if pairs else None
