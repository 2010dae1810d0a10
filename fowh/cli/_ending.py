"""How a run ends that is told to: SIGINT and SIGTERM are one line, and the exit code of a shell."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any, NoReturn

from fowh.core.errors import Interrupted
from fowh.core.told import tell

GRACE = 5.0  # seconds in which a run may end by itself
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_kept: list[socket.socket] = []


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """While SIGINT and SIGTERM are one line and raise ``Interrupted``.

    Python hands a signal to the main thread, between two steps of its own: a library's long
    loop would make it wait. A thread that sleeps on the signals ends the process after ``GRACE``
    seconds, or at the second signal. What is on the disk is whole at any time, and processes of
    ours end with this one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard, woken = socket.socketpair()
    woken.setblocking(False)
    told = threading.Event()
    before: dict[signal.Signals, Any] = {}
    earlier = -1
    try:
        for number in _SIGNALS:
            before[number] = signal.signal(number, _interrupt)
        earlier = signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(heard, told), daemon=True).start()
        yield
    except Interrupted as interrupted:
        _say(interrupted.number, told)
        _kept.append(woken)  # threads that are joined at the very end may take long as well
        raise
    finally:
        if not told.is_set():
            signal.set_wakeup_fd(earlier)
            for number, handler in before.items():
                signal.signal(number, handler)
            woken.close()


def _interrupt(number: int, frame: object) -> NoReturn:
    """Handler of the first signal. The next one is the watching thread's alone.

    It would be raised in whatever says, tidies up and ends the process.
    """
    for each in _SIGNALS:
        signal.signal(each, _heard)
    raise Interrupted(number)


def _heard(number: int, frame: object) -> None:
    """Handler of a further signal: with it in place the watching thread is woken, and no more."""


def _say(number: int, told: threading.Event) -> None:
    """Say it once."""
    if told.is_set():
        return
    told.set()
    tell(
        f"fowh: ended by {signal.Signals(number).name}; what is on record and in the cache is "
        "kept, and the same command goes on from there"
    )


def _watch(heard: socket.socket, told: threading.Event) -> None:
    """End the process where the main thread does not."""
    with heard, contextlib.suppress(OSError):
        while number := heard.recv(1):
            if number[0] not in _SIGNALS:
                continue
            heard.settimeout(GRACE)
            with contextlib.suppress(TimeoutError):
                if not heard.recv(1):  # the run is over
                    return
            _say(number[0], told)
            os._exit(128 + number[0])
