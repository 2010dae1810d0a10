"""CASIA-Iris-Interval: near-infrared irises; the two eyes of a person are two subjects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.texts import path_of
from fowh.datasets import _images
from fowh.kit import eyes, lids

if TYPE_CHECKING:
    from PIL.Image import Image

SIDES = {"L": "left", "R": "right"}


@dataclass(frozen=True)
class CasiaIris(Dataset):
    """Images ``root/001/L/S1001L01.jpg``, grey 320 x 280 (Institute of Automation, version 4).

    Pupil and limbus are located by Daugman's operator (``fowh.kit.eyes``). Images in which there
    are none are left out, and counted.

    Attributes:
        root: the folder of people.
        form: ring (the square around the iris, what is no iris set to 0) or unrolled (the ring as
            a sheet, from the pupil outwards and once around).
        side: pixels of the square that either is.
        readings: eyes with fewer images are left out.
        lids: keep what lies on the ring whatever it is, or cut what lies beyond a lid, as
            ``fowh.kit.lids`` locates it; lashes are left.
    """

    root: str
    form: Literal["ring", "unrolled"] = "ring"
    side: int = 64
    readings: int = 2
    lids: Literal["keep", "cut"] = "keep"

    def __post_init__(self) -> None:
        _images.check("casia_iris", side=(self.side, 8, 280), readings=(self.readings, 1, 10**6))

    def load(self) -> Samples:
        """Read all images.

        Returns:
            Samples by subject, as 001-left; images (n, side, side) uint8; ``left`` is set.

        Raises:
            InputError: no such folder, no L or R in it, more than a twentieth of the images broken
                or without an eye, or fewer than four eyes.
        """
        root = path_of(self.root, "the folder of CASIA-Iris-Interval")
        found = {
            f"{person.name}-{side}": _images.image_files(person / letter)
            for person in _images.entries(root, folders=True)
            for letter, side in SIDES.items()
            if (person / letter).is_dir()
        }
        found = {eye: files for eye, files in found.items() if files}
        if not found:
            raise InputError(f"{root}: no images in PERSON/L or PERSON/R: check the path")
        cut = partial(_cut, self.form, self.side, self.lids)
        shape = (self.side, self.side)
        return _images.load(root, found, self.readings, shape, cut, lambda n: n.endswith("-left"))


def _cut(form: str, side: int, shut: str, image: Image, file: Path) -> Image:
    from PIL import Image as pillow

    grey = np.asarray(image)
    eye = eyes.locate(grey)
    if eye is None:
        raise ValueError("no pupil with an iris around it is found")
    if shut == "cut":
        grey = lids.cut(grey, eye)
    made = eyes.ring(grey, eye, side) if form == "ring" else eyes.unrolled(grey, eye, side, side)
    return pillow.fromarray(made)
