"""Plug-ins that reach for the truth in memory, and how they are run: apart, and in here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fowh
from fowh.engine import fold
from fowh.engine.judge import Judge

POPULATION = "gaussian:subjects=16,readings=4,dim=32,within=0.3"


@contextmanager
def importable(folder: Path, name: str, text: str) -> Iterator[None]:
    """A module of theirs, to be found while a test runs; what it alters here is undone."""
    (folder / f"{name}.py").write_text(text)
    sys.path.insert(0, str(folder))
    judged, granted = Judge.embeddings, fold.grant
    try:
        yield
    finally:
        Judge.embeddings, fold.grant = judged, granted  # type: ignore[method-assign]
        sys.path.remove(str(folder))
        sys.modules.pop(name, None)


def evaluated(trusted: bool, **cell: Any) -> fowh.Result:
    return fowh.evaluate(dataset=POPULATION, device="cpu", trusted=trusted, **cell)


def rank1(result: fowh.Result, attack: str, part: str = "rank1") -> dict[str, float]:
    found: dict[str, float] = result.record["attacks"][attack]["metrics"][part]
    return found
