"""Whose code runs where: third parties' schemes and attacks have processes of their own."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

from fowh.core.errors import InputError

HOME = Path(__file__).resolve().parents[2]  # all packages of ours are beside each other
PACKAGES = {  # kind -> package
    "dataset": "fowh.datasets",
    "target": "fowh.targets",
    "leak": "fowh.leaks",
    "scheme": "schemes",
    "protocol": "fowh.protocols",
    "attack": "attacks",
    "modality": "fowh.modalities",
}
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


def folder(kind: str) -> Path:
    """The folder of our plug-ins of a kind, which is what Python would import.

    Raises:
        InputError: another folder of that name comes first on Python's path, or there is none.
    """
    package, place = PACKAGES[kind], _beside(PACKAGES[kind])
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"package {package!r} is not installed: reinstall fowh")
    found = Path(next(iter(spec.submodule_search_locations)))
    if found.resolve() != place:
        raise InputError(
            f"package {package!r} is found in {found}, expected {place}: rename that folder, or "
            "start in another one"
        )
    return found


def ours(found: type, kind: str) -> bool:
    """Whether a class is one of our plug-ins: by the file that it is in, not by a name."""
    module = sys.modules.get(found.__module__)
    file = getattr(module, "__file__", None)
    if file is None or getattr(module, found.__name__, None) is not found:
        return False
    return Path(file).resolve().parent == _beside(PACKAGES[kind])


def _beside(package: str) -> Path:
    return HOME.joinpath(*package.split("."))


def ran_in(plugin: Any, kind: str) -> dict[str, str]:
    """Whose process a third party's plug-in runs in, its ``own`` or the ``testbed``'s; {}: ours."""
    if ours(type(plugin), kind):
        return {}
    return {"process": "own" if getattr(plugin, "apart", False) else "testbed"}
