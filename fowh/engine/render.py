"""Render: embedding-level reconstructions as samples, embedded again, and judged as such."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import replace

from fowh.core.attack import Attack, inverter_of, unfit
from fowh.core.errors import contained
from fowh.core.leak import Stream
from fowh.core.protocol import Fold
from fowh.core.release import Floats
from fowh.core.target import Progress
from fowh.core.view import View
from fowh.engine.attempt import Attempt, Section, judged_as
from fowh.engine.cell import Cell, plugin_name, row_name
from fowh.engine.judge import Judge
from fowh.engine.plan import Plan
from fowh.kit.pairing import other_subject


def rendered(
    cell: Cell,
    plan: Plan,
    fold: Fold,
    grant: Callable[[Attack, Progress], View],
    judge: Judge,
    attempts: list[Attempt],
    rng: Stream,
    say: Progress,
) -> list[Attempt]:
    """Turn every embedding-level reconstruction into samples, with one attack (``inverter_of``).

    Args:
        cell: its attacks may hold a ``Renderer``.
        plan: what the run works on.
        fold: of the plan.
        grant: makes the renderer's view.
        judge: of this fold.
        attempts: of this fold so far.
        rng: the fold's randomness.
        say: is told which row is rendered.

    Returns:
        The rows, with their controls; one failed row of the renderer itself where it raised.
    """
    failed = {each.name for each in attempts if each.status == "failed"}
    renderer = inverter_of(each for each in cell.attacks if row_name(each) not in failed)
    if not isinstance(renderer, Attack):
        return []
    view = grant(renderer, lambda text, done: None)
    made: list[Attempt] = []
    for section, name, wanted in _inputs(cell, plan, fold, attempts):
        say(f"{name} as samples", 0.9)
        stream = rng("attack", plugin_name(renderer))
        before = view.query.used if view.query else 0
        try:
            with contained():
                if not made and unfit(renderer, view) is not None:
                    return []
                samples = renderer.render(view, wanted, stream)
                judged = judged_as("samples", samples, view, judge)
        except Exception:  # the embeddings' own results stand
            reason = traceback.format_exc()
            broken = Attempt("attacks", row_name(renderer), "samples", None, "failed", reason)
            return [*made, broken]
        asked = (view.query.used if view.query else 0) - before
        made.append(Attempt(section, name, "samples", judged, queries=asked))
        if name == "unprotected_rendered":  # the renderer, given somebody else's embedding
            swapped = other_subject(plan.samples.subjects[fold.stolen], rng("shuffle"))
            other = judge.embeddings(judged.embeddings[swapped])
            made.append(replace(made[-1], name="shuffled_rendered", judged=other, queries=0))
    return made


def _inputs(
    cell: Cell, plan: Plan, fold: Fold, attempts: list[Attempt]
) -> list[tuple[Section, str, Floats]]:
    """Section, name and embeddings of every row that is rendered."""
    found: list[tuple[Section, str, Floats]] = [
        ("rendered", each.name, each.judged.embeddings)
        for each in attempts
        if each.section == "attacks" and each.yields == "embeddings" and each.judged
    ]
    found.append(("controls", "unprotected_rendered", plan.values[fold.stolen]))
    found += [
        ("controls", f"{each.name}_rendered", each.judged.embeddings)
        for each in attempts
        if each.section == "controls" and each.name in cell.protocol.rendered and each.judged
    ]
    return found
