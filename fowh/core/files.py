"""Files that hold people's data: private, whole or not there, and none left half-written."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from platformdirs import user_cache_path

if sys.platform != "win32":
    import fcntl

FOLDER, FILE = 0o700, 0o600  # whatever the umask: what lies there was made from people's samples
PARTIAL = ".partial"
OURS = ".fowh-"  # begins the name of a partial file: others may have some of their own
LOGS = "fowh-*.log"
STALE = 86_400.0  # seconds after which nobody writes a partial file that cannot be locked
LOST = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


def cache_dir() -> Path:
    """Where caches live: FOWH_CACHE_DIR, or the platform's user cache folder."""
    chosen = os.environ.get("FOWH_CACHE_DIR")
    return Path(chosen).expanduser() if chosen else user_cache_path("fowh", appauthor=False)


def private_folder(path: Path) -> None:
    """Make a folder, and those above it that are missing, for this user alone.

    A folder that is there stays as it is: somebody chose its mode.
    """
    if path.is_dir():
        return
    private_folder(path.parent)
    with contextlib.suppress(FileExistsError):  # another process was faster, or it is a file
        path.mkdir(FOLDER)  # never more, whenever this process is ended
        path.chmod(FOLDER)  # and never less, though the umask cuts what mkdir is given


def lost(error: BaseException) -> bool:
    """Whether a place of ours takes or gives nothing more, whatever is tried there next."""
    named = isinstance(error, OSError) and error.filename is not None
    return named and getattr(error, "errno", None) in LOST


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` fill a temporary neighbour of ``path``, then move it into place.

    It is on the disk before it is moved, so that no crash leaves a file that is short. Neighbours
    that a killed process left are removed first.
    """
    with written(path, write) as move:
        move()


@contextlib.contextmanager
def written(path: Path, write: Callable[[Path], object]) -> Iterator[Callable[[], None]]:
    """While a temporary neighbour of ``path`` is filled, and on the disk.

    Yields:
        What moves it into place; if that is not called, it is removed.
    """
    private_folder(path.parent)
    sweep(path.parent)
    with _named(path):
        file, partial = _partial(path.parent)

    def move() -> None:
        with _named(path):
            partial.replace(path)
            _settle(path.parent)

    try:
        with _named(path):
            write(partial)
            os.fsync(file)
        yield move
    finally:
        partial.unlink(missing_ok=True)
        os.close(file)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """A full disk does not say which file it was."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def sweep(folder: Path) -> None:
    """Remove partial files in a folder that nobody writes any more.

    Whoever writes one holds a lock on it, which the kernel releases when he ends in any way. A
    number of his process would say nothing to another container. Where there are no locks, they
    are removed when they are a day old.
    """
    for partial in folder.glob(f"{OURS}*{PARTIAL}"):
        with contextlib.suppress(OSError):  # another user's, or gone by now
            file = os.open(partial, os.O_RDWR)
            try:
                taken = _locked(file)
                if taken or (taken is None and time.time() - os.fstat(file).st_mtime > STALE):
                    partial.unlink(missing_ok=True)
            finally:
                os.close(file)


def _partial(folder: Path) -> tuple[int, Path]:
    """A new file under a name that is nobody else's, locked: its descriptor and its path."""
    while True:
        file, name = tempfile.mkstemp(suffix=PARTIAL, prefix=OURS, dir=folder)
        if _locked(file) is not False and os.fstat(file).st_nlink:
            if sys.platform != "win32":
                os.fchmod(file, FILE)  # by what is open: until now its name might have gone
            return file, Path(name)
        os.close(file)  # swept between its making and its lock


def lockable(folder: Path) -> bool:
    """Whether files there can be locked: network file systems may have no locks."""
    file, partial = _partial(folder)
    partial.unlink()
    try:
        return _locked(file) is not None
    finally:
        os.close(file)


def _locked(file: int) -> bool | None:
    """Take the lock of an open file; whether nobody else has it. None where there are no locks."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return None
    return True


def _settle(folder: Path) -> None:
    """Have the move itself on the disk, where the system lets a folder be synchronised."""
    with contextlib.suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
