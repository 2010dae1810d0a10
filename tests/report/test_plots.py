"""Plots: valid pictures, the right points, nothing global."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.special import ndtr

from fowh.metrics.recognition import det
from fowh.report import plane, plots
from fowh.report.page import Page, page
from tests.report.cells import answering, answers, broken, observations, resisting, value

NOTHING: dict[str, Any] = {
    "best": {"metrics": {}, "chosen": {}},
    "worst": {"metrics": {}, "folds": 0, "of": [], "blind": {}},
}


def pages(*records: dict[str, Any]) -> list[Page]:
    return [page(record) for record in records]


def test_summary_is_one_picture() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    found = observations()
    kept = {name: array.copy() for name, array in found.items()}
    image = Image.open(io.BytesIO(plots.summary(broken(), found)))
    image.load()
    assert image.format == "PNG"
    assert image.width > 1200
    assert dict(matplotlib.rcParams) == before
    assert all(np.array_equal(found[name], array) for name, array in kept.items())
    pixels = np.asarray(image.convert("L"))
    assert pixels[:60].min() < 100  # the verdict is written on top


def test_summary_without_anything_to_draw() -> None:
    nothing: dict[str, Any] = {"utility": {}, "controls": {}, "attacks": {}, "rendered": {}}
    bare = broken() | nothing | NOTHING
    assert plots.summary(bare, {}).startswith(b"\x89PNG")


def test_summary_shows_samples() -> None:
    plain, shown = (
        Image.open(io.BytesIO(plots.summary(broken(), found)))
        for found in ({}, {k: v for k, v in observations().items() if k.startswith("shown")})
    )
    assert shown.height > plain.height + 300


def test_summary_of_samples_that_are_text() -> None:
    record = broken()
    record["spec"]["dataset"]["modality"] = "vector"
    shown = {"shown.original": np.eye(2, 5), "shown.subject": np.arange(2)}
    image = np.asarray(Image.open(io.BytesIO(plots.summary(record, shown))).convert("L"))
    assert image[-80:, 200:].min() < 100  # something is written there


def test_summary_of_a_classifiers_answers() -> None:
    assert plots.summary(answering(), answers()).startswith(b"\x89PNG")


@pytest.mark.parametrize("which", ["det", "scores", "planes", "guesses"])
def test_svgs_are_well_formed_and_stand_alone(which: str) -> None:
    found = observations(images=False)
    figures = {
        "det": lambda: plots.det_plots(broken(), found),
        "scores": lambda: plots.scores_plots(broken(), found),
        "planes": lambda: plane.planes(pages(broken(), resisting())),
        "guesses": lambda: plots.guesses_plots(broken(), found),
    }[which]()
    assert len(figures) == {"det": 1, "scores": 4, "planes": 2, "guesses": 2}[which]
    for figure in figures[:2]:
        text = plots.svg(figure)
        assert "http" not in text
        assert 'id="figure' not in text
        assert plane.INK not in text
        assert "currentColor" in text
        assert not re.search(r"<svg[^>]*(width|height)=", text)
        root = ET.fromstring(text.replace("xlink:href", "href"))
        assert root.tag == "svg"
        used = set(re.findall(r'href="#([^"]+)"', text)) | set(re.findall(r"url\(#([^)]+)\)", text))
        assert used <= set(re.findall(r'id="([^"]+)"', text))
        assert len(text) < 100_000


def test_svgs_are_deterministic() -> None:
    first, second = (plots.svg(plane.planes(pages(broken()))[0]) for _ in range(2))
    assert first == second


def test_det_runs_through_the_operating_points() -> None:
    from matplotlib.figure import Figure

    found = observations(images=False)
    axes = Figure().subplots()
    assert plots.draw_det(axes, broken(), found)
    assert [line.get_label() for line in axes.lines[:3]] == [
        *("unprotected", "protected, own keys", "protected, stolen key"),
    ]
    x, y = (ndtr(np.asarray(values, dtype=float)) for values in axes.lines[2].get_data())
    fmr, fnmr, _ = det(*(plots.pairs(found, "stolen_key") or ((), ())))
    for level in (0.001, 0.01, 0.1):
        drawn = np.interp(level, x[::-1], y[::-1])
        assert drawn == pytest.approx(np.interp(level, fmr[::-1], fnmr[::-1]), rel=0.1)


def test_a_scheme_that_decides_is_a_point_of_the_det() -> None:
    """Two of forty mated are rejected, and three of two hundred others are accepted."""
    from matplotlib.figure import Figure

    found = observations(images=False)
    found["utility.stolen_key.mated"] = np.repeat([True, False], [40, 200])
    found["utility.stolen_key.score"] = np.repeat([0.0, 1, 0], [2, 41, 197])
    axes = Figure().subplots()
    assert plots.draw_det(axes, broken(), found)
    assert len(axes.lines[1].get_xdata()) > 2 and axes.lines[1].get_linestyle() == "-"
    assert axes.lines[2].get_linestyle() == "None"
    assert ndtr(np.ravel(axes.lines[2].get_data())) == pytest.approx([3 / 200, 2 / 40])


def test_thresholds_are_drawn_as_scores() -> None:
    found = observations(images=False)
    found["term.t_embedding.1e-2"] = np.array(
        [0.61, 0.61, 0.64, np.nan]
    )  # distances, one per template
    found["term.t_protected.1e-2"] = np.array([0.31, 0.33])
    drawn = []
    for figure in plots.scores_plots(broken(), found):
        lines = figure.axes[0].lines
        drawn.append(sorted({float(np.asarray(line.get_xdata())[0]) for line in lines}))
    assert drawn == [[-0.64, -0.61], [0.31, 0.33], [0.31, 0.33], [0.31, 0.33]]


def test_failed_comparisons_are_counted_not_drawn() -> None:
    found = observations(images=False)
    name = "utility.stolen_key"
    scores, mated = found[f"{name}.score"].copy(), found[f"{name}.mated"]
    scores[np.flatnonzero(mated)[:900]] = -np.inf  # half of the 1,800
    figures = plots.scores_plots(broken(), found | {f"{name}.score": scores})
    legend = figures[2].axes[0].get_legend()
    assert legend is not None
    assert "mated, 50.0 % of them failed" in [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("labels", [np.zeros(9, bool), np.ones(9, bool)])
def test_one_kind_of_comparison_is_no_plot(labels: np.ndarray) -> None:
    found = {"utility.unprotected.score": np.arange(9.0), "utility.unprotected.mated": labels}
    assert plots.det_plots(broken(), found) == []
    assert plots.scores_plots(broken(), found) == []


def test_answers_have_no_scores_to_plot() -> None:
    assert plots.det_plots(answering(), answers()) == []
    assert plots.scores_plots(answering(), answers()) == []


def test_blind_guesses_are_drawn_beside_the_best_attack_and_chance() -> None:
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert plots.draw_guesses(axes, broken(), observations(images=False), "rank1")
    curve, best, chance = axes.lines
    x, y = (np.asarray(values, float) for values in curve.get_data())
    for count, share in ((1, "1"), (1000, "1000")):
        stated = broken()["guesses"]["rank1"][share]["value"]
        assert y[x == count] == pytest.approx(stated, abs=0.02)
    assert (np.diff(y) >= 0).all() and (x[0], x[-1]) == (1, 1000)
    assert set(best.get_ydata()) == {0.985} and set(chance.get_ydata()) == {0.0566}
    legend = axes.get_legend()
    assert legend is not None
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["blind guesses", "best attack, preimage", "chance"]


def test_the_best_attack_may_be_followed_by_blind_guesses() -> None:
    from matplotlib.figure import Figure

    record, axes = broken(), Figure().subplots()
    shares = {"1": value(0.3), "10": value(0.4), "100": value(0.8), "1000": value(0.9)}
    record["best"]["followed"] = {"rank1": shares | {"1000": {"value": None}}}
    assert plots.draw_guesses(axes, record, observations(images=False), "rank1")
    x, y = (np.asarray(of, float) for of in axes.lines[1].get_data())
    assert (x.tolist(), y.tolist()) == ([1, 10, 100], [0.3, 0.4, 0.8])
    assert axes.lines[1].get_label() == "best attack, preimage, then blind guesses"


@pytest.mark.parametrize("turns", [None, np.empty(0)])
def test_without_a_list_of_guesses_there_is_no_plot(turns: np.ndarray | None) -> None:
    found = {} if turns is None else {"guesses.rank1": turns}
    assert plots.guesses_plots(broken(), found) == []


def test_guesses_that_all_fail_are_a_line_at_the_bottom() -> None:
    found = {"guesses.rank1": np.full(9, np.inf)}
    (figure,) = plots.guesses_plots(broken() | NOTHING, found)
    (curve, _) = figure.axes[0].lines  # no best attack without one; chance
    assert set(curve.get_ydata()) == {0}


def test_scenarios_without_a_name_are_plotted_last() -> None:
    found = observations(images=False)
    for part in ("score", "mated"):
        found[f"utility.after_ten_years.{part}"] = found[f"utility.own_key.{part}"]
    titles = [f.axes[0].get_title(loc="left") for f in plots.scores_plots(broken(), found)]
    assert titles[-2:] == ["protected, across keys", "after ten years"]


def test_constant_scores() -> None:
    scores = {"utility.own_key.score": np.zeros(9), "utility.own_key.mated": np.arange(9) > 4}
    assert "<svg" in plots.svg(plots.scores_plots(broken(), scores)[0])
    assert "<svg" in plots.svg(plots.det_plots(broken(), scores)[0])


@pytest.mark.parametrize("steps", [1, 7, 60, 300, 2000])
def test_bins_of_discrete_scores_hold_equally_many(steps: int) -> None:
    """Otherwise a flat distribution of agreeing digits looks like a comb."""
    scores = (np.arange(steps + 1) / 300).astype(np.float32)
    edges = plots._edges(scores)
    counts = np.histogram(scores, edges)[0]
    assert counts.sum() == steps + 1
    assert len(set(counts[:-1])) <= 1
    assert len(edges) <= 100


def test_bins_of_continuous_scores_cover_them() -> None:
    scores = np.random.default_rng(0).normal(size=9999)
    scores[:5] = -np.inf
    assert np.histogram(scores[5:], plots._edges(scores))[0].sum() == 9994


def _points(axes: object) -> list[tuple[float, float]]:
    lines = [line for line in axes.lines if line.get_marker() == "o"]  # type: ignore[attr-defined]
    return [(float(line.get_xdata()[0]), float(line.get_ydata()[0])) for line in lines]


def test_plane_shows_cells_references_and_the_empty_corner() -> None:
    from matplotlib.figure import Figure

    both = [broken(), resisting()]
    for cells, words in (([broken()], "attacker (empty)"), (both, "attacker (1 of 2 in it)")):
        axes = Figure(figsize=(5, 5)).subplots()
        assert plane.draw(axes, pages(*cells), "type1_at_fmr_1e-3")
        legend = axes.get_legend()
        assert legend is not None
        texts = [text.get_text() for text in legend.get_texts()]
        assert f"full utility, blind {words}" in texts
        assert "best blind guess, 26.1 %" in texts
        assert len(_points(axes)) == len(cells)
    assert _points(axes)[1] == pytest.approx((0.003, 0.243))  # nothing near it: not moved


@pytest.mark.parametrize(
    ("lost", "found", "words"),
    [
        ((0.5, 0.4), (0.9, 0.8), "empty"),
        ((0.01, 0.0), (0.9, 0.8), "empty"),  # its attacker is surely no blind one
        ((0.9, 0.8), (0.2, 0.0), "empty"),  # nor does it recognise
        ((0.01, 0.0), (0.9, 0.2), "not surely empty"),  # an interval reaches in
        ((0.3, 0.0), (0.2, 0.0), "not surely empty"),
        ((0.01, 0.0), (0.2, 0.1), "1 of 1 in it"),
        ((0.01, None), (0.9, None), "not surely empty"),
    ],
)
def test_the_corner_is_called_empty_by_points_and_intervals(
    lost: tuple[float, float | None], found: tuple[float, float | None], words: str
) -> None:
    """It ends at 2 % lost, or where the reference may lie, and at what a blind guess may reach."""
    from matplotlib.figure import Figure

    record = broken()
    for values, name, (point, low) in (
        (record["utility"]["stolen_key"], "fnmr_at_fmr_1e-2", lost),
        (record["best"]["metrics"], "type1_at_fmr_1e-3", found),
    ):
        values[name] = {"value": point, "ci_low": low, "ci_high": 1.0, "n": 40}
    axes = Figure(figsize=(5, 5)).subplots()
    plane.draw(axes, pages(record), "type1_at_fmr_1e-3")
    texts = [text.get_text() for text in axes.get_legend().get_texts()]
    assert f"full utility, blind attacker ({words})" in texts


def test_the_blind_line_and_the_corner_are_those_of_the_rows_that_all_span() -> None:
    """Wide intervals of a few pictures move neither."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    record = broken()
    record["controls"]["mean_rendered"]["metrics"]["rank1"] = value(0.125, 80, 0.25)
    axes = Figure(figsize=(5, 5)).subplots()
    plane.draw(axes, pages(record), "rank1")
    assert "best blind guess, 2.1 %" in [text.get_text() for text in axes.get_legend().get_texts()]
    corner = next(patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert corner.get_height() == pytest.approx(0.041)


def test_markers_never_cover_each_other() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5))
    axes = figure.subplots()
    plane.draw(axes, pages(broken()) * 12, "rank1")
    spots = axes.transData.transform(_points(axes))
    apart = np.hypot(*(spots[:, None] - spots[None]).transpose(2, 0, 1))
    assert apart[~np.eye(12, dtype=bool)].min() >= plane._APART - 1e-6


