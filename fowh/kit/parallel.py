"""Work on every core: threads that do not hold the interpreter's lock, and libraries that share."""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import connection, parent_process

TRAINING = 1  # threads of every training, whatever the machine has


def spare_the_cores() -> None:
    """Let idle threads sleep instead of spinning; to be called before torch and NumPy are loaded.

    Two OpenMP threads that spin against each other slow small layers down several times, and
    NumPy's own threads take the cores from torch's after each product.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")


def threaded(work: Callable[[slice], None], count: int, step: int) -> None:
    """Do ``work(rows)`` for slices of ``step`` rows, on as many threads as torch uses.

    For work that does not hold the interpreter's lock: NumPy's, FAISS's, ``fowh.kit.kernels``'.
    """
    import torch

    parts = [slice(start, min(start + step, count)) for start in range(0, count, step)]
    if len(parts) == 1 or torch.get_num_threads() == 1:
        for part in parts:
            work(part)
    else:
        done = _workers(torch.get_num_threads(), os.getpid()).map(work, parts)
        list(done)  # raises what a part raised


@functools.cache
def _workers(threads: int, process: int) -> ThreadPoolExecutor:
    """One pool per process: a forked child inherits the object but not its threads."""
    return ThreadPoolExecutor(threads)


@contextmanager
def training_threads() -> Iterator[None]:
    """Torch on as many threads as every training has: one.

    A gradient is a sum over the batch, which is added up in as many parts as there are threads.
    The rounding differs, and a training makes it grow: after a few epochs embeddings differ in the
    third digit. So the number is fixed, and does not follow the machine or what runs beside it.

    Two would gain little, and cost much where they share a core, with each other or with another
    job: the gradient of a convolution waits for its other threads without giving the core away.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(TRAINING)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def unsignalled() -> Iterator[None]:
    """Processes that start meanwhile hear neither SIGINT nor SIGTERM.

    A terminal sends those to all processes of a command. The one that the user started says what
    happens, and the others end with it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """In a process of ``multiprocessing``: end as soon as its parent has, in whatever way."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])  # the kernel closes it, after SIGKILL too
    os._exit(1)
