"""What workers tell of their progress reaches the one who waits for them."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from fowh.paper import heard


def work(number: int, seconds: float) -> int:
    tell = heard.teller(number)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        tell(f"digging {number}", 0.5)
        time.sleep(0.1)
    return number


def test_progress_of_workers_is_told_while_they_work() -> None:
    ears, told = heard.Ears(), []
    with ProcessPoolExecutor(2, get_context("spawn"), heard.listen, (ears.told,)) as pool:
        tasks = {pool.submit(work, number, 3.0): number for number in range(2)}
        ended = [
            tasks[task]
            for task in ears.completed(
                tasks, lambda text, share: told.append((text, share)), "cell"
            )
        ]
    assert sorted(ended) == [0, 1]
    amid = [(text, share) for text, share in told if 0 < share < 1]
    assert amid and all(text.startswith("cell: ") and "digging" in text for text, _ in amid)
    assert told[-1] == (told[-1][0], 1.0) and told[-1][0].startswith("cell: 2 of 2")


def test_who_is_not_listened_to_works_all_the_same() -> None:
    heard.teller(0)("in the process of whoever waits", 0.5)
