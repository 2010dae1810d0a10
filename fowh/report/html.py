"""One cell, or a folder of cells, as a page that needs nothing but itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fowh.metrics import METRICS
from fowh.report import pictures, plane, plots
from fowh.report.numbers import count, interval, label, measured, number
from fowh.report.pictures import Observations
from fowh.report.summary import (
    COLUMNS,
    RECOGNITION,
    SCENARIOS,
    Record,
    Row,
    asked,
    called,
    closing,
    command,
    comparisons,
    headline,
    rows,
    where,
)
from fowh.report.verdict import at_goal, blind, short_verdict, verdict

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

_BLOCKS = {
    "attack": "Attacks",
    "face": "Their reconstructions as pictures, embedded again",
    "worst": "Worst case: any of them",
    "control": "Controls",
}
_FIGURES = {  # heading and what to see, for figures that were drawn
    "plane": (
        "Usability against inversion",
        "The lower left corner is the aim: recognition as without protection, and a thief of the "
        "database who does no better than one who never saw it.",
    ),
    "det": (
        "Recognition errors (DET)",
        "Lower is better. Vertical lines mark FMR 0.1 % and 1 %.",
    ),
    "scores": (
        "Scores",
        "Shares of comparisons. Dashed: threshold at FMR 1 %; dotted: at FMR 0.1 %, one line per "
        "fold, both from development subjects. Across keys, overlap is what hides links.",
    ),
}


def render(record: Record, observations: Observations) -> str:
    """The page of one cell.

    Args:
        record: of the cell.
        observations: its raw observations; any may be missing.

    Returns:
        HTML with inline style, plots as SVG and pictures as data URIs; it requests nothing.
    """
    figures = {
        "plane": plane.plane([record]),
        "det": plots.det_plot(observations),
        "scores": plots.scores_plot(observations),
    }
    found = rows(record)
    return (
        _environment()
        .get_template("cell.html.j2")
        .render(
            title=called(record["spec"]["scheme"]),
            where=where(record),
            asked=asked(record),
            verdict=verdict(record).partition(": "),
            tone=_tone(record),
            flags=record.get("flags") or (),
            figures=_figures(figures),
            blocks=_blocks(record, found),
            heads=[" ".join(filter(None, head)) for head in COLUMNS.values()],
            failures=[row for row in found if row.traceback],
            recognition=_recognition(record),
            pictures=_pictures(observations),
            full=_full(found),
            meanings=_meanings(found),
            closing=closing(record),
            command=command(record),
            typed=record.get("command"),
            parts={
                name: json.dumps(record.get(name), indent=1, ensure_ascii=False)
                for name in ("spec", "environment")
            },
            everything=json.dumps(record, indent=1, ensure_ascii=False),
        )
    )


def render_index(records: Sequence[tuple[Path, Record]]) -> str:
    """The page of a folder: for each target and dataset, the plane and a table of its cells.

    Args:
        records: the folder of each cell, relative to the page, and its record.
    """
    groups: dict[str, list[tuple[Path, Record]]] = {}
    for path, record in records:
        groups.setdefault(where(record), []).append((path, record))
    return (
        _environment()
        .get_template("index.html.j2")
        .render(
            title="Cells compared",
            groups=[
                {
                    "where": name,
                    "figure": _svg(plane.plane([record for _, record in cells])),
                    "cells": [
                        {
                            "number": place,
                            "href": (path / "report.html").as_posix(),
                            "scheme": called(record["spec"]["scheme"]),
                            "stolen": asked(record)["stolen"],
                            "values": [_cell(*item) for item in headline(record).items()],
                            "verdict": short_verdict(record),
                            "flags": [flag["flag"] for flag in record.get("flags") or ()],
                        }
                        for place, (path, record) in enumerate(cells, 1)
                    ],
                }
                for name, cells in groups.items()
            ],
            heads=[
                label("fnmr_at_fmr_1e-2"),
                "worst case, rank 1",
                "worst case, type 1 at FMR 0.1 %",
            ],
        )
    )


def _tone(record: Record) -> str:
    """Colour of the verdict: nothing that failed to recognise people is good."""
    if short_verdict(record).startswith(("Broken", "Leaks")):
        return "bad"
    return "good" if at_goal(record) else "neutral"


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("fowh.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _svg(figure: Figure | None) -> Any:
    from markupsafe import Markup

    return None if figure is None else Markup(plots.svg(figure))


def _figures(drawn: Mapping[str, Figure | None]) -> dict[str, dict[str, Any]]:
    return {
        name: {"title": _FIGURES[name][0], "text": _FIGURES[name][1], "svg": _svg(figure)}
        for name, figure in drawn.items()
        if figure is not None
    }


def _cell(metric: str, value: Any, bar: float | None = None) -> dict[str, Any]:
    """What a table shows of one value; ``alarm`` if its whole interval lies above ``bar``."""
    low = measured(value)["ci_low"]
    return {
        "value": number(metric, measured(value)["value"]),
        "interval": interval(metric, value),
        "n": count(measured(value)["n"]),
        "alarm": bar is not None and low is not None and low > bar,
    }


def _blocks(record: Record, found: Sequence[Row]) -> list[dict[str, Any]]:
    """The table's blocks with their rows, in order."""
    bars = {metric: blind(record, metric) for metric in COLUMNS}
    blocks = []
    for kind, title in _BLOCKS.items():
        lines = []
        for row in (row for row in found if row.kind == kind):
            cells = []
            for metric in COLUMNS:
                bar = bars[metric] if kind != "control" else None
                cells.append(_cell(metric, row.metrics.get(metric), bar[1] if bar else None))
            lines.append({"row": row, "n": count(row.n), "cells": cells})
        if lines:
            blocks.append({"title": title, "lines": lines})
    return blocks


