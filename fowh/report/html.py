"""One cell, or a folder of cells, as a page that needs nothing but itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fowh.report import pictures, plane, plots, tables
from fowh.report.pictures import Observations
from fowh.report.summary import (
    Record,
    asked,
    called,
    closing,
    columns,
    command,
    headline,
    rows,
    where,
)
from fowh.report.verdict import at_goal, short_verdict, verdict

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

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
        "plane": plane.planes([record]),
        "det": plots.det_plots(observations),
        "scores": plots.scores_plots(observations),
    }
    found = rows(record)
    head, _, rest = verdict(record).partition(": ")
    return (
        _environment()
        .get_template("cell.html.j2")
        .render(
            title=called(record["spec"]["scheme"]),
            where=where(record),
            asked=asked(record),
            verdict=[head, rest[:1].upper() + rest[1:]],
            tone=_tone(record),
            flags=record.get("flags") or (),
            figures=_figures(figures),
            blocks=tables.blocks(record, found),
            heads=columns(found).values(),
            failures=[row for row in found if row.traceback],
            recognition=tables.recognition(record),
            pictures=_pictures(observations),
            full=tables.full(found),
            meanings=tables.meanings(found),
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
                    "figures": _svgs(plane.planes([record for _, record in cells])),
                    "cells": [
                        {
                            "number": place,
                            "href": (path / "report.html").as_posix(),
                            "scheme": called(record["spec"]["scheme"]),
                            "stolen": asked(record)["stolen"],
                            "values": [tables.cell(*item) for item in headline(record).items()],
                            "verdict": short_verdict(record),
                            "flags": [flag["flag"] for flag in record.get("flags") or ()],
                        }
                        for place, (path, record) in enumerate(cells, 1)
                    ],
                }
                for name, cells in groups.items()
            ],
            heads=[("FNMR", "FMR 1 %"), ("worst case", "rank 1"), ("worst type 1", "FMR 0.1 %")],
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


def _svgs(drawn: Sequence[Figure]) -> list[Any]:
    from markupsafe import Markup

    return [Markup(plots.svg(figure)) for figure in drawn]


def _figures(drawn: Mapping[str, Sequence[Figure]]) -> dict[str, dict[str, Any]]:
    return {
        name: {"title": _FIGURES[name][0], "text": _FIGURES[name][1], "svgs": _svgs(figures)}
        for name, figures in drawn.items()
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
