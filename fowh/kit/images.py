"""Images as arrays: resized, grey or RGB as others are, as tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def resize(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Images (n, h, w[, 3]) uint8 as squares of ``size`` pixels, antialiased."""
    from PIL import Image

    if images.shape[1:3] == (size, size):
        return images
    shrunk = [
        np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))
        for image in images
    ]
    return np.stack(shrunk)


def alike(images: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images as grey or as RGB, whichever the others are."""
    if images.ndim == others.ndim:
        return images
    if images.ndim == 3:
        return np.repeat(images[..., None], 3, axis=-1)
    luma = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
    return (images @ luma).round().astype(np.uint8)


def as_tensor(images: NDArray[np.uint8], device: str) -> Tensor:
    """Images (n, h, w[, 3]) uint8 as floats (n, 1 or 3, h, w) in 0..1."""
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    batch = batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2)
    return batch.float() / 255
