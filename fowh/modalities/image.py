"""Images: squares of bytes, grey or RGB; likeness is SSIM and PSNR."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.modality import Columns, Modality, Shown
from fowh.kit.images import alike, resize
from fowh.metrics.image import psnr, ssim

COPIED = 35.0  # dB from which a reconstruction is the sample, pixel by pixel
WINDOW = 11  # pixels, of SSIM: no picture may be smaller
SHOWN_SIDE = 112  # pixels of a page's picture at most
SHADES = " .:-=+*#%@"  # dark to bright, on a terminal
TERMINAL = (32, 16)  # characters, which are twice as high as wide


@dataclass(frozen=True)
class Image(Modality):
    """Samples (n, h, w) grey or (n, h, w, 3) RGB, uint8."""

    target: ClassVar[str] = "dlib"

    def check(self, made: NDArray[Any], count: int, like: NDArray[Any]) -> NDArray[np.uint8]:
        square = made.ndim >= 3 and made.shape[1] == made.shape[2] >= WINDOW
        fits = square and made.shape[3:] in ((), (3,)) and len(made) == count
        if not fits or made.dtype != np.uint8:
            raise ValueError(
                f"returned {made.shape} {made.dtype}, expected ({count}, s, s[, 3]) uint8 images, "
                f"s at least {WINDOW}"
            )
        return made

    def likeness(self, made: NDArray[Any], true: NDArray[Any]) -> Columns:
        originals = alike(resize(true, made.shape[1]), made)
        signal = psnr(originals, made)
        return {
            "ssim": ssim(originals, made),
            "psnr": signal,
            "copied": (signal > COPIED).astype(np.float64),
        }

    def conform(self, made: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
        return alike(made, like)

    def show(self, sample: NDArray[Any]) -> Shown:
        from PIL import Image as Pillow

        picture = Pillow.fromarray(np.ascontiguousarray(sample))
        small = np.asarray(picture.convert("L").resize(TERMINAL))
        rows = [
            "".join(SHADES[len(SHADES) * int(v) // 256] for v in line).rstrip() for line in small
        ]
        picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", optimize=True)
        return Shown("\n".join(rows), buffer.getvalue())
