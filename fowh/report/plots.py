"""Plots of one cell: DET, score histograms, and a summary picture. No global plotting state."""

from __future__ import annotations

import io
import re
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.metrics.recognition import det, only_decides
from fowh.records.store import Record
from fowh.report import plane
from fowh.report.evidence import chosen, strongest
from fowh.report.numbers import Number, label, wrapped
from fowh.report.page import page
from fowh.report.plane import BLIND_COLOUR, CELL, CLEAR, GOAL, INK, dress
from fowh.report.samples import Observations, Strip
from fowh.report.words import scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE = 50  # characters of a summary's verdict on a line, for each plot across
_ACROSS = 3  # plots side by side in a summary, at least
_LEGEND = 48  # characters of a legend on a line
_CHARACTERS = 26  # of a sample that is text, on a line
_RATES = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.4)  # ticks of the DET
_LIMITS = (0.0001, 0.6)
_BINS = 60


def svg(figure: Figure) -> str:
    """A figure as an inline SVG in the page's own text colour and font, without any address."""
    from matplotlib import rc_context

    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "fowh"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    text = re.sub(r' xmlns(:xlink)?="[^"]*"', "", text)  # needless inside HTML
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # several figures would share these ids
    return re.sub(r' (width|height)="[^"]*pt"', "", text, count=2)  # the page decides


def png(figure: Figure, dpi: int = 110) -> bytes:
    """A figure as PNG on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def pairs(observations: Observations, name: str) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Mated and non-mated scores of a scenario; None where one of them is missing."""
    score = observations.get(f"utility.{name}.score")
    mated = observations.get(f"utility.{name}.mated")
    if score is None or mated is None or mated.all() or not mated.any():
        return None
    return score[mated], score[~mated]


def plain(text: str) -> str:
    """Text that is drawn as it is: between two dollars matplotlib would read mathematics."""
    return text.replace("$", r"\$")


