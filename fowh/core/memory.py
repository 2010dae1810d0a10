"""What fits: sizes are refused before they are allocated; a system might grant them, and kill."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fowh.core.errors import InputError

SHARE = 2  # one array, or one set of samples, may take a half of the memory


def limit() -> int:
    """Bytes that one array may take: half of the memory that this process may have.

    That is the machine's, or what a container (its control group) or a shell (``ulimit -v``) leaves
    of it.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    shell = resource.getrlimit(resource.RLIMIT_AS)[0]
    bounds = [machine, *_container(), *([] if shell == resource.RLIM_INFINITY else [shell])]
    return min(bounds) // SHARE


@functools.cache
def _container() -> tuple[int, ...]:
    return tuple(granted(Path("/")))


def granted(root: Path) -> Iterator[int]:
    """The limits on memory of this process's control group, and of those above it.

    Args:
        root: where ``proc`` and ``sys`` are.

    Yields:
        Bytes; nothing for a group without a limit.
    """
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no Linux
        return
    for line in groups:
        _, kinds, path = line.split(":", 2)
        home, name = root / "sys/fs/cgroup", "memory.max"
        if kinds:  # the first version has a tree for each kind
            home, name = home / "memory", "memory.limit_in_bytes"
            if "memory" not in kinds.split(","):
                continue
        place = home / path.lstrip("/")
        for folder in (place, *place.parents):
            with contextlib.suppress(OSError, ValueError):  # "max", or none to be seen from here
                yield int((folder / name).read_text())
            if folder == home:
                break


def fits(what: str, shape: Sequence[int], bytes_each: int = 4) -> None:
    """Refuse an array that is larger than the limit.

    Args:
        what: it is, with the parameters that it comes of.
        shape: of it.
        bytes_each: bytes of an element.

    Raises:
        InputError: says how much it is, and how much fits.
    """
    size = math.prod(shape) * bytes_each
    if size > limit():
        raise InputError(
            f"{what}: {' x '.join(map(str, shape))} numbers are {size / 2**30:,.1f} GiB; expected "
            f"at most {limit() / 2**30:,.1f} GiB, half of the memory there is: give less"
        )


def empty(what: str, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """An array to be filled, refused as by ``fits``."""
    fits(what, shape, np.dtype(dtype).itemsize)
    return np.empty(shape, dtype)
