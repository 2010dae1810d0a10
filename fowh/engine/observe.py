"""Observe: a whole cell, fold by fold."""

from __future__ import annotations

from fowh.core.dataset import Samples
from fowh.core.target import Progress
from fowh.engine.cell import Cell
from fowh.engine.findings import Clock, Findings
from fowh.engine.fold import run_fold
from fowh.engine.plan import make_plan
from fowh.kit.parts import within

EMBEDDING = 0.3  # fraction of a run, as far as progress is concerned


def observe(cell: Cell, samples: Samples, device: str, note: Progress) -> Findings:
    """Run the whole cell.

    Args:
        cell: what to evaluate.
        samples: of its dataset, loaded.
        device: torch device name.
        note: is told what is going on, and which fraction of the whole is done.

    Returns:
        The raw observations of all folds.

    Raises:
        InputError: the dataset does not fit the protocol, the target, the leak or the scheme.
    """
    cell, clock = cell.on(samples), Clock()
    with clock("embed"):
        plan = make_plan(cell, samples, device, within(note, 0.0, EMBEDDING))
    found = Findings(plan.not_found, plan.target.sha256 if plan.target else None)
    found.seconds.update(clock.seconds)
    share = (1 - EMBEDDING) / len(plan.folds)
    for fold in plan.folds:
        begin = EMBEDDING + share * fold.number
        told = within(note, begin, begin + share)
        found.add(run_fold(cell, plan, fold, device, told, found.failed), cell, plan)
    return found
