"""What fits: sizes are refused before they are allocated; a system might grant them, and kill."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

from fowh.core.errors import InputError

SHARE = 2  # one array, or one set of samples, may take a half of the memory


def limit() -> int:
    """Bytes that one array may take: half of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // SHARE


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
            f"at most {limit() / 2**30:,.1f} GiB, half of this machine's memory: give less"
        )
