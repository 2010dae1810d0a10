"""Long work in parts, and what is told of it: how much is done of how much, and how fast."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from fowh.core.target import Progress

Made = TypeVar("Made")


def in_parts(
    work: Callable[[slice], Made], count: int, each: int, tell: Progress, text: str
) -> list[Made]:
    """Do ``work(rows)`` for ``each`` rows at a time, and tell how far it is after every part.

    The parts depend on the numbers alone, never on the clock: what is made shall not.

    Args:
        work: makes something of a slice of rows.
        count: rows in all.
        each: rows of a part.
        tell: is told the text with the rows that are done, of how many, and how many a second.
        text: what is going on.
    """
    made, say = [], counting(tell, text)
    for start in range(0, count, each):
        made.append(work(slice(start, start + each)))
        say(min(start + each, count), count)
    return made


def counting(tell: Progress, text: str) -> Callable[[int, int], None]:
    """Tells of so many things done of how many, with how many that are a second from now on."""
    begun = time.perf_counter()

    def say(done: int, count: int) -> None:
        speed = done / max(time.perf_counter() - begun, 1e-9)
        tell(f"{text}: {done:,} of {count:,}, {speed:,.{int(speed < 10)}f}/s", done / count)

    return say


def within(note: Progress, low: float, high: float) -> Progress:
    """Progress of a part of something longer, from one fraction of it to another.

    Bound to plain values only: an attack's view holds it, and must not lead back to the truth.
    """
    return partial(_told, note, low, high)


def _told(note: Progress, low: float, high: float, text: str, done: float) -> None:
    note(text, low + (high - low) * done)
