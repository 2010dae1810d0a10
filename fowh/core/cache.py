"""Arrays that took long to make, kept on disk under a digest of everything they depend on."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from platformdirs import user_cache_path

Arrays = dict[str, NDArray[Any]]


def cache_dir() -> Path:
    """Where caches live: FOWH_CACHE_DIR, or the platform's user cache folder."""
    chosen = os.environ.get("FOWH_CACHE_DIR")
    return Path(chosen) if chosen else user_cache_path("fowh", appauthor=False)


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


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary neighbour of ``path``, then move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        partial.replace(path)
    except OSError as error:  # a full disk does not say which file it was
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)


def save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write an npz file atomically."""

    def write(partial: Path) -> None:
        with partial.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]

    write_atomically(path, write)


def load_arrays(path: Path) -> Arrays:
    """Read an npz file; nothing is unpickled."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def cached(kind: str, key: str, build: Callable[[], Arrays]) -> Arrays:
    """The arrays stored under (kind, key); built and stored where absent or unreadable.

    Args:
        kind: folder below the cache directory, e.g. "embeddings".
        key: a ``digest`` of everything the arrays depend on.
        build: makes them.
    """
    path = cache_dir() / kind / f"{key}.npz"
    if path.exists():
        try:
            return load_arrays(path)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            path.unlink(missing_ok=True)  # damaged: build it again
    arrays = build()
    save_arrays(path, arrays)
    return arrays
