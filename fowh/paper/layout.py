"""The tables of the published experiment, ours beside the paper's, as text and as a picture."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fowh.metrics.intervals import Value

if TYPE_CHECKING:
    from rich.table import Table

    from fowh.paper.cells import Line

COLUMNS = ("f_E Type-1", "f_E Rank-1", "f_C accuracy")
METRICS = ("type1", "rank1", "accuracy")
Cells = list[list[str]]


def table(lines: list[Line], family: str) -> tuple[list[str], Cells]:
    """Heads and rows of a table as text.

    Args:
        lines: as measured.
        family: iris or face; which of the paper's numbers stand beside ours.
    """
    schemes = len({line.scheme for line in lines}) > 1
    sizes = len({line.samples for line in lines}) > 1
    heads = [*(["scheme"] if schemes else []), *(["samples"] if sizes else []), "method"]
    shown = [k for k, m in enumerate(METRICS) if any(m in line.values for line in lines)]
    paper = any(line.row.paper for line in lines)
    for k in shown:
        heads += [f"{COLUMNS[k]}, paper"] * paper + [f"{COLUMNS[k]}, here"]
    gains = {"Rank-1 minus single": "extractor", "accuracy minus single": "classifier"}
    gains = {k: v for k, v in gains.items() if any(v in line.versus_single for line in lines)}
    heads += gains
    rows = []
    for line in lines:
        if not line.of:
            continue
        name = f"{line.row.name} (control)" if line.row.control else line.row.name
        if line.runs < line.of:
            name += f", {line.runs} of {line.of} runs: the others failed or cannot do it"
        row = [*([line.scheme] if schemes else []), *([str(line.samples)] if sizes else []), name]
        theirs = (line.row.paper or {}).get(family, (None, None, None))
        for k in shown:
            if paper:
                row.append("" if theirs[k] is None else str(theirs[k]))
            row.append(percent(line.values.get(METRICS[k])))
        row += [percent(line.versus_single.get(head), signed=True) for head in gains.values()]
        rows.append(row)
    return heads, rows


def percent(value: Value | None, signed: bool = False) -> str:
    """A rate in percent with its interval; empty where there is none."""
    if value is None or value.value is None:
        return ""
    sign = "+" if signed else ""
    ends = (value.ci_low, value.ci_high)
    low, high = ("?" if end is None else f"{100 * end:{sign}.0f}" for end in ends)
    return f"{100 * value.value:{sign}.1f} [{low}, {high}]"


def markdown(lines: list[Line], family: str) -> str:
    """The table as Markdown."""
    heads, rows = table(lines, family)
    marks = ["---" if head in ("method", "scheme") else "---:" for head in heads]
    return "\n".join("| " + " | ".join(row) + " |" for row in (heads, marks, *rows))


def rich_table(lines: list[Line], family: str, title: str) -> Table:
    """The table for a terminal."""
    from rich.table import Table

    heads, rows = table(lines, family)
    made = Table(title=title, title_justify="left")
    for head in heads:
        made.add_column(head, justify="left" if head in ("method", "scheme") else "right")
    for row in rows:
        made.add_row(*row)
    return made


def grid(observations: dict[str, NDArray[Any]], names: Iterable[tuple[str, str]]) -> bytes:
    """Originals and what the methods make of them, side by side (as the paper's fig. 2 and 3).

    Args:
        observations: of one cell; its pictures are (k, s, s[, 3]) uint8.
        names: caption and name of each column's pictures.

    Returns:
        A PNG; one row per victim's reading, neighbouring rows of one subject first.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = [("original", "image.original"), *names]
    columns = [(caption, name) for caption, name in columns if name in observations]
    count = len(observations["image.original"])
    figure = Figure(figsize=(1.15 * len(columns), 1.1 * count + 0.45), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(count, len(columns), squeeze=False)
    for column, (caption, name) in enumerate(columns):
        for row in range(count):
            axis = axes[row, column]
            axis.imshow(observations[name][row], cmap="gray", vmin=0, vmax=255)
            axis.set_axis_off()
            if row == 0:
                axis.set_title(caption, fontsize=7, wrap=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=75)
    return buffer.getvalue()
