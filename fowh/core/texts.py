"""Text files of a user, read within bounds: one line for whatever they turn out to be."""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

from fowh.core.errors import InputError, reason

NAME = 255  # bytes of a file's name, on most systems
MOST = 2**26  # bytes: 64 MiB
PATIENCE = 10.0  # seconds for which a pipe may say nothing


def text_of(path: Path, what: str, most: int = MOST) -> str:
    """The content of a UTF-8 file, without a byte-order mark.

    Args:
        path: of the file; a pipe or a device too, which may have no end.
        what: it should be, for the refusal: "a CSV".
        most: bytes that are read.

    Raises:
        InputError: it cannot be read, is larger, or is no UTF-8.
    """
    try:
        with open(path, "rb", opener=_unwaiting) as file:
            _waited(file.fileno())
            there = os.fstat(file.fileno())
            data = file.read(
                1 + (min(most, there.st_size) if stat.S_ISREG(there.st_mode) else most)
            )
        if len(data) > most:
            raise InputError(
                f"{path}: more than {most:,} bytes; expected {what}: give a smaller one"
            )
        return data.decode("utf-8-sig")
    except OSError as error:
        said = f"{path}: cannot be read ({error.strerror})"
        raise InputError(f"{said}; expected {what}: check the path") from error
    except UnicodeDecodeError as error:
        said = f"{path}: cannot be read ({error.reason} at byte {error.start})"
        raise InputError(f"{said}; expected {what}: save it again") from error
    except ValueError as error:  # a path with a NUL in it
        if isinstance(error, InputError):
            raise
        said = f"{path}: cannot be read ({reason(error)})"
        raise InputError(f"{said}; expected {what}: check the path") from error


def _unwaiting(path: str, flags: int) -> int:
    """Opener that does not wait for somebody to write into a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _waited(file: int) -> None:
    """Wait for what comes out of a pipe, and read without asking twice from then on.

    Raises:
        OSError: nobody writes.
    """
    pipe = stat.S_ISFIFO(os.fstat(file).st_mode)
    if pipe and not select.select([file], [], [], PATIENCE)[0]:
        raise OSError(errno.ENXIO, f"nothing came out of this pipe in {PATIENCE:.0f} seconds")
    os.set_blocking(file, True)


def path_of(name: str, what: str) -> Path:
    """A path as a user types it, with ``~`` for a home.

    Args:
        name: the path.
        what: should be there, for the refusal.

    Raises:
        InputError: the home of somebody who has none, or what can be no path.
    """
    try:
        path = Path(name).expanduser()
        os.fspath(path).encode("utf-8", "surrogateescape")
    except RuntimeError as error:
        raise InputError(f"{name}: no such user; expected {what}: write the path out") from error
    except UnicodeEncodeError as error:
        raise InputError(f"{name}: is no path; expected {what}: check its characters") from error
    if any(len(os.fsencode(part)) > NAME for part in path.parts):
        said = f"{name}: cannot be read (a name of more than {NAME} bytes)"
        raise InputError(f"{said}; expected {what}: check the path")
    if "\0" in name:
        said = f"{name}: cannot be read (a zero character in its name)"
        raise InputError(f"{said}; expected {what}: check the path")
    return path
