import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from fowh.metrics.image import psnr, ssim


def pair(shape, seed=0):
    draw = np.random.default_rng(seed)
    a = draw.integers(0, 256, size=shape, dtype=np.uint8)
    noise = draw.integers(-40, 40, size=shape)
    return a, np.clip(a + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(4, 24, 20), (3, 24, 20, 3)])
def test_agree_with_scikit_image_one_by_one(shape):
    a, b = pair(shape)
    options = {"gaussian_weights": True, "use_sample_covariance": False, "data_range": 255}
    axis = -1 if len(shape) == 4 else None
    expected = [
        structural_similarity(x, y, channel_axis=axis, **options) for x, y in zip(a, b, strict=True)
    ]
    assert ssim(a, b) == pytest.approx(expected)
    assert psnr(a, b) == pytest.approx(
        [peak_signal_noise_ratio(x, y) for x, y in zip(a, b, strict=True)]
    )


def test_by_hand():
    black, white = np.zeros((1, 16, 16), np.uint8), np.full((1, 16, 16), 255, np.uint8)
    # Flat images: only the luminance term is left, C1 / (255^2 + C1) with C1 = (0.01 * 255)^2.
    assert ssim(black, white) == pytest.approx([1e-4 / (1 + 1e-4)])
    assert psnr(black, white) == pytest.approx([0])
    assert psnr(black, black + np.uint8(1)) == pytest.approx([20 * np.log10(255)])


def test_equal_images():
    a, _ = pair((2, 16, 16))
    assert ssim(a, a) == pytest.approx([1, 1])
    assert psnr(a, a).tolist() == [np.inf, np.inf]


def test_differences_do_not_wrap_around():
    a, b = np.zeros((1, 12, 12), np.uint8), np.full((1, 12, 12), 200, np.uint8)
    assert psnr(a, b)[0] == psnr(b, a)[0] == pytest.approx(20 * np.log10(255 / 200))


def test_shapes_must_agree():
    for measure in (ssim, psnr):
        with pytest.raises(ValueError, match="alike"):
            measure(np.zeros((2, 16, 16), np.uint8), np.zeros((2, 16, 12), np.uint8))
