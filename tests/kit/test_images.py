"""Images as arrays, against hand-made pictures."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from fowh.kit.images import alike, as_tensor, resize


@pytest.fixture
def grey() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (2, 20, 20), dtype=np.uint8)


def test_the_right_size_is_left_alone(grey: NDArray[np.uint8]) -> None:
    assert resize(grey, 20) is grey


@pytest.mark.parametrize("colours", [(), (3,)])
def test_resizing_keeps_what_is_plain(colours: tuple[int, ...]) -> None:
    plain = np.full((2, 20, 30, *colours), 77, dtype=np.uint8)
    small = resize(plain, 11)
    assert small.shape == (2, 11, 11, *colours) and small.dtype == np.uint8
    assert (small == 77).all()


def test_resizing_does_not_alias() -> None:
    stripes = np.tile(np.array([0, 255], dtype=np.uint8), (1, 64, 32))
    inner = resize(stripes, 8)[:, :, 1:-1].astype(int)
    assert np.abs(inner - 127.5).max() < 40  # grey, neither black nor white


def test_grey_becomes_rgb_and_comes_back(grey: NDArray[np.uint8]) -> None:
    colour = alike(grey, np.zeros((1, 4, 4, 3), np.uint8))
    assert colour.shape == (2, 20, 20, 3)
    np.testing.assert_array_equal(alike(colour, grey), grey)
    assert alike(grey, grey) is grey
    assert alike(colour, colour) is colour


def test_the_eye_sees_green_best() -> None:
    primary = np.eye(3, dtype=np.uint8).reshape(3, 1, 1, 3) * np.uint8(100)
    assert alike(primary, np.zeros((1, 1, 1), np.uint8)).ravel().tolist() == [30, 59, 11]


def test_tensors_have_channels_first_and_lie_in_zero_to_one(grey: NDArray[np.uint8]) -> None:
    one = as_tensor(grey, "cpu")
    assert one.shape == (2, 1, 20, 20) and one.dtype == torch.float32
    np.testing.assert_allclose(one[:, 0].numpy(), grey / 255, atol=1e-7)
    colour = np.stack([grey, grey // 2, grey // 4], axis=-1)
    three = as_tensor(colour[:, ::-1], "cpu")  # not contiguous, as slices are
    assert three.shape == (2, 3, 20, 20)
    np.testing.assert_allclose(three[:, 1].numpy(), (grey // 2)[:, ::-1] / 255, atol=1e-7)
