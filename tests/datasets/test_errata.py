"""Candidates for errors of a dataset, found among made-up people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from bench import errata

PEOPLE, READINGS, WIDTH = 60, 5, 32


def population() -> tuple[np.ndarray, np.ndarray]:
    """People apart, and readings of each near its middle."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(PEOPLE), READINGS)
    middles = errata.unit(rng.standard_normal((PEOPLE, WIDTH)).astype(np.float32))
    noise = 0.05 * rng.standard_normal((len(people), WIDTH)).astype(np.float32)
    return errata.unit(middles[people] + noise), people


def test_a_photograph_under_another_name_is_a_candidate_and_no_other_is() -> None:
    points, people = population()
    nearer, lonely = errata.strangers(points, people)
    assert (nearer < 0).all() and not lonely.any()
    points[7] = points[32]  # of person 1: person 6
    nearer, lonely = errata.strangers(points, people)
    assert np.flatnonzero(nearer >= 0).tolist() == [7] and nearer[7] == 6
    assert np.flatnonzero(lonely).tolist() == [7]


def test_one_photograph_twice_is_a_candidate() -> None:
    points, people = population()
    points[12] = points[11]
    left, right = np.nonzero(errata.twins(points, people))
    assert (11, 12) in zip(left.tolist(), right.tolist(), strict=True)
    assert (left < right).all() and len(left) <= 0.002 * PEOPLE * READINGS * (READINGS - 1) / 2 + 1


def test_pixels_correlate_as_numpy_says() -> None:
    chips = np.random.default_rng(1).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    chips[2] = 255 - chips[0]
    made = errata.correlated(chips, np.array([0, 0]), np.array([1, 2]))
    grey = chips.mean(axis=3).reshape(3, -1)
    assert np.allclose(made, [np.corrcoef(grey[0], grey[1])[0, 1], -1], atol=1e-5)


def test_candidates_are_drawn_row_by_row(tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.png" for name in "ab"]
    for value, file in zip((50, 200), files, strict=True):
        Image.new("RGB", (250, 250), (value, value, value)).save(file)
    errata.sheet([("a: b / b", files), ("a b: 0.97", files[::-1])], tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as drawn:
        seen = np.asarray(drawn)
    assert seen.shape == (2 * (errata.SIDE + errata.WORDS), 2 * errata.SIDE, 3)
    assert seen[errata.WORDS + 5, 5, 0] == 50 and seen[-5, 5, 0] == 200
