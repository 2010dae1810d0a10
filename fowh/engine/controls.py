"""Controls that need the truth: only the judge's side may make them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fowh.core.leak import Stream, System
from fowh.core.modality import Columns
from fowh.core.protocol import Fold
from fowh.engine.attempt import Attempt
from fowh.engine.cell import Cell, row_name
from fowh.engine.judge import Judge, Judged, unmeasured
from fowh.engine.plan import Plan
from fowh.kit.guesses import cover
from fowh.kit.pairing import another_reading, nearest_rows, other_subject

GUESSES = 1000  # blind ones, at most


def uninformed(cell: Cell, attempts: list[Attempt]) -> list[tuple[Attempt, Judged]]:
    """Attacks that made what the leak is about, and what became of it, without who was told."""
    told = {row_name(attack) for attack in cell.attacks if attack.informed}
    return [
        (each, each.judged)
        for each in attempts
        if each.section == "attacks" and each.judged and each.name not in told
        if each.yields != "claims" or cell.leak.claims
    ]


def references(
    cell: Cell, plan: Plan, fold: Fold, judge: Judge, attempts: list[Attempt], rng: Stream
) -> list[Attempt]:
    """What the truth itself reaches, the nearest own sample, and the strongest attack, misled.

    Args:
        cell: what is evaluated.
        plan: what the run works on.
        fold: of the plan.
        judge: of this fold.
        attempts: of this fold so far.
        rng: the fold's randomness.
    """
    values, subjects = plan.values, plan.samples.subjects
    true, own = values[fold.stolen], values[fold.attacker]
    mated = _mated_probe(plan, fold, judge)  # before the scheme is shown what each template is of
    made = {"unprotected": true, "nearest": own[nearest_rows(true, own)]}
    found = {name: judge.embeddings(each) for name, each in made.items()}
    ran = uninformed(cell, attempts)
    rows, each = len(judge.system.release), judge.system.release.each
    if ran:
        best, strongest = max(ran, key=lambda pair: judge.success(pair[1]))
    whose = subjects[fold.stolen]
    if ran and each == 1 and whose.min() < whose.max():  # the strongest, given another's row
        swapped = other_subject(whose, rng("shuffle"))
        again = judge.claims if best.yields == "claims" else judge.embeddings
        found["shuffled"] = again(strongest.embeddings[swapped])
    if judge.witness is not None and plan.prepared is not None:  # what it says of these samples
        shown = {"unprotected": plan.prepared[fold.stolen]}
        if "shuffled" in found and strongest.samples is not None:
            shown["shuffled"] = strongest.samples[swapped]
        found |= {n: replace(found[n], likeness=judge.witness(s)) for n, s in shown.items()}
    if ran and each > 1 and rows > 1 and strongest.handed is not None:  # another batch's, matched
        handed = strongest.handed.reshape(rows, each, *strongest.handed.shape[1:])
        found["shuffled"] = judge.samples(
            np.roll(handed, 1, axis=0).reshape(strongest.handed.shape)
        )
    found["mated_probe"] = mated
    return [Attempt("controls", name, "embeddings", judged) for name, judged in found.items()]


def blind_tries(
    cell: Cell, plan: Plan, fold: Fold, system: System, rng: np.random.Generator
) -> Columns:
    """The turn on which a list of blind guesses succeeds, (n,) by metric; inf where none does.

    The list is made from what the attacker has of his own, before anything is stolen.
    """
    own, says = fold.attacker, system.says()
    guesses = cover(says(plan.values[own]), plan.samples.subjects[own], GUESSES, rng)
    return system.tries(guesses, cell.leak.successes)


def _mated_probe(plan: Plan, fold: Fold, judge: Judge) -> Judged:
    """Another reading of each victim, where there is one; it is not searched for in itself."""
    subjects = plan.samples.subjects[fold.gallery]
    after = another_reading(subjects)
    # Not the reading that a renewed template holds, where the subject has a third one.
    mate = np.where(after[after] == np.arange(len(after)), after, after[after])
    at = np.searchsorted(fold.gallery, fold.stolen)
    probes = plan.values[fold.gallery[mate[at]]]
    victims = another_reading(plan.samples.subjects[fold.victims])
    stolen = np.searchsorted(fold.victims, fold.stolen)
    return unmeasured(judge.probes(probes, mate[at]), victims[stolen] == stolen)
