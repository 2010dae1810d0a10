"""The process of a third party's plug-in: ``python -m fowh.isolation.child SOCKET MODULES``.

What is started is a nursery: it loads our own libraries, and nothing of anybody else's. It forks a
process for every task; only there is the plug-in loaded, and what it leaves in memory dies with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import signal
import socket
import sys
import tempfile
import traceback

import numpy as np

from fowh.core import registry
from fowh.core.errors import InputError, said
from fowh.core.trust import APART
from fowh.isolation import served, wire

DEATH_SIGNAL = 1  # of prctl: what a process is sent when its parent ends


def main() -> None:
    """Fork a process for each socket that comes in, end one whose number does, until the end."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.dup2(2, 1)  # what a plug-in prints is no part of anybody's output
    for name in sys.argv[2:]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if len(sys.argv) > 2:
        _practise()
    tempfile.gettempdir()  # libraries ask where that is; it is found by writing there
    for kind in APART:  # reading what is installed takes long; importing it is left to each process
        registry.names(kind)
    mine: set[int] = set()
    try:
        _nurse(control, mine)
    finally:  # the testbed is gone, in whatever way: whatever still works, works for nobody
        _bury(mine)
        for number in mine:
            _kill(number)


def _nurse(control: socket.socket, mine: set[int]) -> None:
    """Until the line is closed; ``mine`` are the processes that live."""
    me = os.getpid()
    while True:
        try:
            text, sockets, _, _ = socket.recv_fds(control, wire.PID.size, 1)
        except ConnectionResetError:
            return
        if not text:
            return
        _bury(mine)
        if not sockets:
            (number,) = wire.PID.unpack(text)
            if number in mine:  # waited for: even one that is no more has a name until then
                _kill(number)
                os.waitpid(number, 0)
                mine.discard(number)
            continue
        number = os.fork()
        if not number:
            control.close()
            os.setpgid(0, 0)
            _end_with(me)
            if "numba" in sys.modules:  # its machine code would be kept where no file can be made
                sys.modules["numba.core.caching"].Cache.save_overload = _nowhere  # type: ignore
                sys.modules["numba.core.dispatcher"].Dispatcher.enable_caching = _nowhere  # type: ignore
            _serve(socket.socket(fileno=sockets[0]))
        with contextlib.suppress(OSError):  # the child was faster
            os.setpgid(number, number)
        mine.add(number)
        os.close(sockets[0])
        control.sendall(wire.PID.pack(number))


def _kill(number: int) -> None:
    """End a process and what it started beside it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(number, signal.SIGKILL)


def _end_with(parent: int) -> None:
    """In a fork: end when the nursery does, even if somebody kills that; Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # too late
            os._exit(0)


def _practise() -> None:
    """Let the libraries do once what they do slowly the first time: each fork is then spared it.

    On one thread: those of a pool would not be there in a fork.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    few, keys = np.eye(4, 8, dtype=np.float32), np.zeros(4, dtype=np.uint64)
    scheme = registry.load("scheme", "iom")
    left = scheme.enroll(few, keys, np.random.default_rng(0))
    scheme.scores(left, few)
    at = torch.from_numpy(few).requires_grad_()
    scheme.slack(left)(at).sum().backward()
    torch.optim.Adam([at]).step()  # the first one loads what compiles networks, for a second
    torch.set_num_threads(threads)


def _nowhere(*given: object) -> None:
    """Keep nothing."""


def _bury(mine: set[int]) -> None:
    """Take leave of those that ended, so that a number stands for a process of ours or for none."""
    while mine:
        number, _ = os.waitpid(-1, os.WNOHANG)
        if not number:
            return
        mine.discard(number)


def _serve(line: socket.socket) -> None:
    """Answer requests until the line is closed; never returns."""
    desk = served.Desk(line)
    try:
        while True:
            name, given = wire.receive(line)
            try:
                answer = ["made", getattr(desk, f"do_{name}")(*given)]
            except wire.Broken:
                raise
            except InputError as error:
                answer = ["refused", str(error)]
            except BaseException as error:  # SystemExit as well: whatever it raises is told
                answer = ["raised", type(error).__name__, said(error), traceback.format_exc()]
            try:
                wire.send(line, answer)
            except TypeError as error:
                wire.send(line, ["refused", str(error)])
    except (wire.Broken, OSError):
        pass
    finally:
        os._exit(0)  # no handler of the plug-in's, no flush of what the nursery had


if __name__ == "__main__":
    main()
