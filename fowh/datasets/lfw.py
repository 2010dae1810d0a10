"""Labeled Faces in the Wild, deep-funnelled: people with enough photographs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fowh.core.dataset import Dataset, Samples
from fowh.core.texts import path_of
from fowh.datasets import _images
from fowh.datasets._errata import LFW

if TYPE_CHECKING:
    from PIL.Image import Image

DISTRIBUTED = "lfw-deepfunneled"  # the folder inside the archive
PHOTOGRAPH = 250
FACE = 128


@dataclass(frozen=True)
class Lfw(Dataset):
    """Photographs ``lfw-deepfunneled/First_Last/First_Last_0001.jpg``, 250 x 250 RGB (Huang 2012).

    A target that finds faces itself (dlib, onnx) wants the whole photograph. For one that is
    trained here ``cut=face`` keeps the central 128 x 128 pixels, where the alignment has put the
    face. Ahmad et al. (2022, section 5) cut to 128 x 128 for the face alone and do not say where.

    On who is kept their text disagrees with itself: people with more than 15 photographs (3,482
    of them) in section 5, with at least 15 (3,632) in 5.1, 89 classes in both. The default is the
    latter; ``readings=16`` is the former.

    Photographs that are known to be of somebody else, or another one again, are left out
    (``fowh/datasets/_errata.py``), and counted.

    Attributes:
        root: the folder of people, or the one that ``lfw-deepfunneled`` lies in.
        readings: people with fewer photographs are left out.
        cut: photograph, or face.
        side: pixels of the square, which is resized; 0: as many as it has, 250 or 128.
        errata: keep what is known to be wrong, as published work does, or leave it out.
    """

    root: str
    readings: int = 15
    cut: Literal["photograph", "face"] = "photograph"
    side: int = 0
    errata: Literal["drop", "keep"] = "drop"

    def __post_init__(self) -> None:
        _images.check("lfw", readings=(self.readings, 1, 530), side=(self.side or 8, 8, PHOTOGRAPH))

    def load(self) -> Samples:
        """Read the photographs of everyone with enough of them.

        Returns:
            Samples by name, then number; images (n, side, side, 3) uint8.

        Raises:
            InputError: no such folder, no photographs, broken ones or of another size, or fewer
                than four people.
        """
        root = path_of(self.root, "the folder of LFW")
        # some unpackers put it into another of its name
        while root / DISTRIBUTED in _images.entries(root, folders=True):
            root /= DISTRIBUTED
        found = _images.by_folder(root)
        lost = 0
        if self.errata == "drop":
            sound = {who: [f for f in files if f.stem not in LFW] for who, files in found.items()}
            kept = [who for who in found if len(sound[who]) >= self.readings]
            lost = sum(len(found[who]) - len(sound[who]) for who in kept)
            found = sound
        side = self.side or (FACE if self.cut == "face" else PHOTOGRAPH)
        cut = partial(_square, self.cut == "face")
        samples = _images.load(root, found, self.readings, (side, side, 3), cut)
        return replace(samples, left_out=samples.left_out + lost)


def _square(face: bool, image: Image, file: Path) -> Image:
    if image.size != (PHOTOGRAPH, PHOTOGRAPH):
        raise ValueError(f"{image.width} x {image.height} pixels, expected 250 x 250")
    if not face:
        return image
    start = (PHOTOGRAPH - FACE) // 2
    return image.crop((start, start, start + FACE, start + FACE))
