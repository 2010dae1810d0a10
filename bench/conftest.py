"""Each benchmark runs next to its floor: work that no implementation could do without.

Floor and work alternate, and the figure is the median of the rounds' ratios, so that a busy or a
slow machine changes the rates but hardly the ratio.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line sets it

Work = Callable[[], Any]


class Against(Protocol):
    """Measure ``work`` against ``floor``; both handle ``units`` things of the kind ``unit``."""

    def __call__(
        self, work: Work, floor: Work, *, floor_is: str, units: int, unit: str, **notes: Any
    ) -> None: ...


@pytest.fixture
def against(benchmark: BenchmarkFixture) -> Against:
    def measure(
        work: Work, floor: Work, *, floor_is: str, units: int, unit: str, **notes: Any
    ) -> None:
        work()  # draws the key's projections, starts threads, touches memory
        floors: list[float] = []

        def run_floor() -> None:
            start = time.perf_counter()
            floor()
            floors.append(time.perf_counter() - start)

        run_floor()
        rounds = min(15, max(5, int(2.0 / max(sum(floors), 0.01))))
        floors.clear()
        benchmark.pedantic(work, setup=run_floor, rounds=rounds)
        seconds = np.array(benchmark.stats.stats.data)
        benchmark.extra_info.update(
            {
                "unit": unit,
                "rate": units / float(np.median(seconds)),
                "floor": floor_is,
                "floor_rate": units / float(np.median(floors)),
                "ratio": float(np.median(np.array(floors) / seconds)),
                **notes,
            }
        )

    return measure
