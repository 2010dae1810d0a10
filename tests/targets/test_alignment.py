"""Faces on ArcFace's template: the similarity, the cut, and dlib's chips beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from skimage.transform import SimilarityTransform

from fowh.datasets.orl import Orl
from fowh.targets import _alignment, _faces
from fowh.targets._onnx_net import Reading
from fowh.targets.dlib import Dlib


def spots(points: Any, height: int, width: int, radius: float) -> Any:
    """A picture (h, w) uint8 with smooth bright spots at points (k, 2), x and y from its corner."""
    y, x = np.mgrid[:height, :width] + 0.5
    away = [(x - p) ** 2 + (y - q) ** 2 for p, q in points]
    bright = sum(np.exp(-each / (2 * radius**2)) for each in away)
    return (255 * np.clip(bright, 0, 1)).round().astype(np.uint8)


def centroids(picture: Any, near: Any, reach: float) -> Any:
    """Where spots are, within reach of where they are expected."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]] + 0.5
    found = []
    for p, q in near:
        weight = picture * (np.hypot(x - p, y - q) < reach)
        found.append([(weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()])
    return np.array(found)


def test_a_known_similarity_is_found() -> None:
    points = np.array([[0.0, 0], [4, 0], [0, 2]])
    goal = np.array([[10.0, 5], [10, 13], [6, 5]])  # a quarter turn, twice as large, shifted
    a, b = _alignment.similarity(points, goal)
    assert a == pytest.approx(2j) and b == pytest.approx(10 + 5j)


def test_it_is_umeyamas() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        points, goal = rng.standard_normal((2, 5, 2)) * 20
        goal = goal * 0.2 + points @ [[1.2, 0.5], [-0.5, 1.2]] + [30, 7]
        reference = SimilarityTransform.from_estimate(points, goal)
        a, b = _alignment.similarity(points, goal)
        turn = reference.scale * np.exp(1j * reference.rotation)
        assert a == pytest.approx(turn) and b == pytest.approx(complex(*reference.translation))


@pytest.mark.parametrize("side", [56, 112, 160])
@pytest.mark.parametrize("scale", [0.7, 1.0, 2.4, 5.0])
def test_the_five_points_come_to_lie_on_the_template(side: int, scale: float) -> None:
    goal = _alignment.template(side)
    turn = scale * np.exp(0.3j)
    z = turn * (goal @ [1, 1j]) + (30 + 20j) * scale + side * scale
    points = np.stack([z.real, z.imag], axis=1)
    extent = int(points.max() + 40 * scale)
    picture = spots(points, extent, extent, 2 * scale * side / 112)
    made = _alignment.cut(picture, points, side)
    assert made.shape == (side, side) and made.dtype == np.uint8
    off = np.hypot(*(centroids(made, goal, 8 * side / 112) - goal).T)
    assert off.max() < 0.15
    coloured = _alignment.cut(np.repeat(picture[..., None], 3, axis=-1), points, side)
    assert (coloured == made[..., None]).all()


def test_a_chip_of_dlibs_mean_face_comes_to_lie_there_too() -> None:
    """Up to the proportions, which differ: most of all the mouth is lower on the template."""
    chip = spots(150 * _alignment.CHIP, 150, 150, 3)
    reading = Reading(112, 1, False, 0, 255, chips=True)
    made = reading(torch.tensor(chip / 255, dtype=torch.float32)[None, None])[0, 0].numpy()
    goal = _alignment.template(112)
    found = centroids(made, goal, 8)
    a, b = _alignment.similarity(150 * _alignment.CHIP, goal)
    best = a * (150 * _alignment.CHIP @ [1, 1j]) + b
    assert np.abs(found @ [1, 1j] - best).max() < 0.6  # whole pixels, and no turn
    assert np.abs(found @ [1, 1j] - goal @ [1, 1j]).max() < 2.5


def test_photographs_are_aligned_and_chips_show_the_same() -> None:
    photographs = Orl().load().values[::80]
    made = _alignment.align(photographs, 112)
    assert made.found.all() and made.samples.shape == (5, 112, 112)
    off = []
    for image, aligned in zip(photographs, made.samples, strict=True):
        scene = _faces.enlarge(image)
        points = _alignment.five(scene)
        assert points is not None
        assert np.array_equal(_alignment.cut(scene, points, 112), aligned)
        a, b = _alignment.similarity(points, _alignment.template(112))
        off.append(a * (points @ [1, 1j]) + b - _alignment.template(112) @ [1, 1j])
    assert np.abs(off).mean() < 4  # pixels: faces differ from the template, and turn away
    chips = torch.tensor(Dlib().prepare(photographs).samples)[:, None].float() / 255

    def likeness(chips_are: bool) -> Any:
        """Correlation with the aligned photographs, of the face's inner part."""
        shown = Reading(112, 1, False, 0, 255, chips_are)(chips)[:, 0].numpy()
        inner = [part[:, 40:100, 25:87].reshape(5, -1) for part in (shown, made.samples)]
        return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(*inner, strict=True)])

    assert likeness(True).min() > 0.7
    assert (likeness(True) > likeness(False) + 0.1).all()


def test_where_no_face_is_found_the_centre_is_taken() -> None:
    picture = np.full((1, 60, 90, 3), 40, dtype=np.uint8)
    picture[:, :, 15:75] = 200
    made = _alignment.align(picture, 20)
    assert made.found.tolist() == [False]
    assert made.samples.shape == (1, 20, 20, 3) and (made.samples == 200).all()
