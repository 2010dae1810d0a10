"""What the plug-ins that read image files share: finding, decoding, cutting to a square."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from fowh.core.cache import digest
from fowh.core.dataset import Samples, tell_reading
from fowh.core.errors import InputError
from fowh.core.memory import fits
from fowh.kit.parts import counting

if TYPE_CHECKING:
    from PIL.Image import Image

SPARED = 0.05  # share of images that may be unusable: they are left out, and counted
TOLD = 64  # after so many images it is told how far the reading is
LEAST = 4  # subjects: fewer leave no disjoint development and evaluation subjects
# Pillow knows these by their first bytes only, or hands them to another program
NOT_DECODED = {"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"}


def check(plugin: str, **limits: tuple[int, int, int]) -> None:
    """Refuse a parameter (value, least, most) outside its limits."""
    for name, (value, least, most) in limits.items():
        if not least <= value <= most:
            raise InputError(f"{plugin}:{name}={value}: expected {least} to {most}")


def entries(folder: Path, folders: bool = False) -> list[Path]:
    """Files (or folders) in a folder, by name; not the hidden ones that file managers leave."""
    kind = Path.is_dir if folders else Path.is_file
    try:
        return sorted(e for e in folder.iterdir() if not e.name.startswith(".") and kind(e))
    except (FileNotFoundError, NotADirectoryError) as error:
        reason = "is no folder" if isinstance(error, NotADirectoryError) else "no such folder"
        raise InputError(f"{folder}: {reason}; expected a folder: check the path") from error
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder}: cannot be read ({getattr(error, 'strerror', error)}); expected a readable "
            "folder: check the path and its permissions"
        ) from error


@cache
def image_suffixes() -> frozenset[str]:
    """Suffixes, with dot and in lower case, of the formats that Pillow decodes itself."""
    from PIL import Image

    known = Image.registered_extensions()  # loads every format
    return frozenset(s for s, kind in known.items() if kind in Image.OPEN.keys() - NOT_DECODED)


def image_files(folder: Path) -> list[Path]:
    """The images directly in a folder, by name; every other file is passed over."""
    return [file for file in entries(folder) if file.suffix.lower() in image_suffixes()]


def by_folder(root: Path) -> dict[str, list[Path]]:
    """Images of each subject: one folder per subject directly below ``root``.

    Raises:
        InputError: ``root`` cannot be read, or has no folders, or they hold no images.
    """
    folders = entries(root, folders=True)
    if not folders:
        raise InputError(f"{root}: has no folders; expected one per subject: check the path")
    found = {folder.name: files for folder in folders if (files := image_files(folder))}
    if not found:
        raise InputError(
            f"{root}: no images directly in its {len(folders)} folders; expected ROOT/SUBJECT/"
            "IMAGE in a format that Pillow reads: check the path"
        )
    return found


def refuse(root: Path, bad: Sequence[str], total: int, found: str, expected: str) -> None:
    """One line that says how many images are bad and which is the first."""
    if bad:
        raise InputError(
            f"{root}: {len(bad)} of {total} images {found} (the first is {bad[0]}); {expected}"
        )


def load(
    root: Path,
    found: Mapping[str, Sequence[Path]],
    readings: int,
    shape: tuple[int, ...],
    cut: Callable[[Image, Path], Image],
    left: Callable[[str], bool] | None = None,
) -> Samples:
    """Decode the images of every subject that has enough of them.

    Args:
        root: what to call the source in an error.
        found: images of each subject.
        readings: subjects with fewer are left out.
        shape: (side, side) in grey, or (side, side, 3); every cut is resized to it.
        cut: makes a square of an image; what it raises says what is wrong with that image.
        left: whether the subject of a name is a left eye.

    Returns:
        Samples by subject's name, then in the order given; images (n, *shape) uint8.

    Few images that cannot be decoded or cut are left out, counted, and named in a warning.

    Raises:
        InputError: too few subjects, or more than ``SPARED`` of the images unusable.
    """
    kept = _with_enough(root, found, readings)
    files = [file for each in kept.values() for file in each]
    fits(f"{root}: images, side", (len(files), *shape), 1)
    side, images = shape[0], np.empty((len(files), *shape), dtype=np.uint8)

    def decode(row: int) -> str | None:
        from PIL import Image

        try:
            with Image.open(files[row]) as image:
                square = cut(_eight_bit(image, "L" if len(shape) == 2 else "RGB"), files[row])
            # a triangle filter, unlike sharper ones, does not ring at the edge of a mask
            images[row] = np.asarray(square.resize((side, side), Image.Resampling.BILINEAR))
        except Exception as error:  # decoders of damaged bytes raise nearly everything
            reason = (str(error).splitlines() or [""])[0][:200] or type(error).__name__
            return f"{files[row]}: {reason}"
        return None

    # decoders release the interpreter's lock; their warnings would only blur the one line below
    with ThreadPoolExecutor() as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        say, bad = counting(tell_reading, f"reading {root.name}"), []
        for row, problem in enumerate(pool.map(decode, range(len(files))), start=1):
            bad.append(problem)
            if row % TOLD == 0:
                say(row, len(files))
    wrong = [problem for problem in bad if problem]
    if len(wrong) > SPARED * len(files):
        refuse(
            root, wrong, len(files), "unusable", "expected intact images: replace or remove them"
        )
    sound = np.array([problem is None for problem in bad])
    if wrong:
        warnings.warn(
            f"{root}: {len(wrong)} of {len(files):,} images are unusable and left out (the first "
            f"is {wrong[0]})",
            stacklevel=2,
        )
        good = dict(zip(files, sound, strict=True))
        left_in = {name: [file for file in kept[name] if good[file]] for name in kept}
        kept = _with_enough(root, left_in, readings)
        whose = np.repeat(list(left_in), [len(found[name]) for name in left_in])
        images = images[sound & np.isin(whose, list(kept))]
    names, sizes = tuple(kept), [len(each) for each in kept.values()]
    codes = np.repeat(np.arange(len(kept), dtype=np.int64), sizes)
    if left is None:
        whole = digest(names, codes, images)
        return Samples(codes, names, whole, images, "image", left_out=len(wrong))
    sides = np.array([left(name) for name in names])
    whole = digest(names, codes, images, sides)
    return Samples(codes, names, whole, images, "image", {"left": sides}, len(wrong))


def _with_enough(
    root: Path, found: Mapping[str, Sequence[Path]], readings: int
) -> dict[str, Sequence[Path]]:
    """Images of the subjects that have enough of them, by name."""
    kept = {name: found[name] for name in sorted(found) if len(found[name]) >= readings}
    if len(kept) < LEAST:
        raise InputError(
            f"{root}: {len(kept)} of {len(found)} subjects with {readings} images or more; "
            f"expected {LEAST} subjects or more: add images, or lower readings"
        )
    return kept


def central_square(image: Image, file: Path) -> Image:
    """The largest central square, so that nothing is distorted."""
    side = min(image.size)
    x, y = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((x, y, x + side, y + side))


def _eight_bit(image: Image, mode: Literal["L", "RGB"]) -> Image:
    """Upright, eight bits a channel; of sixteen bits the upper eight, without transparency."""
    from PIL import Image as pillow
    from PIL import ImageOps

    ImageOps.exif_transpose(image, in_place=True)
    if image.mode.startswith("I"):
        values = np.asarray(image)
        if values.min() < 0 or values.max() > 0xFFFF:
            raise ValueError("pixels of 32 bits, expected 8 or 16")
        image = pillow.fromarray((values >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise ValueError("pixels are fractions, expected 8 or 16 bits")
    elif "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert(mode)
