"""Segmentation by given masks: one mask image per image, in a folder that mirrors theirs."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fowh.datasets import _images

if TYPE_CHECKING:
    from PIL.Image import Image


def cut(root: Path, masks: Path, files: list[Path]) -> Callable[[Image, Path], Image]:
    """Make the function that keeps what an image's mask shows.

    Args:
        root: the folder that ``masks`` mirrors.
        masks: one mask per image, of its size and name, in any format; what is not black is kept.
        files: the images, below ``root``.

    Returns:
        (image, file) -> the square around the mask, all outside of it 0; it raises ValueError
        where the mask is of another size or empty.

    Raises:
        InputError: no such folder, or images without a mask.
    """
    _images.entries(masks)  # refuses what is no folder

    @cache
    def inside(folder: Path) -> dict[str, Path]:
        return {m.stem: m for m in _images.image_files(folder)} if folder.is_dir() else {}

    found = {f: inside(masks / f.parent.relative_to(root)).get(f.stem) for f in files}
    missing = [str(file) for file, mask in found.items() if mask is None]
    hint = f"expected {masks}/SUBJECT/NAME.png: add them, or leave masks out"
    _images.refuse(root, missing, len(files), "without a mask", hint)

    def masked(image: Image, file: Path) -> Image:
        from PIL import Image as pillow

        with pillow.open(str(found[file])) as mask:
            coloured = mask.mode not in ("1", "L", "I", "I;16", "I;16B", "F")
            values = np.asarray(mask.convert("RGB") if coloured else mask)
        lit = values.reshape(*values.shape[:2], -1).any(axis=2)
        if lit.shape != (image.height, image.width):
            raise ValueError(
                f"its mask is {lit.shape[1]} x {lit.shape[0]}, the image {image.width} x "
                f"{image.height}"
            )
        box = pillow.fromarray(lit).getbbox()
        if box is None:
            raise ValueError("its mask is empty")
        left, top, right, bottom = box
        side = max(right - left, bottom - top)
        x, y = (left + right - side) // 2, (top + bottom - side) // 2
        # what a crop takes from beyond the image is 0
        return pillow.fromarray(np.asarray(image) * lit).crop((x, y, x + side, y + side))

    return masked
