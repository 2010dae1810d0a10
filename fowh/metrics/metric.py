"""What a metric is: how to read one number, in a table, in a record and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf, isfinite
from typing import Any, Literal


@dataclass(frozen=True)
class Metric:
    """How to read one number.

    Two are equal if they measure alike: words may be improved after records were written.

    Attributes:
        name: key in records.
        label: what tables and axes call it.
        attacker_prefers: the direction that harms the scheme, for every metric alike: "higher"
            for an attack's success and for an error rate, "lower" for bits of security.
        limits: smallest and largest possible value.
        description: one sentence for legends and documentation.
        role: what kind of number it is. utility: how well a system does its job. success: of an
            attack, per stolen row. likeness: of samples, which is no identity. cost: of guessing,
            or of linking.
        heading: two lines for a narrow column; empty where tables of attacks leave it out.
        goal: what an attacker says who wants it, with {} for percent.
    """

    name: str
    label: str = field(compare=False)
    attacker_prefers: Literal["higher", "lower"]
    limits: tuple[float, float]
    description: str = field(compare=False)
    role: Literal["utility", "success", "likeness", "cost"]
    heading: tuple[str, str] = field(default=("", ""), compare=False)
    goal: str = field(default="", compare=False)


WITHIN = (2, 10)  # of the candidates that an attack may return for a row


def candidates(metric: Metric) -> tuple[Metric, ...]:
    """The same success for attacks that return several candidates a row, of which one is right."""
    return tuple(
        Metric(
            f"{metric.name}_within_{k}",
            f"{metric.label} within {k} candidates",
            metric.attacker_prefers,
            (0.0, 1.0),
            f"One of the first {k} reconstructions of a row succeeds.",
            "success",
            heading=(metric.heading[0], f"in {k}"),
        )
        for k in WITHIN
    )


def to_json(metric: Metric) -> dict[str, Any]:
    """A metric as JSON values, for a record; a limit that is infinite becomes None."""
    limits = [end if isfinite(end) else None for end in metric.limits]
    return asdict(metric) | {"limits": limits, "heading": list(metric.heading)}


def from_json(given: Mapping[str, Any]) -> Metric:
    """A metric as a record has it."""
    low, high = given["limits"]
    limits = (-inf if low is None else low, inf if high is None else high)
    return Metric(**dict(given) | {"limits": limits, "heading": tuple(given["heading"])})
