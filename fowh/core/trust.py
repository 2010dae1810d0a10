"""Whose code runs where: third parties' schemes and attacks have processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

# Kinds. The others make or hold the truth by their nature.
APART: tuple[Literal["scheme", "attack"], ...] = ("scheme", "attack")
_OURS_ALONE: ContextVar[bool] = ContextVar("ours_alone", default=False)


@contextmanager
def ours_alone() -> Iterator[None]:
    """Within it no third party's scheme or attack is imported, however deep it is named."""
    token = _OURS_ALONE.set(True)
    try:
        yield
    finally:
        _OURS_ALONE.reset(token)


def refused(kind: str) -> bool:
    """Whether a third party's plug-in of this kind may not be imported here and now."""
    return kind in APART and _OURS_ALONE.get()


def ran_in(plugin: Any, kind: Literal["scheme", "attack"]) -> dict[str, str]:
    """Whose process a third party's plug-in runs in, its ``own`` or the ``testbed``'s; {}: ours."""
    if type(plugin).__module__.startswith(f"{kind}s."):
        return {}
    return {"process": "own" if getattr(plugin, "apart", False) else "testbed"}
