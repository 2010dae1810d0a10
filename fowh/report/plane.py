"""Usability against inversion: where cells lie, and the corner that a one-way hash would fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fowh.report.numbers import known, measured
from fowh.report.summary import Record, headline
from fowh.report.verdict import at_goal, blind

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2328"  # text and axes; an SVG takes the page's colour instead
CELL, CLEAR, BLIND_COLOUR, GOAL = "#c8553d", "#3b7dd8", "#8a8f98", "#2e9e6b"
_X = "fnmr_at_fmr_1e-2"
_TICKS = (0, 0.01, 0.05, 0.2, 0.5, 1)
_Y = {"rank1": "worst case, rank 1", "type1_at_fmr_1e-3": "worst case, type 1 at FMR 0.1 %"}
_APART = 17.0  # pixels between two markers at 100 dpi


def planes(records: Sequence[Record]) -> list[Figure]:
    """One plane for each worst case; [] when no record has the values."""
    from matplotlib.figure import Figure

    figures = []
    for metric in _Y:
        figure = Figure(figsize=(5.2, 5.2), layout="constrained")
        if draw(figure.subplots(), records, metric):
            figures.append(figure)
    return figures


def draw(axes: Axes, records: Sequence[Record], metric: str) -> bool:
    """Draw one plane; several records are numbered from 1 in their order.

    Args:
        axes: an empty one.
        records: cells of one dataset and target, whose controls are alike.
        metric: the worst case on the vertical axis.

    Returns:
        Whether any record has both values.
    """
    dress(axes)
    axes.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel=f"{_Y[metric]} (%)")
    axes.set_xlabel("FNMR at FMR 1 %, stolen key (%)")
    axes.set_xticks(_TICKS, [f"{100 * tick:g}" for tick in _TICKS])
    axes.set_yticks(np.linspace(0, 1, 6), [f"{100 * tick:g}" for tick in np.linspace(0, 1, 6)])
    points = [
        (str(number), measured(place[_X]), measured(place[metric]))
        for number, place in enumerate(map(headline, records), 1)
        if measured(place[_X])["value"] is not None and measured(place[metric])["value"] is not None
    ]
    spots = _references(axes, records, metric)
    words: str | None = "this cell" if len(records) == 1 else "cells, by their number"
    for text, x, y in points:
        spot = _free(axes.transData.transform((x["value"], y["value"])), spots)
        spots.append(spot)
        at = axes.transData.inverted().transform(spot)
        lines: dict[str, Any] = {"color": CELL, "clip_on": False}
        axes.errorbar(x["value"], y["value"], _bars(y), _bars(x), capsize=2, lw=1, **lines)
        axes.plot([x["value"], at[0]], [y["value"], at[1]], lw=0.8, **lines)
        axes.plot(at[0], at[1], "o", ms=11, zorder=5, label=words, **lines)
        words = None  # one entry in the legend
        if len(records) > 1:
            number = axes.text(at[0], at[1], text, fontsize=7.5, weight="bold", zorder=6)
            number.set(ha="center", va="center", color="white")
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.16), frameon=False, labelcolor=INK, fontsize=9
    )
    return bool(points)


def dress(axes: Axes) -> None:
    """Plain axes in one ink on no background."""
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)
    for spine in axes.spines.values():
        spine.set_color(INK)
    axes.tick_params(colors=INK, which="both")
    for text in (axes.xaxis.label, axes.yaxis.label, axes.title):
        text.set_color(INK)


def _references(axes: Axes, records: Sequence[Record], metric: str) -> list[Any]:
    """Draw what cells are compared with; returns the display coordinates that are taken."""
    from matplotlib.patches import Rectangle

    clear = [(record.get("recognition") or {}).get("unprotected") or {} for record in records]
    controls = [(record.get("controls") or {}).get("unprotected") or {} for record in records]
    x, y = known(clear, _X), known([part.get("metrics") or {} for part in controls], metric)
    guesses = [guess for guess in (blind(record, metric) for record in records) if guess]
    wide = max([0.02, *known(clear, _X, "ci_high")])
    high = max([0.04, *(bar for _, bar in guesses)])
    empty = "" if any(map(at_goal, records)) else " (empty)"
    words = f"full recognition, blind attacker{empty}"
    axes.add_patch(Rectangle((0, 0), wide, high, color=GOAL, alpha=0.3, lw=0, label=words))
    if guesses:
        best = max(value for value, _ in guesses)
        text = f"best blind guess, {100 * best:.1f} %"
        axes.axhline(best, color=BLIND_COLOUR, ls="--", lw=1.2, label=text)
    if not (x and y):
        return []
    style: dict[str, Any] = {"color": CLEAR, "clip_on": False, "label": "unprotected templates"}
    axes.plot(x[0], y[0], "D", ms=8, **style)
    return [axes.transData.transform((x[0], y[0]))]


def _bars(value: dict[str, Any]) -> Any:
    """Lengths of the error bars below and above, or None."""
    low, at, high = value["ci_low"], value["value"], value["ci_high"]
    if low is None or high is None:
        return None
    return np.array([[max(0.0, at - low)], [max(0.0, high - at)]])


def _free(spot: Any, taken: Sequence[Any]) -> Any:
    """The place nearest to ``spot`` where a marker covers no other one (display coordinates)."""
    for step in range(200):  # a spiral outwards
        turn, far = 2.4 * step, _APART * 0.35 * np.sqrt(step)
        candidate = np.asarray(spot) + far * np.array([np.cos(turn), np.sin(turn)])
        if all(np.hypot(*(candidate - other)) >= _APART for other in taken):
            return candidate
    return np.asarray(spot)
