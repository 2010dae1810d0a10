"""Plots: valid pictures, the right points, nothing global."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image
from scipy.special import ndtr

from fowh.metrics.recognition import det
from fowh.report import pictures, plane, plots
from tests.report.cells import broken, observations, resisting, value


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
    bare = broken() | {"recognition": {}, "worst": {}, "controls": {}, "attacks": {}}
    assert plots.summary(bare, {}).startswith(b"\x89PNG")


@pytest.mark.parametrize("which", ["det", "scores", "planes"])
def test_svgs_are_well_formed_and_stand_alone(which: str) -> None:
    found = observations(images=False)
    figures = {
        "det": lambda: plots.det_plots(found),
        "scores": lambda: plots.scores_plots(found),
        "planes": lambda: plane.planes([broken(), resisting()]),
    }[which]()
    assert len(figures) == {"det": 1, "scores": 4, "planes": 2}[which]
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
    first, second = (plots.svg(plane.planes([broken()])[0]) for _ in range(2))
    assert first == second


def test_det_runs_through_the_operating_points() -> None:
    from matplotlib.figure import Figure

    found = observations(images=False)
    axes = Figure().subplots()
    assert plots.draw_det(axes, found)
    assert [line.get_label() for line in axes.lines[:1]] == ["unprotected"]
    x, y = (ndtr(np.asarray(values, dtype=float)) for values in axes.lines[2].get_data())
    fmr, fnmr, _ = det(*(plots.pairs(found, "stolen_key") or ((), ())))
    for level in (0.001, 0.01, 0.1):
        drawn = np.interp(level, x[::-1], y[::-1])
        assert drawn == pytest.approx(np.interp(level, fmr[::-1], fnmr[::-1]), rel=0.1)


def test_thresholds_are_drawn_as_scores() -> None:
    found = observations(images=False)
    found["t_embedding.1e-2"] = np.array([0.61, 0.61, 0.64, np.nan])  # distances, one per template
    found["t_protected.1e-2"] = np.array([0.31, 0.33])
    drawn = []
    for figure in plots.scores_plots(found):
        lines = figure.axes[0].lines
        drawn.append(sorted({float(np.asarray(line.get_xdata())[0]) for line in lines}))
    assert drawn == [[-0.64, -0.61], [0.31, 0.33], [0.31, 0.33], [0.31, 0.33]]


def test_failed_comparisons_are_counted_not_drawn() -> None:
    found = observations(images=False)
    name = "pairs.stolen_key"
    scores, mated = found[f"{name}.score"].copy(), found[f"{name}.mated"]
    scores[np.flatnonzero(mated)[:900]] = -np.inf  # half of the 1,800
    figures = plots.scores_plots(found | {f"{name}.score": scores})
    legend = figures[2].axes[0].get_legend()
    assert legend is not None
    assert "mated, 50.0 % of them failed" in [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("labels", [np.zeros(9, bool), np.ones(9, bool)])
def test_one_kind_of_comparison_is_no_plot(labels: np.ndarray) -> None:
    found = {"pairs.unprotected.score": np.arange(9.0), "pairs.unprotected.mated": labels}
    assert plots.det_plots(found) == []
    assert plots.scores_plots(found) == []


def test_constant_scores() -> None:
    scores = {"pairs.own_key.score": np.zeros(9), "pairs.own_key.mated": np.arange(9) > 4}
    assert "<svg" in plots.svg(plots.scores_plots(scores)[0])
    assert "<svg" in plots.svg(plots.det_plots(scores)[0])


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

    for cells, words in (([broken()], "attacker (empty)"), ([broken(), resisting()], "attacker")):
        axes = Figure(figsize=(5, 5)).subplots()
        assert plane.draw(axes, cells, "type1_at_fmr_1e-3")
        legend = axes.get_legend()
        assert legend is not None
        texts = [text.get_text() for text in legend.get_texts()]
        assert f"full recognition, blind {words}" in texts
        assert "best blind guess, 26.1 %" in texts
        assert len(_points(axes)) == len(cells)
    assert _points(axes)[1] == pytest.approx((0.003, 0.39))  # nothing near it: not moved


def test_the_blind_line_and_the_corner_are_those_of_the_worst_case() -> None:
    """Wide intervals of a few pictures move neither."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    record = broken()
    record["controls"]["mean_face"]["metrics"]["rank1"] = value(0.125, 80, 0.25)
    axes = Figure(figsize=(5, 5)).subplots()
    plane.draw(axes, [record], "rank1")
    assert "best blind guess, 2.1 %" in [text.get_text() for text in axes.get_legend().get_texts()]
    corner = next(patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert corner.get_height() == pytest.approx(0.041)


def test_markers_never_cover_each_other() -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5))
    axes = figure.subplots()
    plane.draw(axes, [broken()] * 12, "rank1")
    spots = axes.transData.transform(_points(axes))
    apart = np.hypot(*(spots[:, None] - spots[None]).transpose(2, 0, 1))
    assert apart[~np.eye(12, dtype=bool)].min() >= plane._APART - 1e-6


def test_plane_without_values() -> None:
    bare = broken() | {"worst": {"metrics": {}, "folds": 0}}
    assert plane.planes([bare]) == []
    assert len(plane.planes([bare, broken()])) == 2


@pytest.mark.parametrize("missing", ["recognition", "attacks", "faces", "controls", "worst"])
def test_plane_with_a_part_missing(missing: str) -> None:
    from matplotlib.figure import Figure

    for record in ({k: v for k, v in broken().items() if k != missing}, broken() | {missing: None}):
        drawn = plane.draw(Figure().subplots(), [record], "rank1")
        assert drawn is (missing not in ("recognition", "worst"))


def test_grid_order_and_labels() -> None:
    found = observations()
    found["image.control.unprotected_face"] = found.pop("image.unprotected")
    labels = [row.label for row in pictures.grid(found)]
    assert labels == [
        "the victim",
        "attacker's nearest own",
        "gan",
        "preimage → face",
        "unprotected → face",
    ]
    assert pictures.grid({}) == []
    many = {"image.original": np.zeros((50, 8, 8), np.uint8)}
    assert len(pictures.grid(many)[0].pictures) == pictures.SHOWN


def test_hits_belong_to_the_pictures_shown() -> None:
    """Each shown victim's first template of the first fold, not of a later one."""
    found = {
        "image.subject": np.array([2, 5]),
        "attack.gan.fold": np.array([1, 0, 0, 0, 0]),
        "attack.gan.subject": np.array([2, 5, 2, 2, 5]),
        "attack.gan.rank1": np.array([True, True, False, True, False]),
    }
    assert pictures.hits(found, "attack.gan") == [False, True]
    assert pictures.hits(found, "attack.other") is None
    found["image.subject"] = np.array([7])
    assert pictures.hits(found, "attack.gan") is None


@pytest.mark.parametrize("shape", [(64, 64), (150, 150), (150, 150, 3)])
def test_pictures_are_small_pngs(shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    image = Image.open(io.BytesIO(pictures.png(noise)))
    assert max(image.size) <= 112
    if shape == (64, 64):
        assert np.array_equal(np.asarray(image), noise)
