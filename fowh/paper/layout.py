"""The tables of the published experiment, ours beside the paper's, as text and as a picture."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fowh.core.errors import escaped
from fowh.metrics.intervals import Value
from fowh.paper.experiment import MEASURED
from fowh.paper.tally import Difference, TableLine

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = {metric: words for columns in MEASURED.values() for metric, words in columns.items()}
VERSUS = {"templates": "Rank-1", "outputs": "accuracy"}
VERSUS_SINGLE = {leak: f"{words} minus single" for leak, words in VERSUS.items()}


def texts(lines: list[TableLine], family: str) -> tuple[list[str], list[list[str]]]:
    """Headings and rows of a table as text.

    Args:
        lines: as measured.
        family: iris or face; which of the paper's numbers stand beside ours.
    """
    schemes = len({line.scheme for line in lines}) > 1
    sizes = len({line.samples for line in lines}) > 1
    headings = [*(["scheme"] if schemes else []), *(["samples"] if sizes else []), "method"]
    # The paper's numbers are in the order of our columns.
    shown = [
        (place, metric)
        for place, metric in enumerate(HEADINGS)
        if any(metric in line.values for line in lines)
    ]
    paper = any(line.entry.paper for line in lines)
    for _, metric in shown:
        headings += [f"{HEADINGS[metric]}, paper"] * paper + [f"{HEADINGS[metric]}, here"]
    gains = [leak for leak in VERSUS_SINGLE if any(leak in line.versus_single for line in lines)]
    headings += [VERSUS_SINGLE[leak] for leak in gains]
    rows = []
    for line in lines:
        if not line.of:
            continue
        name = f"{line.entry.name} (control)" if line.entry.control else line.entry.name
        if line.runs == 0:
            name += ", no run yet, or none that could do it"
        elif line.runs < line.of:
            name += f", {line.runs} of {line.of} runs: the others failed or cannot do it"
        row = [*([line.scheme] if schemes else []), *([str(line.samples)] if sizes else []), name]
        theirs = (line.entry.paper or {}).get(family, (None,) * len(HEADINGS))
        for place, metric in shown:
            if paper:
                row.append("" if theirs[place] is None else str(theirs[place]))
            row.append(percent(line.values.get(metric)))
        row += [percent(line.versus_single.get(leak), signed=True) for leak in gains]
        rows.append(row)
    return headings, rows


def percent(value: Value | None, signed: bool = False) -> str:
    """A rate in percent with its interval; empty where there is none."""
    if value is None or value.value is None:
        return ""
    sign = "+" if signed else ""
    ends = (value.ci_low, value.ci_high)
    low, high = ("?" if end is None else f"{100 * end:{sign}.0f}" for end in ends)
    return f"{100 * value.value:{sign}.1f} [{low}, {high}]"


def markdown(lines: list[TableLine], family: str) -> str:
    """The table as Markdown."""
    headings, rows = texts(lines, family)
    marks = ["---" if head in ("method", "scheme") else "---:" for head in headings]
    return "\n".join("| " + " | ".join(row) + " |" for row in (headings, marks, *rows))


def compared(measured: Iterable[Difference]) -> str:
    """Paired differences as Markdown; empty where there are none."""
    rows = [
        f"| {each.contrast.name} | {percent(each.value, signed=True)} | {each.runs} "
        f"| {each.verdict} |"
        for each in measured
    ]
    heads = ["| claim | difference | runs | here |", "|---|---:|---:|---|"]
    return "\n".join([*heads, *rows]) if rows else ""


def rich_table(lines: list[TableLine], family: str, title: str) -> Table:
    """The table for a terminal."""
    headings, rows = texts(lines, family)
    return plain_table(title, headings, rows, ("method", "scheme"))


def plain_table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[str]], left: Collection[str]
) -> Table:
    """A table for a terminal, whose texts are shown as they are: they name others' files.

    Args:
        title: above it.
        headings: of the columns.
        rows: as many texts each.
        left: headings of columns of words; numbers stand to the right.
    """
    from rich.table import Table
    from rich.text import Text

    made = Table(title=Text(escaped(title)), title_justify="left")
    for head in headings:
        made.add_column(Text(escaped(head)), justify="left" if head in left else "right")
    for row in rows:
        made.add_row(*(Text(escaped(text)) for text in row))
    return made


def grid(observations: Mapping[str, NDArray[Any]], names: Iterable[tuple[str, str]]) -> bytes:
    """Originals and what the methods make of them, side by side (as the paper's fig. 2 and 3).

    Args:
        observations: of one cell; the samples shown are (k, s, s[, 3]) uint8 images.
        names: caption of each column, and name of its images among them.

    Returns:
        A PNG; one row per victim's reading, neighbouring rows of one subject first.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = [("original", "shown.original"), *names]
    columns = [(caption, name) for caption, name in columns if name in observations]
    count = len(observations["shown.original"])
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