def det_plots(record: Record, observations: Observations) -> list[Figure]:
    """The DET curves of all scenarios of utility in one figure; [] without comparisons."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 4.6), layout="constrained")
    return [figure] if draw_det(figure.subplots(), record, observations) else []


def draw_det(axes: Axes, record: Record, observations: Observations) -> bool:
    """Draw DET curves on probit axes (ISO/IEC 19795-1); whether there was one."""
    from scipy.special import ndtri

    dress(axes)
    headline, drawn = record["headline"], False
    colours = {headline["reference"]: CLEAR, headline["scenario"]: CELL}
    for name in headline["scenarios"]:
        scores = pairs(observations, name) if name in record["utility"] else None
        if scores is None:
            continue
        drawn = True
        fmr, fnmr, thresholds = det(*scores)
        x, y = ndtri(np.clip(fmr, *_LIMITS)), ndtri(np.clip(fnmr, *_LIMITS))
        kept = np.unique(np.round([x, y], 2), axis=1, return_index=True)[1]  # what the eye can see
        kept = np.sort(kept)
        style: dict[str, Any] = {"color": colours.get(name, GOAL), "lw": 1.6, "clip_on": False}
        if only_decides(np.concatenate(scores)):  # a point; nothing was measured beside it
            kept = np.searchsorted(thresholds[:-1], [1])
            style |= {"marker": "o", "ls": ""}
        axes.plot(x[kept], y[kept], label=plain(scenario(record, name)), **style)
    ticks, words = ndtri(_RATES), [f"{100 * rate:g}" for rate in _RATES]
    axes.set_xticks(ticks, words)
    axes.set_yticks(ticks, words)
    axes.set(xlim=ndtri(_LIMITS), ylim=ndtri(_LIMITS), xlabel="FMR (%)", ylabel="FNMR (%)")
    for rate in (0.001, 0.01):
        axes.axvline(ndtri(rate), color=BLIND_COLOUR, lw=0.7, ls=":")
    if drawn:
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
    return drawn


def guesses_plots(record: Record, observations: Observations) -> list[Figure]:
    """Success within so many guesses, for each success that the leak is about."""
    from matplotlib.figure import Figure

    figures = []
    for metric in record["headline"]["success"]:
        figure = Figure(figsize=(5.2, 4.2), layout="constrained")
        if draw_guesses(figure.subplots(), record, observations, metric):
            figures.append(figure)
    return figures


def draw_guesses(axes: Axes, record: Record, observations: Observations, metric: str) -> bool:
    """Draw a list of blind guesses beside the best single attack; whether there was a list."""
    turns = observations.get(f"guesses.{metric}")
    dress(axes)
    if turns is None or not len(turns):
        return False
    most = max(map(int, record["guesses"][metric]))
    counts = np.unique(np.geomspace(1, most, 100).astype(np.int64))
    share = [float(np.mean(turns <= count)) for count in counts]
    axes.step(counts, share, where="post", color=BLIND_COLOUR, lw=1.8, label="blind guesses")
    best = strongest(record, metric)
    if best.value is not None:
        after = record["best"].get("followed", {}).get(metric, {})
        known = {int(k): Number.of(metric, v) for k, v in after.items() if v["value"] is not None}
        then = ", then blind guesses" if known else ""
        words = textwrap.fill(f"best attack, {chosen(record, metric)}{then}", _LEGEND)
        known = known or dict.fromkeys((1, most), best)  # a record that does not say
        rates = np.array([(n.value, n.low, n.high) for n in known.values()], dtype=np.float64)
        axes.plot([*known], rates[:, 0], "o-", color=CELL, ms=4, lw=1.8, label=words)
        axes.fill_between([*known], rates[:, 1], rates[:, 2], color=CELL, alpha=0.15, lw=0)
    chance = record["chance"].get(metric)
    if chance is not None:
        axes.axhline(chance, color=INK, lw=0.8, ls=":", label="chance")
    axes.set(xscale="log", xlim=(1, most), ylim=(0, 1), xlabel="guesses for each victim")
    decades = [10**power for power in range(len(str(most)))]
    axes.set_xticks(decades, [f"{count:,}" for count in decades])
    axes.set_ylabel(f"{label(metric)} (%)")
    axes.set_yticks(np.linspace(0, 1, 6), [f"{100 * tick:g}" for tick in np.linspace(0, 1, 6)])
    below = (0.5, -0.16)  # the curve may be anywhere
    axes.legend(loc="upper center", bbox_to_anchor=below, frameon=False, labelcolor=INK, fontsize=9)
    return True


def scores_plots(record: Record, observations: Observations) -> list[Figure]:
    """Per scenario, mated and non-mated scores with the thresholds that attacks are judged by."""
    from matplotlib.figure import Figure

    figures = []
    for name in _scenarios(record, observations):
        scores = pairs(observations, name)
        if scores is None:
            continue
        figure = Figure(figsize=(5.2, 2.6), layout="constrained")
        axes = figure.subplots()
        dress(axes)
        _histogram(axes, *scores)
        for fmr, style in (("1e-2", "--"), ("1e-3", ":")):
            side = "t_embedding" if name == record["headline"]["reference"] else "t_protected"
            for at in _thresholds(observations, side, fmr):
                axes.axvline(at, color=INK, lw=0.9, ls=style)
        axes.set_title(plain(scenario(record, name)), fontsize=10, loc="left", color=INK)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("score, higher is more alike")
        axes.legend(frameon=False, labelcolor=INK, fontsize=9)
        figures.append(figure)
    return figures


def _scenarios(record: Record, observations: Observations) -> list[str]:
    """Scenarios with comparisons: the headline's in its order, then those it does not name."""
    there = {key.split(".")[1] for key in observations if key.startswith("utility.")}
    named = [name for name in record["headline"]["scenarios"] if name in there]
    return [*named, *sorted(there - set(named))]


