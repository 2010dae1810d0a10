"""MI-Face on softmax regression, where what it must find is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import fowh
from attacks.mi_face import MiFace
from fowh.core.attack import unfit
from fowh.core.view import View
from schemes.full_scores import FullScores
from schemes.raw import Raw

SIDE = 8


def patterns() -> np.ndarray:
    """Directions of three classes, (3, SIDE, SIDE): smooth, of zero sum, orthogonal."""
    down, right = np.meshgrid(*[np.arange(SIDE) < SIDE // 2] * 2, indexing="ij")
    return np.stack([2.0 * down - 1, 2.0 * right - 1, 2.0 * (down ^ right) - 1])


def view(colour: bool = False) -> View:
    shape = (SIDE, SIDE, 3) if colour else (SIDE, SIDE)
    net = nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE * (3 if colour else 1), 3))
    weights = torch.from_numpy(patterns()).float().reshape(3, -1) / 10
    with torch.no_grad():
        net[1].weight.copy_(weights.repeat(1, 3) if colour else weights)
        net[1].bias.zero_()
    net.append(nn.Softmax(dim=1)).requires_grad_(False)
    rng = np.random.default_rng(0)
    own = rng.integers(118, 138, (6, *shape)).astype(np.uint8)
    said = np.array([[0.1, 0.8, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    code = said.astype(np.float32)
    known = code[[0, 0, 1, 1, 3, 3]]
    subjects = np.array([0, 0, 1, 1, 2, 2])
    return View(
        *(FullScores(), fowh.Release(code), known, subjects, own),
        module=net,
        modality="image",
        as_released=True,
    )


@pytest.mark.parametrize("process", ["tv", "denoise"])
@pytest.mark.parametrize("colour", [False, True])
def test_it_walks_along_the_weights_of_the_class_that_was_named(process: Any, colour: bool) -> None:
    given = view(colour)
    assert given.samples is not None
    made = MiFace(process=process, weight=1.0).run(given, np.random.default_rng(1))
    assert made.dtype == np.uint8 and made.shape == (4, *given.samples.shape[1:])
    assert np.array_equal(made[0], made[2])  # one picture a class
    added = made.astype(float) - given.samples.mean(axis=0)
    grey = added.mean(axis=3) if colour else added
    likeness = [
        [np.corrcoef(picture.ravel(), pattern.ravel())[0, 1] for pattern in patterns()]
        for picture in grey
    ]
    assert np.argmax(likeness, axis=1).tolist() == [1, 0, 1, 2]
    # Less the other classes' own directions, 0.82 at most; smoothing blurs what is finest.
    assert np.max(likeness, axis=1).min() > (0.7 if process == "tv" else 0.4)


def test_a_step_has_the_length_that_was_asked_for() -> None:
    given = view()
    assert given.samples is not None
    mean = given.samples.mean(axis=0)
    made = MiFace(steps=1, rate=0.05, weight=1e-9).run(given, np.random.default_rng(1))
    moved = np.sqrt(np.square((made - mean) / 255).mean(axis=(1, 2)))
    np.testing.assert_allclose(moved, 0.05, atol=0.002)


def test_other_classes_beside_it_change_nothing() -> None:
    given = view()
    alone = replace(given, release=given.release[[1]])
    one, all_ = (MiFace().run(v, np.random.default_rng(1)) for v in (alone, given))
    assert np.abs(one[0].astype(int) - all_[1]).max() <= 1


def test_a_heavier_variation_makes_smoother_pictures() -> None:
    def rough(weight: float) -> float:
        made = MiFace(weight=weight).run(view(), np.random.default_rng(1)).astype(float)
        return float(np.abs(np.diff(made, axis=1)).mean() + np.abs(np.diff(made, axis=2)).mean())

    assert rough(100.0) < rough(0.1)


def test_why_it_cannot_run() -> None:
    assert unfit(MiFace(), view()) is None
    assert "--white-box" in str(unfit(MiFace(), replace(view(), module=None)))
    closed = replace(view(), scheme=Raw(), as_released=False)
    assert "--leak outputs" in str(unfit(MiFace(), closed))


@pytest.mark.parametrize(
    "given",
    [{"process": "blur"}, {"steps": 0}, {"rate": 0.0}, {"weight": -1.0}, {"rate": float("inf")}],
)
def test_faulty_parameters_are_one_clear_line(given: Any) -> None:
    with pytest.raises(fowh.InputError, match="mi_face: ") as caught:
        MiFace(**given)
    assert "\n" not in str(caught.value)
