"""Progress of long work on stderr: a live bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fowh.core.errors import escaped
from fowh.core.told import tell

Note = Callable[[str, float], None]
PAUSE = 10.0  # seconds between two lines of a log, at least
RECENT = 60.0  # seconds by which the pace is judged: what lies in a cache takes none


@contextmanager
def progress() -> Iterator[Note]:
    """Yields a function (what is going on, fraction of the whole done) to call often."""
    if not sys.stderr.isatty():
        yield lines(time.monotonic)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    told = Column(ratio=1, no_wrap=True, overflow="ellipsis")  # it alone gives way
    columns = (
        TextColumn("{task.description}", markup=False, table_column=told),
        BarColumn(12, table_column=Column(min_width=12)),
        TextColumn("{task.fields[pace]}", markup=False, table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, expand=True) as bar:
        task, pace = bar.add_task("starting", total=1.0, pace="  0 %"), paces(time.monotonic)

        def note(text: str, fraction: float) -> None:
            bar.update(task, description=escaped(text), completed=fraction, pace=pace(fraction)[1])

        yield note


def lines(clock: Callable[[], float]) -> Note:
    """A note that prints at most one line in ten seconds: time, share done, pace, time left.

    Args:
        clock: seconds from any moment on.
    """
    pace, printed = paces(clock), -PAUSE

    def note(text: str, fraction: float) -> None:
        nonlocal printed
        now, words = pace(fraction)
        if now - printed >= PAUSE:
            printed = now
            tell(f"{now:6.1f} s  {words}  {text}")

    return note


def paces(clock: Callable[[], float]) -> Callable[[float], tuple[float, str]]:
    """A function that is told the fraction done: seconds since, and share, pace and time left."""
    started = clock()
    seen: deque[tuple[float, float]] = deque()

    def pace(fraction: float) -> tuple[float, str]:
        now = clock() - started
        while len(seen) > 1 and seen[1][0] <= now - RECENT:
            seen.popleft()
        if not seen or now - seen[-1][0] >= 1:
            seen.append((now, fraction))
        return now, f"{100 * fraction:3.0f} %{_pace(*seen[0], now, fraction)}"

    return pace


def _pace(then: float, before: float, now: float, fraction: float) -> str:
    """Percent a minute, and how long the rest takes at that; nothing before there is a pace."""
    if now - then < 1 or fraction <= before:
        return ""
    pace = (fraction - before) / (now - then)
    left = (1 - fraction) / pace
    shown = f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min"
    return f", {6000 * pace:.1f} %/min, {shown} left"
