"""Arrays that took long to make, kept on disk under a digest of everything they depend on.

Each file carries a digest of its content and of its place. What does not fit it is built again,
with one line of warning: a cache may lose something, and never answers wrongly.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from fowh.core import files, memory, npz
from fowh.core.files import cache_dir
from fowh.core.npz import Arrays, Damaged

__all__ = ["Arrays", "Damaged", "cache_dir"]  # what reads caches needs them

HEADERS = 2**20  # bytes of an npz beside its arrays, at most
PATIENCE = 2.0  # seconds of waiting for another process before a word is said


def digest(*parts: Any) -> str:
    """Hex SHA-256 of parts: arrays by dtype, shape and bytes, all else as canonical JSON."""
    whole = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            whole.update(f"{part.dtype.str}{part.shape}".encode())
            whole.update(np.ascontiguousarray(part).data)
        else:
            whole.update(json.dumps(part, sort_keys=True).encode())
        whole.update(b"\0")
    return whole.hexdigest()


def source_digest(*files: str) -> str:
    """Digest of source files, so that a cache does not outlive the code that filled it."""
    return digest(*(hashlib.sha256(Path(file).read_bytes()).hexdigest() for file in files))


def content(arrays: Mapping[str, NDArray[Any]], about: str = "") -> str:
    """Digest of named arrays (names, dtypes, shapes, values) and of what they are about."""
    return digest(about, *(part for pair in sorted(arrays.items()) for part in pair))


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], about: str = "") -> None:
    """Write an npz file atomically, with a digest of its content.

    Args:
        path: of the file.
        arrays: by name.
        about: what they answer for, and will be asked for by.
    """
    files.write_atomically(path, writer(arrays, about))


def writer(arrays: Mapping[str, NDArray[Any]], about: str = "") -> Callable[[Path], None]:
    """What ``save_arrays`` does with a file."""
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    seal = content(plain, about)
    return lambda file: npz.write(file, plain, seal)


def load_arrays(path: Path, about: str = "") -> Arrays:
    """Read what ``save_arrays`` wrote; nothing is unpickled.

    Raises:
        Damaged: it is not what was written, or not about this.
        InputError, OSError, MemoryError: it cannot be read here and now, and may be a good one.
    """
    if path.exists() != path.is_file() and not path.is_dir():  # a pipe would keep us waiting
        raise Damaged("it is no plain file")
    arrays, seal = npz.read(path)
    if seal != content(arrays, about):
        raise Damaged("its content is not that of its digest")
    return arrays


def place(kind: str, key: str) -> Path:
    """The file of (kind, key)."""
    return cache_dir() / kind / f"{key}.npz"


def recall(kind: str, key: str) -> Arrays | None:
    """The arrays stored under (kind, key); None where there are none.

    A damaged file is removed, with a warning, and counts as none.

    Raises:
        InputError, OSError, MemoryError: as ``load_arrays``; the file stays.
    """
    path = place(kind, key)
    try:
        return load_arrays(path, f"{kind}/{key}")
    except FileNotFoundError:
        return None
    except Damaged as error:
        warnings.warn(f"{path} is damaged ({error}): it is made again", stacklevel=2)
        path.unlink(missing_ok=True)
        return None


def keep(kind: str, key: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Store arrays under (kind, key), unless they are more than may be read back."""
    size = sum(array.nbytes for array in arrays.values())
    if size > memory.limit() - HEADERS:
        warnings.warn(f"{kind} of {size:,} bytes are not kept: they take too much", stacklevel=2)
        return
    save_arrays(place(kind, key), arrays, f"{kind}/{key}")


def forget(kind: str, key: str) -> None:
    """Remove what is stored under (kind, key), if anything is."""
    place(kind, key).unlink(missing_ok=True)


def cached(kind: str, key: str, build: Callable[[], Arrays]) -> Arrays:
    """The arrays stored under (kind, key); built and stored where absent or damaged.

    Of several processes that want the same one builds it, and the others wait.

    Args:
        kind: folder below the cache directory, e.g. "embeddings".
        key: a ``digest`` of everything the arrays depend on.
        build: makes them.
    """
    found = recall(kind, key)
    if found is None:
        with _alone(place(kind, key)):
            found = recall(kind, key)
            if found is None:
                found = build()
                keep(kind, key, found)
    return found


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While no other process makes the same file, where files can be locked."""
    files.private_folder(path.parent)
    if not files.lockable(path.parent):  # at worst it is made twice, and written whole each time
        yield
        return
    lock = FileLock(path.with_suffix(".lock"), mode=files.FILE)
    try:
        lock.acquire(timeout=PATIENCE)
    except Timeout:
        warnings.warn(f"another process makes {path}: waiting for it", stacklevel=2)
        lock.acquire()
    try:
        yield
    finally:
        # whoever waits for it has it open, and finds the file made; at worst it is made twice
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


@dataclass(frozen=True)
class Room:
    """What lies in the cache of one kind.

    Attributes:
        kind: its folder.
        files: all of them, unfinished ones, locks and logs too.
        size: bytes.
    """

    kind: str
    files: tuple[Path, ...]
    size: int


def rooms() -> list[Room]:
    """What the cache holds, by kind; of what else lies in its folder nothing."""
    made = []
    for folder in sorted(cache_dir().glob("*/")):
        ours = [*folder.glob("[0-9a-f]*.npz"), *folder.glob("[0-9a-f]*.lock")]
        found = [file for file in ours if len(file.stem) == len(digest())]
        found += folder.glob(f"{files.OURS}*{files.PARTIAL}")
        found += folder.glob(files.LOGS)
        sizes = {}
        for file in found:
            with suppress(FileNotFoundError):  # a lock that was let go meanwhile
                sizes[file] = file.stat().st_size
        if sizes:
            made.append(Room(folder.name, tuple(sorted(sizes)), sum(sizes.values())))
    return made
