"""Your own images, one folder per subject, in any format that Pillow reads."""

from __future__ import annotations

from dataclasses import dataclass

from fowh.core.dataset import Dataset, Samples
from fowh.core.texts import path_of
from fowh.datasets import _images


@dataclass(frozen=True)
class Folder(Dataset):
    """Images ``root/SUBJECT/IMAGE``; the folder's name is the subject's.

    Each is cut to its largest central square and resized. Turned as its EXIF tag says; of several
    frames the first; of sixteen bits the upper eight; transparency is dropped. Other files, hidden
    ones and folders further down are passed over.

    Attributes:
        root: the folder of folders.
        side: pixels of the square that images are resized to.
        colour: RGB instead of grey.
        readings: subjects with fewer images are left out.
    """

    root: str
    side: int = 64
    colour: bool = False
    readings: int = 2

    def __post_init__(self) -> None:
        _images.check("folder", side=(self.side, 8, 1024), readings=(self.readings, 1, 10**6))

    def load(self) -> Samples:
        """Read all images.

        Returns:
            Samples by subject's name, then file's name; images (n, side, side) uint8, or
            (n, side, side, 3) in colour.

        Raises:
            InputError: no such folder, nothing in it, broken images, or fewer than four subjects.
        """
        root = path_of(self.root, "a folder of folders")
        shape = (self.side, self.side, 3)[: 3 if self.colour else 2]
        found = _images.by_folder(root)
        return _images.load(root, found, self.readings, shape, _images.central_square)
