"""A small cell as a user runs it, and how it ends."""

from __future__ import annotations

import fowh
from fowh.core.scheme import Scheme
from fowh.report.page import page

POPULATION = "gaussian:subjects=24,readings=4,dim=64,within=0.6"


def evaluated(scheme: Scheme) -> fowh.Result:
    """The cell of a scheme under everybody's own stolen key and the standard suite."""
    return fowh.evaluate(scheme, dataset=POPULATION, device="cpu")


def verdict(result: fowh.Result) -> str:
    """How the cell ends, in a word or a few."""
    return page(result.record).verdict.short


def winners(result: fowh.Result) -> set[str]:
    """The attacks that beat the best blind guess at Rank-1 beyond chance."""
    ran = {k: row for k, row in result.record["attacks"].items() if row["status"] == "ok"}
    return {k for k, row in ran.items() if row["metrics"]["advantage_rank1"]["ci_low"] > 0}


def rank1(result: fowh.Result, attack: str) -> float:
    """Of one attack."""
    value: float = result.record["attacks"][attack]["metrics"]["rank1"]["value"]
    return value


def recognises(result: fowh.Result) -> bool:
    """Whether the protected system does its job: a cheat that does not fools nobody."""
    value: float = result.record["utility"]["stolen_key"]["fnmr_at_fmr_1e-2"]["value"]
    return value < 0.1