def _full(found: Sequence[Row]) -> dict[str, Any]:
    """Every metric of every row."""
    names = [metric.name for metric in METRICS]
    present = {name for row in found for name in row.metrics}
    order = [name for name in names if name in present] + sorted(present - set(names))
    return {
        "heads": [label(name) for name in order],
        "lines": [
            {"label": row.label, "cells": [_cell(name, row.metrics.get(name)) for name in order]}
            for row in found
            if row.metrics
        ],
    }


def _recognition(record: Record) -> dict[str, Any]:
    scenarios = record.get("recognition") or {}
    return {
        "heads": [label(metric) for metric in RECOGNITION],
        "lines": [
            {
                "label": SCENARIOS.get(name, name),
                "cells": [_cell(metric, values.get(metric)) for metric in RECOGNITION],
                "n": count(comparisons(values)),
            }
            for name, values in scenarios.items()
        ],
        "operating": [
            f"At the threshold for FMR {100 * float(name.rpartition('_')[2]):g} % that attacks are "
            f"judged by, from development subjects, the victims' FMR is "
            f"{100 * rates['fmr']:.2f} % and their FNMR {100 * rates['fnmr']:.2f} %."
            for name, rates in (scenarios.get("stolen_key") or {}).items()
            if name.startswith("measured_at_fmr_")
        ],
    }


def _pictures(observations: Observations) -> dict[str, Any] | None:
    grid = pictures.grid(observations)
    if not grid:
        return None
    shown = observations.get("image.subject", range(len(grid[0].pictures)))
    return {
        "victims": [f"subject {int(person)}" for person in shown[: pictures.SHOWN]],
        "rows": [
            {
                "label": row.label,
                "cells": [
                    {"src": _data_uri(picture), "hit": row.hits[column] if row.hits else None}
                    for column, picture in enumerate(row.pictures)
                ],
            }
            for row in grid
        ],
    }


def _data_uri(picture: Any) -> str:
    return "data:image/png;base64," + base64.b64encode(pictures.png(picture)).decode()


def _meanings(found: Sequence[Row]) -> dict[str, str]:
    """Label and description of each metric that this page shows."""
    used = {name for row in found for name in row.metrics} | set(RECOGNITION) | {"d_sys"}
    return {metric.label: metric.description for metric in METRICS if metric.name in used}
