"""Raw observations of a cell, as they come in from its folds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from fowh.metrics.inversion import Outcome, Thresholds
from fowh.protocols.standard import Comparisons

Row = tuple[str, str]  # (section, name); sections are attacks, faces, controls


@dataclass(eq=False)
class Findings:
    """Raw observations of all folds.

    Attributes:
        comparisons: per scenario, one entry per fold.
        outcomes: per row of the table, one outcome per fold it ran on.
        thresholds: one per fold.
        skipped, failed: reasons by attack.
        seconds: by stage or attack.
        queries: by attack.
        pictures: (k, s, s) uint8 by row of the report's grid, from the first fold.
        likeness: per row, arrays ssim and psnr per fold of image reconstructions.
        remarks: by attack, what it said about its runs (the keys, in order).
        exhausted: attacks that used up their query budget in some fold.
        facts: single numbers, such as costs on the first fold.
    """

    comparisons: dict[str, list[Comparisons]] = field(default_factory=lambda: defaultdict(list))
    outcomes: dict[Row, list[Outcome]] = field(default_factory=lambda: defaultdict(list))
    thresholds: list[Thresholds] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    queries: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    pictures: dict[str, NDArray[Any]] = field(default_factory=dict)
    likeness: dict[Row, list[dict[str, NDArray[Any]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    remarks: dict[str, dict[str, None]] = field(default_factory=lambda: defaultdict(dict))
    exhausted: set[str] = field(default_factory=set)
    facts: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def clock(self, stage: str) -> Iterator[None]:
        """Add the seconds of a with-block to a stage."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - started