def _histogram(axes: Axes, mated: NDArray[Any], other: NDArray[Any]) -> None:
    """Shares of mated and non-mated comparisons per bin; failed ones are counted in the legend."""
    edges = _edges(np.concatenate([mated, other]))
    for scores, word, colour in ((other, "non-mated", BLIND_COLOUR), (mated, "mated", CLEAR)):
        counts = np.histogram(scores[np.isfinite(scores)], edges)[0] / len(scores)
        failed = np.mean(~np.isfinite(scores))
        text = f"{word}, {100 * failed:.1f} % of them failed" if failed else word
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.55, label=text)


def _edges(scores: NDArray[Any]) -> NDArray[Any]:
    """About 60 bins; where scores are multiples of a step, each bin holds as many of them."""
    distinct = np.unique(scores[np.isfinite(scores)]).astype(np.float64)
    if len(distinct) < 2:
        return np.linspace(-0.5, 0.5, 4) + (distinct[0] if len(distinct) else 0.0)
    span, step = distinct[-1] - distinct[0], np.diff(distinct).min()
    if span > 4096 * step:
        return np.linspace(distinct[0], distinct[-1], _BINS + 1)
    width = step * max(1, round(span / step / _BINS))
    return np.arange(distinct[0] - step / 2, distinct[-1] + width, width)


def _thresholds(observations: Observations, side: str, fmr: str) -> NDArray[Any]:
    """One threshold per fold, as a score; those of embeddings are stored as distances."""
    sign = -1 if side == "t_embedding" else 1
    found = np.asarray(sign * observations.get(f"term.{side}.{fmr}", np.empty(0)))
    return np.unique(found[np.isfinite(found)])


def summary(record: Record, observations: Observations) -> bytes:
    """The cell in one picture (PNG): verdict, planes, DET and samples.

    Args:
        record: of the cell.
        observations: its raw observations; any may be missing.
    """
    from matplotlib.figure import Figure

    cell = page(record, observations)
    heights = [6.0, 0.85 * len(cell.strips)] if cell.strips else [6.0]
    across = max(_ACROSS, len(cell.places) + 2)
    figure = Figure(figsize=(4.4 * across, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False).ravel()
    title = wrapped(f"{cell.title}, {cell.comparable}", _LINE * across)
    words = f"{title}\n{wrapped(cell.verdict.text, _LINE * across)}"
    parts[0].suptitle(plain(words), fontsize=10, x=0.01, ha="left", color=INK)
    room = list(parts[0].subplots(1, across).ravel())
    for metric in cell.places:
        plane.draw(room.pop(0), [cell], metric)
    if draw_guesses(room[0], record, observations, record["headline"]["success"][0]):
        room.pop(0)
    if draw_det(room[0], record, observations):
        room.pop(0)
    for axes in room:
        axes.remove()
    strips = parts[-1].subplots(len(cell.strips), 1, squeeze=False).ravel() if cell.strips else ()
    for axes, strip in zip(strips, cell.strips, strict=True):
        axes.set_axis_off()
        _lay_out(axes, strip)
        axes.text(-0.01, 0.5, plain(strip.label), transform=axes.transAxes, ha="right", va="center")
    return png(figure)


def _lay_out(axes: Axes, strip: Strip) -> None:
    """The samples of a strip side by side: pictures, or text where they are text."""
    from PIL import Image

    pictures = [shown.png for shown in strip.samples if shown.png is not None]
    if pictures:
        opened = [np.asarray(Image.open(io.BytesIO(picture))) for picture in pictures]
        axes.imshow(np.concatenate(opened, axis=1), cmap="gray", vmin=0, vmax=255)
        return
    for column, shown in enumerate(strip.samples):
        short = textwrap.shorten(shown.text, 3 * _CHARACTERS, placeholder=" ...")
        text = textwrap.fill(short, _CHARACTERS)
        axes.text(column / len(strip.samples), 0.5, plain(text), fontsize=6, va="center", color=INK)
