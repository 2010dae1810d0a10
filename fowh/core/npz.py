"""Named arrays in one file (npz), read only where its headers say what its content is.

Nothing is unpickled, and nothing is inflated beyond what fits into memory.
"""

from __future__ import annotations

import errno
import math
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from fowh.core import memory
from fowh.core.errors import InputError

Arrays = dict[str, NDArray[Any]]

_READ = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Damaged(ValueError):
    """A file that is not as it was written; the message is one line that says why."""


def write(file: Path, arrays: Mapping[str, NDArray[Any]], note: str) -> None:
    """Write an uncompressed npz; the same arrays give the same bytes.

    Args:
        file: where.
        arrays: of plain numbers or texts.
        note: kept in the archive's comment, where no reader of npz looks.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            # force_zip64: the size is not known before
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, np.asanyarray(array), allow_pickle=False)
        archive.comment = note.encode()


def read(path: Path, limit: int | None = None) -> tuple[Arrays, str]:
    """The arrays and the note.

    Args:
        path: of an npz.
        limit: bytes that all of it may have; None for ``memory.limit``.

    Raises:
        Damaged: no npz of plain arrays.
        InputError: larger than the limit; the file may be a good one.
        OSError: it cannot be opened, or read to its end; likewise.
        MemoryError: likewise.
    """
    with _opened(path, limit) as archive:
        arrays = {}
        for info in archive.infolist():
            with archive.open(info) as member:
                made = npy.read_array(member, allow_pickle=False)
                member.read()  # at its end the checksum is compared
            arrays[info.filename.removesuffix(".npy")] = made
        return arrays, archive.comment.decode()


def check(path: Path, limit: int | None = None) -> None:
    """Refuse an npz whose headers do not fit its content, or memory; nothing is inflated.

    Args:
        path: of an npz.
        limit: as for ``read``.

    Raises:
        Damaged, InputError, OSError: as ``read``.
    """
    with _opened(path, limit):
        pass


@contextmanager
def _opened(path: Path, limit: int | None) -> Iterator[zipfile.ZipFile]:
    """While an archive is read that its headers do not speak against."""
    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                _check(path, archive, memory.limit() if limit is None else limit)
                yield archive
        except (Damaged, InputError, MemoryError):
            raise
        except OSError as error:
            if error.errno in (None, errno.EINVAL):  # a place before the file's first byte
                raise Damaged(_reason(error)) from error
            raise OSError(error.errno, error.strerror, str(path)) from error
        except Exception as error:  # parsers of damaged bytes raise nearly everything
            raise Damaged(_reason(error)) from error


def _check(path: Path, archive: zipfile.ZipFile, limit: int) -> None:
    names = [info.filename for info in archive.infolist()]
    if len({*names}) < len(names):
        raise Damaged("two arrays have one name")
    there = path.stat().st_size
    for info in archive.infolist():
        size = max(info.compress_size, info.file_size * (info.compress_type == zipfile.ZIP_STORED))
        if size > there:
            raise Damaged(f"{info.filename} has {size:,} bytes, the file {there:,}")
    whole = sum(info.file_size for info in archive.infolist())
    if whole > limit:
        raise InputError(
            f"{path}: holds {whole:,} bytes; expected at most {limit:,}, which is what one file "
            "may take of the memory: use a machine with more of it, or a smaller file"
        )
    for info in archive.infolist():
        if not info.filename.endswith(".npy"):
            raise Damaged(f"holds {info.filename!r}, which is no array")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise Damaged(f"{info.filename} is compressed as no npz is")
        with archive.open(info) as member:
            shape, dtype = _header(member)
            size = member.tell() + math.prod(shape) * dtype.itemsize
        if not dtype.hasobject and size != info.file_size:
            raise Damaged(f"{info.filename} has {info.file_size:,} bytes, its shape {size:,}")


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    version = npy.read_magic(member)
    if version not in _READ:
        raise Damaged(f"an array of npy version {version}")
    try:
        shape, _, dtype = _READ[version](member)
    except MemoryError as error:  # of a parser that is nested too deep: a header is short
        raise Damaged("a header that cannot be parsed") from error
    return shape, dtype


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
