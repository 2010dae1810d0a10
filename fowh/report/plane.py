"""Utility against inversion: where cells lie, and the corner that a one-way hash would fill."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fowh.metrics import BY_NAME
from fowh.report.numbers import Number, is_rate
from fowh.report.page import Page, Place

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#1f2328"  # text and axes; an SVG takes the page's colour instead
CELL, CLEAR, BLIND_COLOUR, GOAL = "#c8553d", "#3b7dd8", "#8a8f98", "#2e9e6b"
_TICKS = (0, 0.01, 0.05, 0.2, 0.5, 1)  # of the loss of utility
_APART = 17.0  # pixels between two markers at 100 dpi


def planes(pages: Sequence[Page]) -> list[Figure]:
    """One plane for each success that the leak is about; those without any value are left out.

    Args:
        pages: of cells that may be compared.
    """
    from matplotlib.figure import Figure

    figures = []
    for metric in pages[0].places if pages else ():
        figure = Figure(figsize=(5.2, 5.2), layout="constrained")
        if draw(figure.subplots(), pages, metric):
            figures.append(figure)
    return figures


def draw(axes: Axes, pages: Sequence[Page], metric: str) -> bool:
    """Draw one plane; several cells are numbered from 1 in their order.

    The aim is always the lower left corner: what is good when it is high runs from right to left.

    Args:
        axes: an empty one.
        pages: of cells that may be compared.
        metric: the success on the vertical axis.

    Returns:
        Whether any cell has both values, and both are shares.
    """
    dress(axes)
    places = [page.places[metric] for page in pages]
    axes.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.set_xlabel(f"{places[0].axes[0]} (%)")
    axes.set_ylabel(f"{places[0].axes[1]} (%)")
    lost = _higher_is_worse(places[0].utility.metric)
    axes.set_xticks(_TICKS, [f"{100 * (tick if lost else 1 - tick):g}" for tick in _TICKS])
    axes.set_yticks(np.linspace(0, 1, 6), [f"{100 * tick:g}" for tick in np.linspace(0, 1, 6)])
    points = [
        (str(number), point, place)
        for number, place in enumerate(places, 1)
        if (point := _point(place.utility, place.success))
    ]
    spots = _references(axes, pages, metric)
    words = "this cell" if len(pages) == 1 else "cells, by their number"
    for text, point, place in points:
        spot = free(axes.transData.transform(point), spots)
        spots.append(spot)
        at = axes.transData.inverted().transform(spot)
        style: dict[str, Any] = {"color": CELL, "clip_on": False}
        bars = _bars(place.success), _bars(_loss(place.utility))
        axes.errorbar(*point, *bars, capsize=2, lw=1, **style)
        axes.plot([point[0], at[0]], [point[1], at[1]], lw=0.8, **style)
        axes.plot(at[0], at[1], "o", ms=11, zorder=5, label=words, **style)
        words = "_"  # one entry in the legend
        if len(pages) > 1:
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


def _references(axes: Axes, pages: Sequence[Page], metric: str) -> list[Any]:
    """Draw what cells are compared with; returns the display coordinates that are taken."""
    from matplotlib.patches import Rectangle

    places: list[Place] = [page.places[metric] for page in pages]
    clear = [point for place in places if (point := _point(*place.clear))]
    reach = [_loss(place.clear[0]).high for place in places if is_rate(place.clear[0].metric)]
    guesses = [place.guess for place in places if place.guess]
    wide = max([0.02, *(high for high in reach if high is not None)])
    high = max([0.04, *(guess.bar for guess in guesses)])
    words = f"full utility, blind attacker ({_corner(places, wide, high)})"
    axes.add_patch(Rectangle((0, 0), wide, high, color=GOAL, alpha=0.3, lw=0, label=words))
    if guesses:
        best = max(guess.value for guess in guesses)
        text = f"best blind guess, {100 * best:.1f} %"
        axes.axhline(best, color=BLIND_COLOUR, ls="--", lw=1.2, label=text)
    if not clear:
        return []
    style: dict[str, Any] = {"color": CLEAR, "clip_on": False}
    axes.plot(*clear[0], "D", ms=8, label=f"unprotected {pages[0].leak}", **style)
    return [axes.transData.transform(clear[0])]


def _corner(places: Sequence[Place], wide: float, high: float) -> str:
    """What lies in the corner: surely nothing only where no interval reaches into it."""
    points = [_point(each.utility, each.success) for each in places]
    inside = sum(point is not None and point[0] <= wide and point[1] <= high for point in points)
    if inside:
        return f"{inside} of {sum(point is not None for point in points)} in it"
    ends = [(_loss(each.utility).low, each.success.low) for each in places]
    beyond = [(x or 0.0) > wide or (y or 0.0) > high for x, y in ends]
    return "empty" if all(beyond) else "not surely empty"


def _point(utility: Number, success: Number) -> tuple[float, float] | None:
    """Where the two lie; None where one is unknown or no share."""
    x, y = _loss(utility).value, success.value
    if x is None or y is None or not (is_rate(utility.metric) and is_rate(success.metric)):
        return None
    return x, y


def _higher_is_worse(metric: str) -> bool:
    return BY_NAME[metric].attacker_prefers == "higher"


def _loss(utility: Number) -> Number:
    """How much of a system's utility is gone: an error rate as it is, else what is left to 1."""
    if _higher_is_worse(utility.metric) or utility.value is None:
        return utility
    low, high = (None if end is None else 1 - end for end in (utility.high, utility.low))
    return Number(utility.metric, 1 - utility.value, low, high, utility.n)


def _bars(number: Number) -> Any:
    """Lengths of the error bars below and above, or None."""
    if number.low is None or number.high is None or number.value is None:
        return None
    return np.array([[max(0.0, number.value - number.low)], [max(0.0, number.high - number.value)]])


def free(spot: Any, taken: Sequence[Any]) -> Any:
    """The place nearest to ``spot`` where a marker covers no other one (display coordinates)."""
    for step in range(200):  # a spiral outwards
        turn, far = 2.4 * step, _APART * 0.35 * np.sqrt(step)
        candidate = np.asarray(spot) + far * np.array([np.cos(turn), np.sin(turn)])
        if all(np.hypot(*(candidate - other)) >= _APART for other in taken):
            return candidate
    return np.asarray(spot)
