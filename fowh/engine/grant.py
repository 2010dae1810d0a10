"""Grant: the view of an attack, exactly what the threat model gives it, as copies."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.leak import Says, System
from fowh.core.protocol import Fold
from fowh.core.randomness import stream
from fowh.core.release import Floats, Release
from fowh.core.target import Learner, Progress, Target
from fowh.core.view import Query, Version, View
from fowh.engine.cell import Cell, source_of
from fowh.engine.plan import Plan


def granted_versions(cell: Cell, plan: Plan, fold: Fold, system: System) -> tuple[Version, ...]:
    """What the threat grants of each version: the system protected them all in one way."""
    granted = cell.threat.versions
    if granted == "final" or not plan.versions:
        return ()
    made, says = [], system.says()
    for name, values in plan.versions[:-1]:
        fitted, left = system.under(values, name)
        shown = _leaked(cell, left) if granted == "all" else None
        made.append(Version(name, fitted, says(values[fold.attacker]), shown))
    name, values = plan.versions[-1]
    own = says(values[fold.attacker])
    return (*made, Version(name, system.scheme, own, _leaked(cell, system.release)))


def grant(
    cell: Cell,
    plan: Plan,
    fold: Fold,
    system: System,
    versions: tuple[Version, ...],
    device: str,
    attack: Attack,
    progress: Progress,
) -> View:
    """The view of one attack: copies throughout, so that nothing an attack does reaches on.

    Args:
        cell: states the threat.
        plan: what the run works on.
        fold: which rows are the attacker's.
        system: deployed.
        versions: from ``granted_versions``.
        device: torch device name.
        attack: whose view it is.
        progress: is told how it goes.
    """
    own, target, threat, says = fold.attacker, plan.target, cell.threat, system.says()
    samples = query = near = None
    module, classes = system.network(), system.known_classes
    if plan.prepared is not None and target is not None:
        samples = plan.prepared[own]
        near = _candidates(cell, plan, fold) if attack.informed else None
        if module is None:
            query = Query(partial(_asked, target, says, device), threat.queries)
            module = target.module(device) if threat.box == "white" else None
    return View(
        scheme=copy.deepcopy(system.scheme),
        release=copy.deepcopy(_leaked(cell, system.release)),
        embeddings=system.told(),
        subjects=plan.samples.subjects[own],
        samples=samples,
        modality=plan.samples.modality,
        as_released=system.says_released,
        query=query,
        module=module,
        learner=cell.target if isinstance(cell.target, Learner) else None,
        malicious=threat.server == "malicious",
        candidates=None if near is None or plan.prepared is None else plan.prepared[near],
        classes=None if classes is None else classes[own],
        candidate_classes=None if near is None or classes is None else classes[near],
        closed_set=cell.leak.closed_set,
        versions=copy.deepcopy(versions),
        device=device,
        progress=progress,
        source=source_of(attack),
    )


def _asked(target: Target, says: Says, device: str, samples: NDArray[Any]) -> Floats:
    """What the system answers; bound to no more than this, since the attack holds it."""
    return says(target.embed(samples, device))


def _candidates(cell: Cell, plan: Plan, fold: Fold) -> NDArray[np.intp] | None:
    """Rows of as many samples as the threat says, all stolen ones among them, in no order.

    The others are samples that were not stolen, of victims and bystanders first.
    """
    count = cell.threat.candidates
    if not count:
        return None
    if count < len(fold.stolen):
        raise InputError(
            f"--candidates {count}: {len(fold.stolen)} samples are stolen in a fold; expected at "
            "least as many"
        )
    rng = stream(cell.seed, "candidates", fold.number)
    near = np.setdiff1d(np.union1d(fold.victims, fold.gallery), fold.stolen)
    others = np.concatenate([rng.permutation(near), rng.permutation(fold.attacker)])
    rows = np.concatenate([fold.stolen, others[: count - len(fold.stolen)]])
    return rng.permutation(rows)


def _leaked(cell: Cell, release: Release) -> Release:
    return release if cell.threat.leaked else release.without_token()
