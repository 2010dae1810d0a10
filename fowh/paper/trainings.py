"""How many trainings of a target stand behind a table: one recipe and seed may be trained twice.

Another machine, or another version of a library, trains another network of the same recipe. The
seed decides the split and who is attacked, so runs are grouped by it all the same.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from fowh.paper.experiment import MEASURED
from fowh.paper.jobs import Job
from fowh.paper.kept import Kept

BLIND = "mean"  # reads nothing of the target: where it succeeds differs by the target's distances


def counted(cells: Mapping[Job, Kept]) -> str:
    """How many trainings of each target seed are known to be in a table, in words.

    Args:
        cells: of the table, of one leak.
    """
    said = []
    for schedule, draw in sorted({(job.schedule, job.draw) for job in cells}):
        mine = [k for job, k in cells.items() if (job.schedule, job.draw) == (schedule, draw)]
        known = len({kept.target for kept in mine if kept.target})
        before = sum(not kept.target for kept in mine)
        parts = [str(known)] * bool(known)
        if before:
            parts.append(f"unknown for {before} file{'s' * (before != 1)} kept before")
        word = str(draw) if schedule == "upslope" else f"{draw} ({schedule})"
        said.append(f"seed {word}: {' and '.join(parts)}")
    return f"Trainings of the target known to be in it: {'; '.join(said)}."


def others(cells: Mapping[Job, Kept], found: Mapping[Job, Kept]) -> str:
    """Which runs of a table attacked another training than the same run of another table.

    Where a file does not say which training it is of, the blind control ``mean`` does: with one
    seed of the attacker it hands in the same picture or embedding, and whether that is within the
    threshold is a matter of the target alone. Over attackers it says nothing.

    Args:
        cells: of the table, of one leak.
        found: everything that is kept.

    Returns:
        A sentence for each such run, in one line; empty where there is none.
    """
    said = []
    for job, kept in sorted(cells.items(), key=lambda item: (item[0].draw, item[0].seed)):
        differing: dict[int | None, list[str]] = {}
        for other, theirs in found.items():
            if other.part != job.part and dataclasses.replace(other, part=job.part) == job:
                apart, rows = _differ(kept, theirs, next(iter(MEASURED[job.leak])))
                if apart:
                    differing.setdefault(rows, []).append(f"`{other.part}`")
        for count, parts in differing.items():
            why = "" if count is None else f" (the blind `{BLIND}` differs in {count} rows)"
            where = " and ".join(sorted(parts))
            said.append(
                f"Run {job.draw}/{job.seed} attacked another training than in {where}{why}."
            )
    return " ".join(said)


def _differ(kept: Kept, other: Kept, metric: str) -> tuple[bool, int | None]:
    """Whether two files are surely of two trainings, and in how many rows the control says so."""
    if kept.target and other.target:
        return kept.target != other.target, None
    one, two = kept.success(BLIND, metric), other.success(BLIND, metric)
    if one is None or two is None or len(one[0]) != len(two[0]):
        return False, None
    rows = int((one[0] != two[0]).sum())
    return rows > 0, rows
