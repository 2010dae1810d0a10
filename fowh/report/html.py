"""One cell, or a folder of cells, as a page that needs nothing but itself."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fowh.records.store import Record
from fowh.report import plane, plots
from fowh.report.numbers import count, label
from fowh.report.page import grouped, page
from fowh.report.samples import Observations

if TYPE_CHECKING:
    from jinja2 import Environment
    from matplotlib.figure import Figure

AIM = (
    "The lower left corner is the aim: useful as without protection, and a thief who does no "
    "better than one who never saw what was stolen."
)
_FIGURES = {  # heading and what to see, for figures that were drawn
    "plane": ("Utility against inversion", AIM),
    "guesses": (
        "Success within so many guesses",
        "What a list of blind guesses reaches, beside the best single attack on the same people.",
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
    cell = page(record, observations)
    figures = {
        "plane": plane.planes([cell]),
        "guesses": plots.guesses_plots(record, observations),
        "det": plots.det_plots(record, observations),
        "scores": plots.scores_plots(record, observations),
    }
    return _laid_out(
        "cell",
        title=cell.title,
        page=cell,
        figures=_figures(figures),
        parts={name: _json(record[name]) for name in ("spec", "environment")},
        everything=_json(record),
    )


def render_index(records: Sequence[tuple[Path, Record]]) -> str:
    """The page of a folder: the planes and a table of those of its cells that may be compared.

    Args:
        records: the folder of each cell, relative to the page, and its record.
    """
    pages = [page(record) for _, record in records]
    links = {
        id(cell): quote(os.fsencode((path / "report.html").as_posix()))
        for cell, (path, _) in zip(pages, records, strict=True)
    }
    groups = {
        name: {
            "figures": _svgs(plane.planes(cells)),
            "heads": cells[0].heads,
            "cells": [(links[id(cell)], cell) for cell in cells],
        }
        for name, cells in grouped(pages).items()
    }
    return _laid_out("index", title="Cells compared", aim=AIM, groups=groups)


def fragment(record: Record) -> str:
    """The verdict and the table of attacks in a few lines of HTML, for a notebook."""
    return _laid_out("fragment", page=page(record))


def _laid_out(template: str, **values: Any) -> str:
    return _environment().get_template(f"{template}.html.j2").render(**values)


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("fowh.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"counted": count, "labelled": label, "data_uri": _data_uri, "begun": _begun}
    return made


def _begun(text: str) -> str:
    """A sentence with a capital letter; the rest of it as it was."""
    return text[:1].upper() + text[1:]


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)


def _svgs(drawn: Sequence[Figure]) -> list[Any]:
    from markupsafe import Markup

    return [Markup(plots.svg(figure)) for figure in drawn]


def _figures(drawn: Mapping[str, Sequence[Figure]]) -> dict[str, dict[str, Any]]:
    return {
        name: {"title": _FIGURES[name][0], "text": _FIGURES[name][1], "svgs": _svgs(figures)}
        for name, figures in drawn.items()
    }
