"""The lines of a table, and what its rows differ by, read off what is kept of its cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.engine.cell import row_name
from fowh.metrics.intervals import Value
from fowh.metrics.seeds import crossed
from fowh.paper import experiment
from fowh.paper.contrasts import CONTRASTS, Contrast
from fowh.paper.experiment import (
    BLIND,
    HEADS,
    MEASURED,
    REFERENCE,
    TABLES,
    Entry,
    as_run,
    entries_of,
)
from fowh.paper.jobs import Job
from fowh.paper.kept import Kept, Success

DIFFERENCE = (-1.0, 1.0)  # limits of one
NEAR = 0.02  # two attacks are near each other within so much


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


@dataclass(frozen=True)
class Difference:
    """A contrast as measured, paired by stolen row and run.

    Attributes:
        contrast: what is compared.
        leak: of the cells.
        value: the left attack's success minus the right one's, in the leak's last metric.
        runs: behind it.
    """

    contrast: Contrast
    leak: str
    value: Value
    runs: int

    @property
    def verdict(self) -> str:
        """Whether the interval decides the claim.

        Attacks are near each other, or differ, only where the whole interval lies within the
        margin, or beyond it: little data shows neither.
        """
        low, high = self.value.ci_low or 0.0, self.value.ci_high or 0.0
        if self.contrast.claim == "near":
            if low >= -NEAR and high <= NEAR:
                return f"within {100 * NEAR:g} points"
            return "differ" if low > NEAR or high < -NEAR else "not separable"
        return "holds" if low > 0 else "reversed" if high < 0 else "not separable"


def read_lines(table: str, found: Mapping[Job, Kept]) -> list[TableLine]:
    """Read a table off what is kept of its cells.

    Args:
        table: one of ``experiment.TABLES``.
        found: the cells.
    """
    beside = tuple(Entry(name, name, control=True) for name in (*BLIND, REFERENCE))
    made = []
    for samples in sorted({job.samples for job in found}):
        sized = {job: kept for job, kept in found.items() if job.samples == samples}
        for scheme, jobs in _by_scheme(sized).items():
            cells = {job: found[job] for job in jobs}
            made += [_line(e, samples, scheme, cells) for e in (*entries_of(table), *beside)]
    return made


def differences(table: str, found: Mapping[Job, Kept]) -> list[Difference]:
    """The contrasts of a table, leak by leak, of cells of one size.

    Args:
        table: one of ``experiment.TABLES``.
        found: the cells.
    """
    made = []
    for leak in HEADS.values():
        *_, metric = MEASURED[leak]
        for contrast in CONTRASTS.get(table, ()):
            cells = [
                (k, job.draw)
                for job, k in found.items()
                if (job.leak, job.schedule) == (leak, contrast.schedule)
            ]
            sides = [
                (k.success(contrast.left, metric), k.success(contrast.right, metric), draw)
                for k, draw in cells
            ]
            pairs = [(left, right, draw) for left, right, draw in sides if left and right]
            if pairs:
                value = paired(pairs, stream(0, "contrast", contrast.name))
                made.append(Difference(contrast, leak, value, len(pairs)))
    return made


def by_lot(kept: Kept) -> float:
    """Chance of Rank-1: a reading drawn from the gallery is the victim's, the stolen one left out.

    Args:
        kept: of a cell whose gallery is what was stolen: the whole test set of a published
            protocol, where that is no larger than the protocol steals at most.
    """
    _, codes, counts = np.unique(kept.subjects, return_inverse=True, return_counts=True)
    return float((counts[codes] - 1).mean() / max(1, len(codes) - 1))


def _by_scheme(found: Mapping[Job, Kept]) -> dict[str, list[Job]]:
    """The cells that fill the same lines; unprotected leaks of any kind stand side by side."""
    first = next(iter(found))
    if first.part != "protected":
        return {first.scheme: list(found)}
    schemes = dict.fromkeys(job.scheme for job in found)
    return {scheme: [job for job in found if job.scheme == scheme] for scheme in schemes}


def _line(entry: Entry, samples: int, scheme: str, loaded: Mapping[Job, Kept]) -> TableLine:
    values: dict[str, Value] = {}
    gains: dict[str, Value] = {}
    fewest, of, single = 10**9, 0, experiment.SINGLE
    for leak in HEADS.values():
        cells = [
            (kept, job.draw)
            for job, kept in loaded.items()
            if (job.leak, job.schedule) == (leak, entry.schedule)
        ]
        *_, last = MEASURED[leak]
        for metric in MEASURED[leak] if cells else ():
            both = [
                (k.success(entry.attack, metric), k.success(single, metric), draw)
                for k, draw in cells
            ]
            runs = [(mine, draw) for mine, _, draw in both if mine]
            fewest, of = min(fewest, len(runs)), max(of, len(cells))
            if not runs:
                continue
            rng = stream(0, "table", entry.name, leak, metric)
            values[metric] = crossed(
                [mine[0] for mine, _ in runs],
                [mine[1] for mine, _ in runs],
                rng,
                groups=[draw for _, draw in runs],
            )
            pairs = [(mine, base, draw) for mine, base, draw in both if mine and base]  # of one run
            if metric == last and pairs and entry.attack != single:
                gains[leak] = paired(pairs, rng)
    return TableLine(entry, samples, scheme, values, gains, fewest if of else 0, of)


def paired(pairs: list[tuple[Success, Success, int]], rng: np.random.Generator) -> Value:
    """What the first of each pair has more than the second, row by row and run by run.

    Args:
        pairs: two attacks on the same rows, for each run, and the seed of its target: runs against
            one target are no independent draws of it.
        rng: draws the resamples.
    """
    gains = [mine[0] - base[0] for mine, base, _ in pairs]
    targets = [draw for *_, draw in pairs]
    subjects = [mine[1] for mine, *_ in pairs]
    return crossed(gains, subjects, rng, limits=DIFFERENCE, groups=targets)


def shown_by(table: str, leak: str) -> list[tuple[str, str]]:
    """Captions of a table's methods, and the names of what is shown of them."""
    return [
        (entry.name, f"shown.attack.{row_name(load('attack', as_run(entry.attack, leak)))}")
        for entry in TABLES[table]
        if entry.schedule == "upslope"
    ]
