"""Images: what an attack may hand back, how alike two are, how one is shown."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from fowh.core.registry import load
from fowh.modalities.image import Image
from fowh.targets.dlib import Dlib

IMAGE = Image()
LIKE = np.zeros((9, 64, 64), dtype=np.uint8)


def noise(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def test_images_need_a_target_and_have_a_usual_one() -> None:
    assert not Image.embedded
    assert load("target", Image.target) == Dlib()


@pytest.mark.parametrize(
    "made",
    [noise(3, 64, 64), noise(3, 64, 64, 3), noise(3, 11, 11), noise(3, 300, 300)],
    ids=lambda made: str(made.shape),
)
def test_squares_in_grey_or_rgb_of_any_size_are_usable(made: NDArray[np.uint8]) -> None:
    assert IMAGE.check(made, 3, LIKE) is made


@pytest.mark.parametrize(
    "made",
    [
        noise(2, 64, 64),  # one is missing
        noise(4, 64, 64),
        noise(3, 64, 48),
        noise(3, 10, 10),  # smaller than a window of SSIM
        noise(3, 64, 64, 4),
        noise(3, 64, 64, 1),
        noise(3, 4096),
        noise(64, 64),
        noise(3, 64, 64) / 255,
        noise(3, 64, 64).astype(np.int64),
    ],
    ids=lambda made: f"{made.dtype}{made.shape}",
)
def test_anything_else_is_refused_in_words(made: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match=r"expected \(3, s, s\[, 3\]\) uint8 images") as caught:
        IMAGE.check(made, 3, LIKE)
    assert str(made.shape) in str(caught.value) and str(made.dtype) in str(caught.value)


@pytest.mark.parametrize("colours", [(), (3,)])
def test_likeness_is_that_of_scikit_image(colours: tuple[int, ...]) -> None:
    true = noise(4, 24, 24, *colours)
    made = np.clip(true.astype(int) + noise(4, 24, 24, *colours, seed=1) // 8, 0, 255)
    made = made.astype(np.uint8)
    seen = IMAGE.likeness(made, true)
    assert set(seen) == {"ssim", "psnr", "copied"}
    assert seen["copied"].tolist() == (seen["psnr"] > 35).tolist()
    options = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 255}
    axis = -1 if colours else None
    for row in range(4):
        expected = structural_similarity(true[row], made[row], channel_axis=axis, **options)
        assert seen["ssim"][row] == pytest.approx(expected)
        assert seen["psnr"][row] == pytest.approx(peak_signal_noise_ratio(true[row], made[row]))


def test_originals_are_brought_to_the_size_and_the_colours_of_what_was_made() -> None:
    small = noise(2, 16, 16)
    true = small.repeat(4, axis=1).repeat(4, axis=2)
    colour = np.repeat(true[..., None], 3, axis=-1)
    shrunk = IMAGE.likeness(small, true)["psnr"]
    assert (shrunk > 12).all()  # up to how a filter shrinks blocks; strangers reach 8
    np.testing.assert_allclose(IMAGE.likeness(small, colour)["psnr"], shrunk, atol=1e-6)
    strangers = IMAGE.likeness(noise(2, 16, 16, seed=5), true)["psnr"]
    assert (strangers < 10).all()


def test_an_image_is_itself() -> None:
    seen = IMAGE.likeness(LIKE, LIKE)
    assert (seen["ssim"] == 1).all() and np.isinf(seen["psnr"]).all()


def test_images_take_the_colours_that_another_target_knows() -> None:
    grey, colour = noise(2, 12, 12), noise(1, 12, 12, 3)
    assert IMAGE.conform(grey, colour).shape == (2, 12, 12, 3)
    assert IMAGE.conform(grey, grey) is grey


@pytest.mark.parametrize("shape", [(150, 150), (64, 64, 3), (112, 92)])
def test_a_picture_for_a_page(shape: tuple[int, ...]) -> None:
    shown = IMAGE.show(noise(*shape))
    assert shown.png is not None
    with Pillow.open(io.BytesIO(shown.png)) as picture:
        assert picture.format == "PNG" and max(picture.size) == min(112, max(shape[:2]))
        assert picture.mode == ("RGB" if len(shape) == 3 else "L")


def test_a_small_picture_is_not_changed_on_its_way_to_a_page() -> None:
    grey = noise(40, 40)
    with Pillow.open(io.BytesIO(IMAGE.show(grey).png or b"")) as picture:
        np.testing.assert_array_equal(np.asarray(picture), grey)


def test_shades_for_a_terminal() -> None:
    halves = np.zeros((64, 64), dtype=np.uint8)
    halves[:, :32] = 255
    lines = IMAGE.show(halves).text.splitlines()
    assert len(lines) == 16
    assert all(line[0] == "@" and len(line) < 20 for line in lines)  # bright, then nothing
    assert IMAGE.show(LIKE[0]).text.strip() == ""
