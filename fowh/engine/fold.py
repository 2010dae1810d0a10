"""One fold of one cell, top to bottom: recognise, grant, attempt, render, judge."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import partial

import numpy as np

from fowh.core.attack import Attack
from fowh.core.leak import Setting, Stream, System
from fowh.core.protocol import Fold
from fowh.core.randomness import stream
from fowh.core.target import Progress
from fowh.core.view import View
from fowh.engine.attempt import Attempt, attempt
from fowh.engine.cell import Cell, control, plugin_name, row_name
from fowh.engine.controls import blind_tries, references, uninformed
from fowh.engine.findings import Clock, FoldResult
from fowh.engine.grant import grant, granted_versions
from fowh.engine.judge import Judge
from fowh.engine.plan import Plan
from fowh.engine.render import rendered
from fowh.engine.witness import Witness
from fowh.kit.parts import within


def run_fold(
    cell: Cell, plan: Plan, fold: Fold, device: str, note: Progress, broken: Collection[str]
) -> FoldResult:
    """Deploy the system, attack it, judge what came back.

    Args:
        cell: what is evaluated.
        plan: what it works on.
        fold: one of the plan's.
        device: torch device name.
        note: is told what is going on, and which fraction of this fold is done.
        broken: attacks that failed in an earlier fold and are not tried again.

    Returns:
        Everything that was observed.
    """
    clock = Clock()

    def say(text: str, done: float) -> None:
        note(f"fold {fold.number + 1}: {text}", done)

    def rng(*stage: str) -> np.random.Generator:
        return stream(cell.seed, *stage, fold.number)

    say("recognition", 0.0)
    with clock("recognition"):
        setting = Setting(
            *(cell.scheme, plan.values, plan.samples.subjects, fold, cell.threat, rng),
            *(plan.prepared, plan.target, plan.learned, device, within(say, 0.0, 0.3)),
        )
        system = cell.leak.deploy(setting)
        utility = system.utility()
    witness = None
    if plan.prepared is not None and cell.witness is not None and not cell.leak.foreign:
        say("training the witness", 0.3)
        with clock("witness"):
            witness = Witness.make(cell, plan, fold, device, rng("witness"))
    judge = Judge(cell.leak, system, plan, fold, witness, device)
    versions = granted_versions(cell, plan, fold, system)
    view = partial(grant, cell, plan, fold, system, versions, device)
    attempts: list[Attempt] = []
    every = [*map(control, cell.protocol.controls), *cell.attacks]
    running = [attack for attack in every if row_name(attack) not in broken]
    for turn, attack in enumerate(running):
        begin, end = (0.3 + 0.5 * (turn + k) / len(running) for k in (0, 1))
        say(row_name(attack), begin)
        seen = view(attack, within(note, begin, end))
        attempts.append(attempt(attack, seen, judge, rng("attack", plugin_name(attack))))
    attempts += _misled(cell, system, view, judge, attempts, rng, note)
    say("controls", 0.9)
    controls = references(cell, plan, fold, judge, attempts, rng)
    if plan.prepared is not None:
        with clock("rendering"):
            attempts += rendered(cell, plan, fold, view, judge, attempts, rng, say)
    say("blind guesses", 0.95)
    with clock("guesses"):
        tries = blind_tries(cell, plan, fold, system, rng("guesses"))
    return FoldResult(
        *(fold, utility, system.terms, system.facts, [*attempts, *controls], tries, clock.seconds)
    )


def _misled(
    cell: Cell,
    system: System,
    view: Callable[[Attack, Progress], View],
    judge: Judge,
    attempts: list[Attempt],
    rng: Stream,
    note: Progress,
) -> list[Attempt]:
    """The strongest attack that makes samples, run where nothing of the victims leaked."""
    able = [pair for pair in uninformed(cell, attempts) if pair[0].yields == "samples"]
    found = []
    for name, leaves in system.instead().items() if able else ():
        best, _ = max(able, key=lambda pair: judge.success(pair[1]))
        attack = next(each for each in cell.attacks if row_name(each) == best.name)
        note(f"fold {judge.fold.number + 1}: {best.name}, misled", 0.8)
        seen = view(attack, within(note, 0.8, 0.9))
        made = attempt(attack, seen, judge, rng("attack", plugin_name(attack)), leaves)
        found.append(replace(made, section="controls", name=name, seconds=0.0))
    return [each for each in found if each.judged]
