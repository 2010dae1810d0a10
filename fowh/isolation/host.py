"""The testbed's side of a plug-in's process: where processes come from, and one conversation."""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import subprocess
import sys
import time
import warnings
import weakref
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from fowh.core.errors import InputError
from fowh.core.sources import sources
from fowh.isolation import wire
from fowh.kit.parallel import unsignalled

PATIENCE = 10_000  # milliseconds for a process to end in, once it is killed
SILENCE = 3600.0  # seconds that a plug-in may work without a word
HINT = "give --trusted to run it in the testbed's own process"
HEAVY = ("torch", "fowh.kit.kernels", "fowh.kit.projection", "fowh.kit.ridge")
WORDS = 2**16  # characters of what a plug-in says went wrong
LEFT_OPEN: set[str] = set()  # ways out of a plug-in's process that this kernel does not shut

Answers = Callable[[str, list[Any]], Any]  # what the testbed says when a plug-in asks


class PluginError(RuntimeError):
    """What a plug-in raised in its own process, as text."""


class Nursery:
    """A process that holds our libraries and nothing else, and forks one for every task.

    It is started afresh: a fork of the testbed would inherit the truth. The next process is asked
    for before it is needed.

    Args:
        heavy: whether it holds torch and numba as well. That takes seconds to load, and the
            fork of a large process tenths of one.
    """

    def __init__(self, heavy: bool) -> None:
        self._control, theirs = socket.socketpair()
        ours = str(Path(__file__).parents[2])
        path = os.pathsep.join([ours, *filter(None, sys.path)])
        with unsignalled():
            self._process = subprocess.Popen(
                # -P: a module in the working directory must not stand in for one of ours
                [
                    *(sys.executable, "-P", "-m", "fowh.isolation.child", str(theirs.fileno())),
                    *(HEAVY if heavy else ()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )
        theirs.close()
        self._next = self._forked()

    def take(self) -> tuple[socket.socket, int]:
        """A process that has seen nothing yet: its line and its number."""
        line = self._next
        told = self._control.recv(wire.PID.size, socket.MSG_WAITALL)
        if len(told) < wire.PID.size:
            raise OSError("the process that forks others has ended")
        self._next = self._forked()
        return line, int(wire.PID.unpack(told)[0])

    @property
    def gone(self) -> bool:
        """Whether somebody ended it."""
        return self._process.poll() is not None

    def end(self, number: int) -> None:
        """End one of them, and what it started beside it."""
        self._control.sendall(wire.PID.pack(number))

    def _forked(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        socket.send_fds(self._control, [wire.PID.pack(0)], [theirs.fileno()])
        theirs.close()
        return ours


@functools.cache
def _nursery(process: int, heavy: bool) -> Nursery:
    """One per process: a fork inherits the object, and must not share its line."""
    return Nursery(heavy)


@functools.cache
def _warn_once(left: str) -> None:
    warnings.warn(
        f"this kernel leaves plug-ins' processes ways to others ({left}): what they leave there is "
        "not caught (docs/trust.md)",
        stacklevel=2,
    )


def heavy(plugins: Iterable[Any]) -> bool:
    """Whether the code of plug-ins names a library that is slow to load.

    It is read, not run; a wrong guess costs time and alters nothing.
    """
    words = ("torch", "faiss", "numba", "galois", "fowh.kit")
    files = [file for plugin in plugins for file in sources(plugin)]
    texts = (file.read_text(encoding="utf-8", errors="replace") for file in files)
    return any(word in text for text in texts for word in words)


class Worker:
    """A plug-in's process, and the one conversation that the testbed has with it.

    Args:
        who: the plug-in, for messages.
        heavy: as for ``Nursery``.
    """

    def __init__(self, who: str, heavy: bool = False) -> None:
        self.who = who
        try:
            self._home = _nursery(os.getpid(), heavy)
            if self._home.gone:  # one cell ended with it; the next one need not
                _nursery.cache_clear()
                self._home = _nursery(os.getpid(), heavy)
            self._line, self._number = self._home.take()
        except (OSError, AttributeError) as error:  # no fork, no sockets that pass each other on
            raise InputError(f"{who} needs a process of its own: {error}; {HINT}") from error
        self._line.settimeout(SILENCE)
        self._later: list[tuple[Any, ...]] = []
        self._end = weakref.finalize(self, _ended, self._home, self._line, self._number)
        left = self.ask("place", list(filter(None, sys.path)), str(Path.cwd()))
        if left := [str(door) for door in left]:
            LEFT_OPEN.update(left)
            _warn_once(", ".join(left))

    def ask(self, name: str, *given: Any, answers: Answers | None = None) -> Any:
        """Have a ``do_`` method of ``served.Desk`` called; what it returns.

        Args:
            name: of the method.
            given: its arguments.
            answers: what to say when it asks in turn; None where it may not.

        Raises:
            InputError: the process is gone, silent for too long, or says what no plug-in may; or
                the plug-in refused its input.
            PluginError: the plug-in raised something else.
        """
        while self._later:
            self.ask(*self._later.pop())
        try:
            wire.send(self._line, [name, list(given)])
            while True:
                said = wire.receive(self._line)
                if said[0] != "asks" or answers is None:
                    break
                wire.send(self._line, _granted(answers, said[1], said[2]))
            outcome, *rest = said
            if outcome == "made":
                return rest[0]
            words = [str(each)[-WORDS:] for each in rest]
            if outcome == "raised":
                raise PluginError(f"{self.who}: {words[0]}: {words[1]}\n{words[2]}")
            if outcome == "refused":
                raise InputError(words[0].partition("\n")[0])
            raise wire.Broken("it asks for what it may not have")
        except TimeoutError as error:
            self.close()
            raise PluginError(
                f"{self.who} said nothing for {SILENCE:.0f} s in its own process ({name}): ended"
            ) from error
        except (wire.Broken, OSError, IndexError, TypeError) as error:
            self.close()
            raise PluginError(
                f"the process of {self.who} ended in {name}: {error}; see what it printed, or "
                f"{HINT}"
            ) from error

    @property
    def alive(self) -> bool:
        """Whether it was not ended."""
        return self._end.alive

    def close(self) -> None:
        """End the process; what it had in memory is gone."""
        self._end()

    def finish(self) -> None:
        """The same, and wait until it is no more: nobody else finds a trace of it."""
        self.close()
        with contextlib.suppress(ProcessLookupError):
            for _ in range(PATIENCE):
                os.kill(self._number, 0)
                time.sleep(0.001)

    def later(self, name: str, *given: Any) -> None:
        """Have a method called before the next one that is waited for."""
        self._later.append((name, *given))

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _ended(home: Nursery, line: socket.socket, number: int) -> None:
    line.close()
    with contextlib.suppress(OSError):  # the nursery is gone, and its children with it
        home.end(number)


def _granted(answers: Answers, name: str, given: list[Any]) -> list[Any]:
    """Whether something is granted, and what; else why not, in words."""
    try:
        return [True, answers(name, given)]
    except Exception as error:
        return [False, f"{type(error).__name__}: {error}"]
