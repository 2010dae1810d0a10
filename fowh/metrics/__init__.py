"""What is measured: pure functions of arrays, and one table that says how to read each number.

The table drives reports, plots and Pareto fronts; a plug-in may bring metrics of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from fowh.metrics.metric import WITHIN, Metric, candidates, from_json, to_json
from fowh.metrics.table import TABLE

__all__ = [
    "BUILT_IN",
    "BY_NAME",
    "FMRS",
    "METRICS",
    "WITHIN",
    "Metric",
    "candidates",
    "from_json",
    "learn",
    "to_json",
]

# of attacks that return several candidates a row, of which one is right
_SEVERAL = ("rank1", "type1_at_fmr_1e-3", "named")
METRICS = (*TABLE, *(each for m in TABLE if m.name in _SEVERAL for each in candidates(m)))
BY_NAME = {metric.name: metric for metric in METRICS}
BUILT_IN = frozenset(BY_NAME)
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
