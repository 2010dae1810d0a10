"""Work on every core: threads that do not hold the interpreter's lock, and libraries that share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


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
