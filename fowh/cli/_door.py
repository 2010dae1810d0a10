"""The outermost handler: whatever goes wrong is one line, and an exit code that says whose fault.

0: done. 1: a failed cell, or a fault of ours or of a plug-in, with a log. 2: something to put right
by whoever typed the command. 130 and 143: ended by SIGINT, SIGTERM.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fowh.cli._ending import interruptible
from fowh.core import files
from fowh.core.errors import InputError, Interrupted, PluginExit, escaped, reason, said
from fowh.core.told import note, tell

# What a disk or a system refuses for reasons that its user can see to.
_REFUSED = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EIO, errno.EEXIST),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EINVAL, errno.EBUSY, errno.ENXIO),
)

# What libraries say instead of raising MemoryError.
_NO_MEMORY = ("can't allocate memory", "failed to map segment", "Cannot allocate memory")

LOGS = 100  # tracebacks that are kept


def say(text: str) -> None:
    """A line on stdout; no terminal obeys it."""
    put(escaped(text))


def put(text: str) -> None:
    """Text on stdout as it is, and a line's end."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def guarded(work: Callable[[], int]) -> int:
    """Do what a command does; its exit code, or that of what went wrong, which is told.

    Args:
        work: returns an exit code.
    """
    warnings.showwarning = note
    threading.excepthook = sys.unraisablehook = _beside
    logging.lastResort = _Told(logging.WARNING)
    with _streams():
        try:
            with interruptible():
                _there()
                code = work()
                sys.stdout.flush()
        except BaseException as error:
            code = _told(error)
        for stream in (sys.stdout, sys.stderr):
            _settle(stream)
        return code


def log(error: BaseException) -> str:
    """Keep a traceback where its owner alone reads it; the file, or why there is none.

    Of those in the cache the newest ``LOGS`` stay.
    """
    text = "".join(traceback.format_exception(error))
    for folder in (files.cache_dir() / "logs", Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError, ValueError):
            files.private_folder(folder)
            name = time.strftime("fowh-%Y%m%d-%H%M%S-")
            handle, path = tempfile.mkstemp(".log", name, folder)  # for its owner alone
            with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
            for old in sorted((files.cache_dir() / "logs").glob(files.LOGS))[:-LOGS]:
                old.unlink(missing_ok=True)
            return f"traceback in {path}"
    return "no place for a traceback"


class _Told(logging.Handler):
    """What libraries log where nobody asked them to, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say it."""
        note(record.getMessage())


def _beside(raised: Any) -> None:
    """What a plug-in's thread or its last words raise, where nobody waits for them."""
    error = raised.exc_value
    if error is not None and not isinstance(error, SystemExit):
        note(f"beside the run, something raised {reason(error)}: {log(error)}")


def _told(error: BaseException) -> int:
    """Say what went wrong; the exit code."""
    if isinstance(error, Interrupted):
        return 128 + error.number  # ``interruptible`` has said it
    if isinstance(error, _Lost):
        tell(f"fowh: cannot write to stdout ({error}): what is in files stays; give it another")
        return 2
    line = _refusal(error)
    if line is not None:
        tell(f"fowh: {line}")
        return 2
    whose = "a plug-in ended the run" if isinstance(error, PluginExit | SystemExit) else "failed"
    if isinstance(error, KeyboardInterrupt):  # the user's own is another
        whose = "a plug-in ended the run"
    # The log stands last, and so is kept in a line that is cut.
    tell(f"fowh: {whose}: {reason(error)}; this is a fault of ours or of a plug-in: {log(error)}")
    return 1


def _refusal(error: BaseException) -> str | None:
    """The line about what the user can put right; None where that is nothing of his."""
    if isinstance(error, InputError):
        return said(error) or reason(error)
    if isinstance(error, MemoryError) or any(words in said(error) for words in _NO_MEMORY):
        return (
            f"does not fit into memory ({reason(error)}): expected less: give fewer or smaller "
            "samples, or a scheme with smaller parameters"
        )
    if isinstance(error, OSError) and error.errno in _REFUSED and error.filename is not None:
        return (
            f"cannot use {os.fsdecode(error.filename)}: {error.strerror}; expected a place to read "
            "and write with room in it: choose another, such as another --out or FOWH_CACHE_DIR"
        )
    return None


class _Lost(Exception):
    """Nothing more can be written to stdout; the message says why."""


class _Out:
    """Stdout, which says of a failure of its own that it is its own."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> Any:
        """As the stream, but for its errors."""
        return self._tried(self._stream.write, text)

    def flush(self) -> None:
        """As the stream, but for its errors."""
        self._tried(self._stream.flush)

    @staticmethod
    def _tried(work: Callable[..., Any], *given: Any) -> Any:
        try:
            return work(*given)
        except OSError as error:
            raise _Lost(error.strerror) from error


def _settle(stream: Any) -> None:
    """Throw away what cannot be written; else Python ends with an exit code of its own for it."""
    try:
        stream.flush()
    except (OSError, ValueError, _Lost, AttributeError):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _there() -> None:
    """Refuse a stdout that is closed, and a folder that is gone, before any work."""
    if sys.stdout is None:
        raise InputError("stdout is closed: expected a place for results: give it /dev/null")
    try:
        Path.cwd()
    except FileNotFoundError as error:
        raise InputError(
            "the working directory is gone: expected one that is there: change to another"
        ) from error


@contextlib.contextmanager
def _streams() -> Iterator[None]:
    """Streams that take any text, and no file of ours in their place."""
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:  # a standard stream that is closed
        pass
    os.close(free)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - to the end
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # ASCII, or half of a character in a path
            stream.reconfigure(errors="backslashreplace")
    given = sys.stdout
    if given is not None:
        sys.stdout = _Out(given)  # type: ignore[assignment]
    try:
        yield
    finally:
        sys.stdout = given