def test_what_is_good_when_high_runs_from_right_to_left() -> None:
    """So that the aim is the lower left corner of every plane."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    axes = Figure(figsize=(5, 5)).subplots()
    assert plane.draw(axes, pages(answering(accuracy=0.8)), "named")
    assert _points(axes) == [pytest.approx((0.2, 0.716))]
    ticks = [text.get_text() for text in axes.get_xticklabels()]
    assert dict(zip(axes.get_xticks(), ticks, strict=True))[0.2] == "80"
    assert axes.get_xlabel() == "Accuracy, as they leave (%)"
    corner = next(patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert corner.get_width() == pytest.approx(1 - 0.917)  # down to where the reference may lie
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert "unprotected outputs" in words
    assert "best blind guess, 1.1 %" in words


def test_plane_without_values() -> None:
    bare = broken() | NOTHING
    assert plane.planes([]) == []
    assert plane.planes(pages(bare)) == []
    assert len(plane.planes(pages(bare, broken()))) == 2


def test_what_is_no_share_is_not_drawn() -> None:
    record = broken()
    record["headline"] |= {"utility": "psnr"}
    record["utility"]["stolen_key"]["psnr"] = value(0.5)
    assert plane.planes(pages(record)) == []


@pytest.mark.parametrize(
    ("part", "drawn"),
    [("utility", False), ("attacks", True), ("rendered", True), ("controls", True)],
)
def test_plane_with_an_empty_part(part: str, drawn: bool) -> None:
    from matplotlib.figure import Figure

    assert plane.draw(Figure().subplots(), pages(broken() | {part: {}}), "rank1") is drawn
