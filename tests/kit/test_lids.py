"""Lids of drawn eyes are where they were drawn, and what lies beyond them is cut away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fowh.kit import eyes, lids
from tests.kit.test_eyes import drawn

X, Y, RADIUS = 165.0, 140.0, 105.0
EYE = eyes.Eye(eyes.Circle(X, Y, 40, 9), eyes.Circle(X, Y, RADIUS, 9))


def shut(upper: lids.Lid | None, lower: lids.Lid | None, seed: int = 0) -> np.ndarray:
    """An open eye with bright skin beyond these lids."""
    image = drawn(X, Y, 40, RADIUS, seed)
    image[: int(Y - 0.8 * RADIUS)] = 120  # the lid that every drawn eye has
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    across, down = (columns - X) / RADIUS, (rows - Y) / RADIUS
    rng = np.random.default_rng(seed)
    for lid, away in ((upper, -down), (lower, down)):
        if lid is not None:
            image[away > lid.at(across)] = rng.integers(200, 220)
    return image


@settings(max_examples=25, deadline=None)
@given(
    height=st.floats(0.5, 0.85),
    bend=st.floats(0, 0.5),
    tilt=st.floats(-0.1, 0.1),
    below=st.booleans(),
    seed=st.integers(0, 99),
)
def test_lids_are_found_where_they_were_drawn(
    height: float, bend: float, tilt: float, below: bool, seed: int
) -> None:
    wanted = lids.Lid(height, bend, tilt)
    pair = (None, wanted) if below else (wanted, None)
    found = lids.lids(shut(*pair, seed), EYE)[below]
    assert found is not None
    there = np.linspace(-0.4, 0.4, 9)  # in the middle, where it crosses the iris in any case
    assert np.abs(found.at(there) - wanted.at(there)).max() < 0.06


def test_an_open_eye_has_none() -> None:
    assert lids.lids(shut(None, None), EYE) == (None, None)
    assert np.array_equal(lids.cut(shut(None, None), EYE), shut(None, None))


def test_what_lies_beyond_is_cut_from_ring_and_sheet() -> None:
    image = shut(lids.Lid(0.6, 0.2, 0.0), None)
    cut = lids.cut(image, EYE)
    beyond = -(np.arange(len(image)) - Y) / RADIUS
    assert (cut[beyond > 0.65, int(X)] == 0).all()
    assert np.array_equal(cut[beyond < 0.55, int(X)], image[beyond < 0.55, int(X)])
    square, whole = eyes.ring(cut, EYE, 64), eyes.ring(image, EYE, 64)
    lost = (square == 0) & (whole > 0)
    assert lost[:16].any() and not lost[32:].any()
    assert lost.mean() == pytest.approx(0.14, abs=0.05)
