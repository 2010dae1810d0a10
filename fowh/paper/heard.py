"""What worker processes tell of their progress, heard by the one that started them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from multiprocessing import get_context
from typing import Any

from fowh.core.target import Progress

PAUSE = 1.0  # seconds between two words of one worker, at least
_told: Any = None  # in a worker: where its words go


class Ears:
    """Collects what workers tell, each of the part that it works on.

    Attributes:
        told: the queue that a worker is given at its start (``listen``).
    """

    def __init__(self) -> None:
        self.told = get_context("spawn").SimpleQueue()
        self._shares: dict[int, float] = {}

    def completed(
        self, tasks: dict[Future[Any], Any], note: Progress, text: str
    ) -> Iterator[Future[Any]]:
        """Tasks as they end; meanwhile ``note`` is told how far all of them are together.

        Args:
            tasks: of this stage; their order numbers them.
            note: is told what is going on, and the fraction of the stage that is done.
            text: what a task is.
        """
        waiting, count = set(tasks), len(tasks)
        self._shares, latest = {}, ""
        while waiting:
            ended, waiting = wait(waiting, PAUSE, FIRST_COMPLETED)
            while not self.told.empty():
                number, latest, share = self.told.get()
                self._shares[number] = share
            for number, task in enumerate(tasks):
                if task in ended:
                    self._shares[number] = 1.0
            done = count - len(waiting)
            note(f"{text}: {done} of {count}; {latest}", sum(self._shares.values()) / count)
            yield from ended


def listen(told: Any) -> None:
    """In a worker, at its start: where its words go."""
    global _told
    _told = told


def teller(number: int) -> Progress:
    """In a worker: progress of the part with this number, now and then."""
    last = -PAUSE

    def note(text: str, fraction: float) -> None:
        nonlocal last
        if _told is not None and time.monotonic() - last >= PAUSE:
            last = time.monotonic()
            _told.put((number, text, fraction))

    return note
