"""Pupil and limbus of drawn eyes are where they were drawn; the sheet is the ring unrolled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fowh.kit import eyes

HEIGHT, WIDTH = 280, 320


def drawn(
    x: float = 165, y: float = 140, pupil: float = 40, iris: float = 105, seed: int = 0
) -> np.ndarray:
    """A dark pupil with lamps in it, a grey ring, a bright white of the eye, a lid across."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    far = np.hypot(columns - x, rows - y)
    rng = np.random.default_rng(seed)
    image = np.full((HEIGHT, WIDTH), 185.0)
    image[far < iris] = 120
    image += rng.normal(0, 6, image.shape)
    image[np.hypot(columns - x - 3, rows - y + 2) < pupil] = 30
    for turn in np.arange(8) * np.pi / 4:
        lamp = np.hypot(columns - x - 12 * np.cos(turn), rows - y - 12 * np.sin(turn)) < 3
        image[lamp] = 255
    image[rows < y - 0.8 * iris] = 225
    made: np.ndarray = np.clip(image, 0, 255).astype(np.uint8)
    return made


@settings(max_examples=25, deadline=None)
@given(
    x=st.floats(130, 190),
    y=st.floats(125, 155),
    pupil=st.floats(22, 60),
    iris=st.floats(96, 120),
    seed=st.integers(0, 99),
)
def test_circles_are_found_where_they_were_drawn(
    x: float, y: float, pupil: float, iris: float, seed: int
) -> None:
    found = eyes.locate(drawn(x, y, pupil, iris, seed))
    assert found is not None
    assert np.hypot(found.pupil.x - x - 3, found.pupil.y - y + 2) < 2
    assert abs(found.pupil.radius - pupil) < 2
    assert np.hypot(found.iris.x - x, found.iris.y - y) < 4
    assert abs(found.iris.radius - iris) < 3


def test_a_larger_image_gives_larger_circles() -> None:
    small = eyes.locate(drawn())
    large = eyes.locate(drawn().repeat(2, axis=0).repeat(2, axis=1))
    assert small is not None and large is not None
    assert large.iris.radius == pytest.approx(2 * small.iris.radius, abs=3)
    assert large.pupil.x == pytest.approx(2 * small.pupil.x + 0.5, abs=2)


@pytest.mark.parametrize("image", ["flat", "noise", "slope"])
def test_what_is_no_eye_has_none(image: str) -> None:
    rng = np.random.default_rng(0)
    made = {
        "flat": np.full((HEIGHT, WIDTH), 90),
        "noise": rng.integers(0, 256, (HEIGHT, WIDTH)),
        "slope": np.linspace(0, 255, WIDTH)[None].repeat(HEIGHT, axis=0),
    }[image]
    assert eyes.locate(made.astype(np.uint8)) is None


EYE = eyes.Eye(eyes.Circle(162, 139, 30, 20), eyes.Circle(158, 141, 100, 4))


def test_rows_of_the_sheet_go_from_one_boundary_to_the_other() -> None:
    """Grey by the share of the way along each ray, which the sheet makes straight."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(float)
    sheet = eyes.unrolled(drawn(), EYE, 32, 128)
    assert sheet.shape == (32, 128) and sheet.dtype == np.uint8
    angle = (np.arange(128) + 0.5) * 2 * np.pi / 128
    for row in (0, 15, 31):
        way = (row + 0.5) / 32
        x = (1 - way) * (162 + 30 * np.cos(angle)) + way * (158 + 100 * np.cos(angle))
        y = (1 - way) * (139 + 30 * np.sin(angle)) + way * (141 + 100 * np.sin(angle))
        smooth = (128 + 60 * np.sin(columns / 40) * np.cos(rows / 50)).astype(np.uint8)
        seen = eyes.unrolled(smooth, EYE, 32, 128)[row]
        wanted = 128 + 60 * np.sin(x / 40) * np.cos(y / 50)
        np.testing.assert_allclose(seen, wanted, atol=2.5)


def test_a_turned_eye_is_a_shifted_sheet() -> None:
    image = drawn(160, 140)
    square = image[:, 20:300]  # turned about its middle
    eye = eyes.Eye(eyes.Circle(139.5, 139.5, 30, 20), eyes.Circle(139.5, 139.5, 100, 4))
    sheet = eyes.unrolled(square, eye, 16, 64).astype(int)
    turned = eyes.unrolled(np.rot90(square, -1), eye, 16, 64).astype(int)
    np.testing.assert_allclose(turned, np.roll(sheet, 16, axis=1), atol=1)


def test_the_ring_holds_the_iris_and_nothing_else() -> None:
    square = eyes.ring(np.full((HEIGHT, WIDTH), 200, dtype=np.uint8), EYE, 64)
    at = (np.arange(64) + 0.5) / 64 * 2 - 1
    assert (square[np.hypot(at, at[:, None]) > 1] == 0).all()
    assert (square[30:34, 32:36] == 0).all()  # the pupil
    assert square[10, 32] == 200
    assert np.isin(square, [0, 200]).all()
