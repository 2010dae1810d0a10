"""Likeness of images, which is not likeness of identity: a mean face scores well on both.

LPIPS is left out: it needs network weights that are not available offline.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Structural similarity (Wang et al. 2004: Gaussian window of 11 pixels, sigma 1.5).

    Args:
        a: (n, h, w) or (n, h, w, 3) uint8, at least 11 pixels high and wide.
        b: the same shape.

    Returns:
        (n,) in -1..1; 1 for equal images.

    Raises:
        ValueError: shapes differ, or images are too small.
    """
    from skimage import metrics

    _same_shape(a, b)
    similarity: Any = metrics.structural_similarity
    values = [
        similarity(
            left,
            right,
            data_range=255,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            channel_axis=-1 if left.ndim == 3 else None,
        )
        for left, right in zip(a, b, strict=True)
    ]
    return np.array(values, dtype=np.float64)


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Peak signal-to-noise ratio.

    Args:
        a: (n, h, w) or (n, h, w, 3) uint8.
        b: the same shape.

    Returns:
        (n,) decibels; infinite for equal images.

    Raises:
        ValueError: shapes differ.
    """
    _same_shape(a, b)
    gap = a.astype(np.float32) - b.astype(np.float32)
    error = np.square(gap).mean(axis=tuple(range(1, a.ndim)), dtype=np.float64)
    with np.errstate(divide="ignore"):
        decibels: NDArray[np.float64] = 10 * np.log10(255.0**2 / error)
    return decibels


def _same_shape(a: NDArray[Any], b: NDArray[Any]) -> None:
    if a.shape != b.shape or a.ndim not in (3, 4):
        raise ValueError(f"images {a.shape} and {b.shape} must be (n, h, w[, 3]) alike")
