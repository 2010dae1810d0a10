"""ND-IRIS-0405: near-infrared irises of Notre Dame; the two eyes of a person are two subjects."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.texts import path_of
from fowh.datasets import _images, _masks

if TYPE_CHECKING:
    from PIL.Image import Image

NAMED_BY = ("sequenceid", "shotid", "file")  # keys of a record whose value names an image
COLUMNS = {"file", "subject", "eye"}
SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}


@dataclass(frozen=True)
class NdIris(Dataset):
    """Images ``root/04200/04200d0001.tiff``, grey 640 x 480 (Bowyer and Flynn, 2016).

    The data are given out under a licence and no public description of their layout was found.
    Two sources of the side are read; neither has been tried on the original files:

    - ``root/metadata.csv`` with the columns file (below root), subject, eye; where it is there,
      it is the list of what is read.
    - else text files, ``root/04200/*.txt`` or ``root/04200.txt``: lines of a key and a value; a
      record ends at an empty line or where a key comes again; its ``sequenceid``,
      ``shotid`` or ``file`` names an image, its ``eye`` is Left or Right.

    Attributes:
        root: the folder of people.
        masks: a folder that mirrors ``root``, one mask per image with its name and any suffix
            (lossless: what is not black is iris). The rest is set to 0, and the image cut to the
            square around the mask, padded with 0. Without, the central square is kept.
        side: pixels of the square that images are resized to.
        readings: eyes with fewer images are left out.
    """

    root: str
    masks: str = ""
    side: int = 64
    readings: int = 2

    def __post_init__(self) -> None:
        _images.check("nd_iris", side=(self.side, 8, 480), readings=(self.readings, 1, 10**6))

    def load(self) -> Samples:
        """Read all images.

        Returns:
            Samples by subject, as 04200-left; images (n, side, side) uint8; ``left`` is set.

        Raises:
            InputError: no such folder, nothing in it, eyes unknown, masks missing or of another
                size, broken images, or fewer than four eyes.
        """
        root = path_of(self.root, "the folder of ND-IRIS-0405")
        listed = root / "metadata.csv" in _images.entries(root)
        rows = list(_from_table(root) if listed else _from_texts(root))
        unknown = [f"{file}: {eye!r}" for file, _, eye in rows if eye.lower() not in SIDES]
        hint = "expected Left or Right: complete the metadata"
        _images.refuse(root, unknown, len(rows), "without a known eye", hint)
        eyes: dict[str, list[Path]] = defaultdict(list)
        for file, person, eye in sorted(rows):
            eyes[f"{person}-{SIDES[eye.lower()]}"].append(file)
        cut: Callable[[Image, Path], Image] = _images.central_square
        if self.masks:
            cut = _masks.cut(
                root, path_of(self.masks, "a folder of masks"), [file for file, _, _ in rows]
            )
        shape = (self.side, self.side)
        return _images.load(root, eyes, self.readings, shape, cut, lambda n: n.endswith("-left"))


def _from_table(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Image, person and side of every row of metadata.csv."""
    table = root / "metadata.csv"
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            rows: list[dict[Any, Any]] = list(csv.DictReader(lines))
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(
            f"{table}: cannot be read ({error}); expected UTF-8: save again"
        ) from error
    if not rows or not set(rows[0]) >= COLUMNS:
        found = ", ".join(map(str, rows[0])) if rows else "no rows"
        raise InputError(f"{table}: {found}; expected the columns file, subject, eye: add them")
    files = [(row["file"] or "").strip() for row in rows]
    absent = [f for f in files if Path(f).is_absolute() or not _is_file(root / f)]
    _images.refuse(table, absent, len(rows), "not below root", "expected paths from root: repair")
    if len(set(files)) < len(files):
        raise InputError(f"{table}: names a file twice; expected a row per image: remove one")
    unnamed = [f for f, row in zip(files, rows, strict=True) if not (row["subject"] or "").strip()]
    _images.refuse(table, unnamed, len(rows), "without a subject", "expected one: fill it in")
    for file, row in zip(files, rows, strict=True):
        yield root / file, (row["subject"] or "").strip(), (row["eye"] or "").strip()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a zero character
        return False


def _from_texts(root: Path) -> Iterator[tuple[Path, str, str]]:
    """Image, person and side of every image in the folders; the side is empty where unknown."""
    beside = _texts(root)
    for person, files in _images.by_folder(root).items():
        sides: dict[str, set[str]] = defaultdict(set)
        for text in [*_texts(root / person).values(), *filter(None, [beside.get(person)])]:
            for record in _records(text):
                eye = record.get("eye", "").lower()
                for name in filter(None, map(record.get, NAMED_BY if eye else ())):
                    sides[Path(name).stem].add(SIDES.get(eye, eye))
        for file in files:
            yield file, person, " or ".join(sorted(sides[file.stem]))


def _texts(folder: Path) -> dict[str, Path]:
    return {file.stem: file for file in _images.entries(folder) if file.suffix.lower() == ".txt"}


def _records(text: Path) -> Iterable[dict[str, str]]:
    """Records of "key value" lines, whichever of their keys comes first."""
    try:
        lines = text.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        raise InputError(f"{text}: cannot be read ({error.strerror}); expected metadata") from error
    records: list[dict[str, str]] = [{}]
    for line in lines:
        key, *values = re.split(r"[\s:=]+", line.strip())
        if not key or key.lower() in records[-1]:
            records.append({})
        if values:
            records[-1][key.lower()] = values[-1]  # some writers put a type in between
    return records
