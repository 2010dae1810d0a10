"""The code that makes a plug-in what it is, as a digest: no record answers for changed code."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fowh.core.cache import digest, source_digest


def sources(plugin: Any) -> set[Path]:
    """The files that make a plug-in what it is: its own, and what its family shares beside it.

    None for one that was typed into a session.
    """
    try:
        source = Path(inspect.getsourcefile(type(plugin)) or "")
    except (TypeError, OSError):
        return set()
    if not source.is_file():  # <stdin>
        return set()
    return {source, *source.parent.glob("_*.py"), *source.parent.glob("_*/*.py")}


def code_digest(plugins: Iterable[Any], folders: Iterable[Path] = ()) -> str:
    """Digest of the code of plug-ins and of everything in some folders.

    Of a plug-in without a file its compiled functions count.
    """
    files = {file for folder in folders for file in folder.rglob("*.py")}
    typed = []
    for plugin in plugins:
        own = sources(plugin)
        files |= own
        if not own:
            members = vars(type(plugin)).values()
            typed.append([_compiled(getattr(member, "__code__", None)) for member in members])
    return digest(source_digest(*map(str, sorted(files))), typed)


def _compiled(part: Any) -> Any:
    """What a code object does, as JSON values; nothing for what is no code."""
    if not inspect.iscode(part):
        return None
    constants = [_compiled(c) if inspect.iscode(c) else _written(c) for c in part.co_consts]
    return [part.co_code.hex(), list(part.co_names), constants]


def _written(constant: Any) -> str:
    """A constant as text that does not depend on the order of a set."""
    return repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)
