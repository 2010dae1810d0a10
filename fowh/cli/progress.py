"""Progress of long work on stderr: a live bar on a terminal, a line per stage in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Note = Callable[[str, float], None]


@contextmanager
def progress() -> Iterator[Note]:
    """Yields a function (what is going on, fraction of the whole done) to call often."""
    if not sys.stderr.isatty():
        yield _lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=1.0)

        def note(text: str, fraction: float) -> None:
            bar.update(task, description=f"{text[:48]:<48}", completed=fraction)

        yield note


def _lines() -> Note:
    started, last = time.monotonic(), ""

    def note(text: str, fraction: float) -> None:
        nonlocal last
        if text != last:
            last = text
            print(f"{time.monotonic() - started:6.1f} s  {text}", file=sys.stderr, flush=True)  # noqa: T201

    return note
