"""The tables of a page, as plain values that a template lays out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fowh.metrics import METRICS
from fowh.report.numbers import count, interval, label, measured, number
from fowh.report.summary import (
    RECOGNITION,
    SCENARIOS,
    Record,
    Row,
    by_scenario,
    columns,
    comparisons,
)
from fowh.report.verdict import gains

BLOCKS = {
    "attack": "Attacks",
    "face": "Their reconstructions as pictures, embedded again",
    "worst": "Worst case: any of them",
    "blind": "Blind controls: attackers who never read the template",
    "control": "References: what the truth itself reaches",
}
ADVANTAGE = "Less what the best blind control of its kind reaches on the same templates, paired."


def cell(metric: str, value: Any, alarm: bool = False) -> dict[str, Any]:
    """What a table shows of one value."""
    return {
        "value": number(metric, measured(value)["value"]),
        "interval": interval(metric, value),
        "alarm": alarm,
    }


def blocks(record: Record, found: Sequence[Row]) -> list[dict[str, Any]]:
    """The table's blocks with their rows, in order; coloured is what beats the blind controls."""
    made = []
    for kind, title in BLOCKS.items():
        lines = [
            {
                "row": row,
                "n": count(row.n),
                "cells": [
                    cell(metric, row.metrics.get(metric), gains(record, row, metric))
                    for metric in columns(found)
                ],
            }
            for row in found
            if row.kind == kind
        ]
        if lines:
            made.append({"title": title, "lines": lines})
    return made


def full(found: Sequence[Row]) -> dict[str, Any]:
    """Every metric of every row."""
    names = [metric.name for metric in METRICS]
    present = {name for row in found for name in row.metrics}
    order = [name for name in names if name in present] + sorted(present - set(names))
    return {
        "heads": [label(name) for name in order],
        "lines": [
            {"label": row.label, "cells": [cell(name, row.metrics.get(name)) for name in order]}
            for row in found
            if row.metrics
        ],
    }


def recognition(record: Record) -> dict[str, Any]:
    """Error rates by scenario, and what the attacks' own thresholds amount to."""
    scenarios = record.get("recognition") or {}
    return {
        "heads": [label(metric) for metric in RECOGNITION],
        "lines": [
            {
                "label": SCENARIOS.get(name, name),
                "cells": [cell(metric, values.get(metric)) for metric in RECOGNITION],
                "n": count(comparisons(values)),
            }
            for name, values in by_scenario(scenarios)
        ],
        "operating": [
            f"At the threshold for FMR {100 * float(name.rpartition('_')[2]):g} % that attacks are "
            f"judged by, from development subjects, the victims' FMR is "
            f"{100 * rates['fmr']:.2f} % and their FNMR {100 * rates['fnmr']:.2f} %."
            for name, rates in (scenarios.get("stolen_key") or {}).items()
            if name.startswith("measured_at_fmr_")
        ],
    }


def meanings(found: Sequence[Row]) -> dict[str, str]:
    """Label and description of each metric that this page shows."""
    used = {name for row in found for name in row.metrics} | set(RECOGNITION) | {"d_sys"}
    texts = {metric.label: metric.description for metric in METRICS if metric.name in used}
    gains = sorted(name for name in used if name.startswith("advantage_"))
    return texts | {label(name): ADVANTAGE for name in gains}
