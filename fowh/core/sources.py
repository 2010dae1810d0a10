"""The code that makes a plug-in what it is, as a digest: no record answers for changed code."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from fowh.core.cache import digest, source_digest
from fowh.core.trust import HOME, PACKAGES

_WRAPPERS = (property, classmethod, staticmethod, functools.cached_property)
_HELD = ("fget", "fset", "fdel", "__func__", "func")  # where those keep their functions


def sources(plugin: Any) -> set[Path]:
    """The files that make a plug-in what it is: its own and its bases', and what families share.

    So do those of its ``parts``. None for what was typed into a session.
    """
    told = map(Path, getattr(plugin, "files", ()))  # of one that is not loaded here
    found = {file for file in told if file.is_file()}
    files = {_file(each) for part in _whole(plugin) for each in _classes(part)} - {None}
    for file in files:
        assert file is not None
        found |= _with_family(file)
    return found


def located(module: str) -> set[Path]:
    """The file of a module that is not loaded here, and what its family shares; none: not found.

    It is looked for as an import would, in the working directory first, and nothing is run.
    """
    file, places, whole = None, [str(Path.cwd()), *sys.path], ""
    for part in module.split("."):
        whole = f"{whole}.{part}".lstrip(".")
        found = PathFinder.find_spec(whole, places)
        for finder in sys.meta_path if found is None else ():  # of what is installed for editing
            found = found or finder.find_spec(whole, places if "." in whole else None)
        if found is None:
            return set()
        file, places = found.origin, list(found.submodule_search_locations or ())
    return _with_family(Path(file)) if file and Path(file).is_file() else set()


def _with_family(file: Path) -> set[Path]:
    """A file and what it may stand on: of ours what its family shares, else the whole package.

    A module of a third party that is in no package may import those beside it.
    """
    folder = file.resolve().parent
    if folder in [HOME.joinpath(*name.split(".")) for name in PACKAGES.values()]:
        return {file, *file.parent.glob("_*.py"), *file.parent.glob("_*/*.py")}
    package = file.parent
    if not (package / "__init__.py").exists():
        return {file, *package.glob("*.py")}
    while (package.parent / "__init__.py").exists():
        package = package.parent
    return {file, *package.rglob("*.py")}


def code_digest(plugins: Iterable[Any], folders: Iterable[Path] = ()) -> str:
    """Digest of the code of plug-ins and of everything in some folders.

    Of a class without a file its compiled functions and its attributes count.
    """
    files = {file for folder in folders for file in folder.rglob("*.py")}
    typed = []
    for plugin in plugins:
        files |= sources(plugin)
        whole = [each for part in _whole(plugin) for each in _classes(part)]
        typed += [_members(each) for each in whole if _file(each) is None]
    return digest(source_digest(*map(str, sorted(files))), typed)


def _whole(plugin: Any) -> Iterator[Any]:
    """The plug-in, and the plug-ins that it is made of."""
    yield plugin
    for part in getattr(plugin, "parts", ()):
        yield from _whole(part)


def _classes(plugin: Any) -> list[type]:
    """The plug-in's class and its bases, but for the interfaces and what Python brings."""
    return [
        each
        for each in type(plugin).__mro__
        if not each.__module__.startswith("fowh.core.")
        and each.__module__.partition(".")[0] not in sys.stdlib_module_names
    ]


def _file(found: type) -> Path | None:
    try:
        source = Path(inspect.getsourcefile(found) or "")
    except (TypeError, OSError):
        return None
    return source if source.is_file() else None  # else <stdin>


def _members(found: type) -> list[Any]:
    """What a class holds, by name, as JSON values: its functions and its plain attributes."""
    return [[name, _member(value)] for name, value in sorted(vars(found).items())]


def _member(value: Any) -> Any:
    if isinstance(value, _WRAPPERS):
        return [_member(getattr(value, name, None)) for name in _HELD]
    if inspect.isfunction(value):
        return [_compiled(value.__code__), _written([value.__defaults__, value.__kwdefaults__])]
    return _written(value)


def _compiled(code: Any) -> Any:
    """What a code object does, as JSON values."""
    constants = [_compiled(c) if inspect.iscode(c) else _written(c) for c in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), constants]


def _written(value: Any) -> str | None:
    """A value as text that depends neither on the order of a set nor on an address.

    None where there is no such text.
    """
    if value is None or isinstance(value, str | bytes | int | float | complex):
        return repr(value)
    if isinstance(value, dict):
        return _written([part for item in value.items() for part in item])
    if isinstance(value, set | frozenset):
        return repr(sorted(str(_written(part)) for part in value))
    if isinstance(value, list | tuple):
        return repr([_written(part) for part in value])
    return None
