"""What is measured: pure functions of arrays, and one table that says how to read each number.

The table drives reports, plots and Pareto fronts. A plug-in may bring metrics of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from math import inf, isfinite
from typing import Any

from fowh.metrics.table import TABLE, Metric

__all__ = ["BY_NAME", "FMRS", "METRICS", "Metric", "from_json", "learn", "to_json"]

# of attacks that return several candidates a row, of which one is right
WITHIN = tuple(
    Metric(
        f"{name}_within_{k}",
        f"{label} within {k} candidates",
        "higher",
        (0.0, 1.0),
        f"One of the first {k} reconstructions of a row succeeds.",
        "success",
        heading=(short, f"within {k}") if short else ("", ""),
    )
    for name, label, short in (
        ("rank1", "Rank-1", "rank 1"),
        ("type1_at_fmr_1e-3", "Type-1 at FMR 0.1 %", ""),
        ("named", "Named by the target", "named"),
    )
    for k in (2, 10)
)
METRICS = (*TABLE, *WITHIN)
BY_NAME = {metric.name: metric for metric in METRICS}
FMRS = {"1e-2": 1e-2, "1e-3": 1e-3}  # false match rates that thresholds are set for, by name


def learn(metrics: Iterable[Metric]) -> None:
    """Take a plug-in's own metrics into the table; a name keeps its meaning.

    Raises:
        ValueError: another metric has that name.
    """
    for metric in metrics:
        if BY_NAME.setdefault(metric.name, metric) != metric:
            raise ValueError(
                f"there is a metric {metric.name!r} already, which says something else"
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
