"""A scheme whose module alters the judge when it is imported. Nothing of it is to be imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fowh.engine.judge as judge
from schemes.raw import Raw

JUDGED = judge.Judge.embeddings


def turned(self: Any, made: Any) -> Any:
    """Judge something else than what was handed in."""
    return JUDGED(self, made[..., ::-1].copy())


judge.Judge.embeddings = turned  # type: ignore[method-assign]


@dataclass(frozen=True)
class Patching(Raw):
    """The embedding itself, before a judge who looks at something else."""
