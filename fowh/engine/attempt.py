"""Attempt: one attack on one view, whatever it raises; what it made is checked, then judged."""

from __future__ import annotations

import copy
import time
import traceback
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack, Planter, unfit
from fowh.core.errors import contained
from fowh.core.leak import Leaves
from fowh.core.view import View
from fowh.engine.cell import row_name
from fowh.engine.judge import Judge, Judged

Section = Literal["attacks", "rendered", "controls"]


@dataclass(frozen=True, eq=False)
class Attempt:
    """One row of the table in one fold.

    Attributes:
        section, name: the row.
        yields: what was handed in.
        judged: what became of it; None where it was skipped or failed.
        status: ok, skipped (the view lacks something) or failed (it raised).
        reason: why there is nothing, in words or as a traceback.
        seconds: that the attack took, without the judge.
        queries: to the target.
        exhausted: whether it used up its budget.
        remarks: what it said about its run.
    """

    section: Section
    name: str
    yields: str
    judged: Judged | None
    status: Literal["ok", "skipped", "failed"] = "ok"
    reason: str | None = None
    seconds: float = 0.0
    queries: int = 0
    exhausted: bool = False
    remarks: list[str] = field(default_factory=list)


def attempt(
    attack: Attack, view: View, judge: Judge, rng: np.random.Generator, left: Leaves | None = None
) -> Attempt:
    """Run one attack and judge it; a reason or a traceback instead where it cannot.

    That of a malicious server first chooses the network that clients compute their updates on.
    ``left`` gives another release than the view's.
    """
    section: Section = "controls" if attack.blind else "attacks"
    name = row_name(attack)
    started = time.perf_counter()
    try:
        with contained():
            reason = unfit(attack, view)
            if reason is not None:
                return Attempt(section, name, attack.yields, None, "skipped", reason)
            if isinstance(attack, Planter):
                planted = attack.plant(view, rng)
                view, left = replace(view, module=planted), left or judge.system.planted
            if left is not None:
                # Clients run a copy: what a module notes of their pictures must not come back.
                view = replace(view, release=copy.deepcopy(left(copy.deepcopy(view.module))))
            made = attack.run(view, rng)
            seconds = time.perf_counter() - started
            judged = judged_as(attack.yields, made, view, judge, attack.candidates)
    except Exception:  # one broken attack must not lose the results of the others
        return Attempt(section, name, attack.yields, None, "failed", traceback.format_exc())
    used, budget = (view.query.used, view.query.budget) if view.query else (0, 0)
    return Attempt(
        *(section, name, attack.yields, judged),
        seconds=seconds,
        queries=used,
        exhausted=0 < budget <= used,
        remarks=view.remarks,
    )


def judged_as(
    yields: str, made: NDArray[Any], view: View, judge: Judge, candidates: int = 1
) -> Judged:
    """What an attack made, if it is one usable reconstruction per row, judged.

    Raises:
        ValueError: it is not.
    """
    count = view.release.samples
    if yields == "claims":
        if made.shape != (count,) or not np.isfinite(made).all():
            raise ValueError(
                f"returned {made.shape} {made.dtype}, expected ({count},) finite numbers, a claim "
                "of each sample"
            )
        return judge.claims(made)
    if yields == "samples":
        prepared = judge.plan.prepared
        assert prepared is not None
        return judge.samples(judge.plan.modality.check(made, count, prepared))
    width = view.embeddings.shape[1]
    several = made.ndim == 3 and 0 < made.shape[1] <= candidates
    expected = (count, made.shape[1], width) if several else (count, width)
    if made.shape != expected or not np.isfinite(made).all():
        raise ValueError(
            f"returned {made.shape} {made.dtype}, expected ({count}, {width}) finite embeddings, "
            f"or ({count}, k, {width}) with up to {candidates} candidates a row"
        )
    return judge.embeddings(made.astype(np.float32, copy=False))
