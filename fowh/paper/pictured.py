"""Pictures of a table: originals and what came back row by row, and utility against inversion."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fowh.records.store import Record
from fowh.report.evidence import chosen
from fowh.report.plane import BLIND_COLOUR, CELL, INK, dress, free
from fowh.report.samples import Observations, Strip, strips

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INCH = 0.85  # of a sample
COLOURS = 64  # of a picture
Numbers = Mapping[str, Mapping[str, Mapping[str, float | None]]]


def grid(rows: Sequence[tuple[str, Record, Observations]]) -> bytes | None:
    """A PNG of the first fold's victims: what was stolen, then what each row's attack made.

    The attack of a row is its best single one, as chosen on the people of the second fold on; a
    frame marks the samples that are taken for the victim's. There is none where the target itself
    would be the judge of what was made against it.

    Args:
        rows: name, record and observations of each row of a table.

    Returns:
        None where no row shows samples.
    """
    lines: list[tuple[str, Strip]] = []
    for name, record, observations in rows:
        found = {strip.label: strip for strip in strips(record, observations)}
        if not lines and "the victim" in found:
            lines.append(("the victim", found["the victim"]))
        names = chosen(record, record["headline"]["success"][0]).split(" / ")
        for attack in names[:1]:
            if attack in found:
                lines.append((f"{name}\n{attack}", found[attack]))
    if len(lines) < 2:
        return None
    own = rows[0][1]["headline"]["success"][0] == "named"
    columns = max(len(strip.samples) for _, strip in lines)
    figure, cells = _figure(columns, len(lines))
    for (name, strip), line in zip(lines, cells, strict=True):
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize=7, color=INK)
        hits = (not own and strip.hits) or [False] * columns
        for axes, shown, hit in zip(line, strip.samples, hits, strict=False):
            _draw(axes, shown.png, hit)
    return _png(figure)


def plane(numbers: Numbers, x: str, y: str, tag: str) -> bytes:
    """A PNG of a table's rows as points: ``x`` against ``y``, each with its name and ``tag``.

    Args:
        numbers: of a table, by row and column; rates 0..1.
        x: column of utility.
        y: column of inversion.
        tag: column whose number stands beside a point, where there is one.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    dress(axes)
    axes.set(xlabel=f"{x} of what is trained under the scheme (%)", ylabel=f"Rank-1, {y} (%)")
    axes.set(xlim=(0, 103), ylim=(-3, 103))
    blind = [
        row["one blind guess"]["value"] for row in numbers.values() if "one blind guess" in row
    ]
    best = max((value for value in blind if value is not None), default=None)
    if best is not None:
        axes.axhline(100 * best, color=BLIND_COLOUR, ls="--", lw=1, label="one blind guess")
    points = {
        name: (100 * row[x]["value"], 100 * row[y]["value"])  # type: ignore[operator]
        for name, row in numbers.items()
        if row[x]["value"] is not None and row[y]["value"] is not None
    }
    spots: list[Any] = [axes.transData.transform(point) for point in points.values()]
    for number, (name, row) in enumerate(numbers.items(), 1):
        if name not in points:
            continue
        point, more = points[name], row[tag]["value"]
        axes.errorbar(*point, _bar(row[y]), _bar(row[x]), color=CELL, capsize=2, lw=0.5)
        # The dot is where the values are; only its number gives way to others.
        spots.append(free(axes.transData.transform(point), spots))
        at = axes.transData.inverted().transform(spots[-1])
        words = name if more is None else f"{name}, ε {more:,.0f}"
        axes.plot([point[0], at[0]], [point[1], at[1]], color=INK, lw=0.5, clip_on=False)
        style: dict[str, Any] = {"color": CELL, "clip_on": False, "ls": "none"}
        axes.plot(*point, marker="o", ms=5, zorder=5, label=f"{number}  {words}", **style)
        text = axes.text(at[0], at[1], str(number), fontsize=7.5, weight="bold", zorder=6)
        text.set(ha="center", va="center", color=INK)
    beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1.01, 1), "fontsize": 7.5}
    axes.legend(frameon=False, labelcolor=INK, **beside)
    return _png(figure)


def _bar(given: Mapping[str, float | None]) -> Any:
    value, low, high = (given[key] for key in ("value", "ci_low", "ci_high"))
    if value is None or low is None or high is None:
        return None
    return 100 * np.array([[max(0.0, value - low)], [max(0.0, high - value)]])


def _figure(columns: int, lines: int) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    size = (INCH * columns + 2.2, INCH * lines)
    figure = Figure(figsize=size, layout="constrained", dpi=110)
    cells = figure.subplots(lines, columns, squeeze=False)
    for axes in cells.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure, cells


def _draw(axes: Any, png: bytes | None, hit: bool) -> None:
    import matplotlib.image

    if png is None:
        return
    axes.imshow(matplotlib.image.imread(io.BytesIO(png)), cmap="gray", vmin=0, vmax=1)
    axes.spines[:].set(visible=hit, color=CELL, linewidth=2)


def _png(figure: Figure) -> bytes:
    drawn = io.BytesIO()
    figure.savefig(drawn, format="png", metadata={"Software": None})
    return small(drawn)


def small(drawn: io.BytesIO) -> bytes:
    """A PNG in ``COLOURS`` colours: greys and one ink need no more, and half the bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.open(drawn).convert("RGB").quantize(COLOURS).save(out, "png", optimize=True)
    return out.getvalue()
