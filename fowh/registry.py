"""Plug-ins: one file each; the file's name is the plug-in's name.

Third parties register modules through entry points (groups ``fowh.schemes``, ``fowh.attacks``,
``fowh.datasets``, ``fowh.targets``) or name a class directly as ``package.module:Class``.
Listing reads file names and docstrings only, so that ``fowh list`` imports nothing heavy.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import importlib
import importlib.util
import inspect
import typing
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from fowh.errors import InputError

Kind = Literal["scheme", "attack", "dataset", "target"]

_HOME: dict[str, tuple[str, str, str]] = {  # kind -> package, interface module, interface class
    "scheme": ("schemes", "fowh.scheme", "Scheme"),
    "attack": ("attacks", "fowh.attack", "Attack"),
    "dataset": ("fowh.datasets", "fowh.dataset", "Dataset"),
    "target": ("fowh.targets", "fowh.target", "Target"),
}


def folder(kind: Kind) -> Path:
    """The folder that is searched for plug-ins of this kind."""
    spec = importlib.util.find_spec(_HOME[kind][0])
    if spec is None or not spec.submodule_search_locations:
        raise InputError(f"package {_HOME[kind][0]!r} is not installed: reinstall fowh")
    return Path(next(iter(spec.submodule_search_locations)))


@cache
def _third_party(kind: Kind) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"fowh.{kind}s")}


def names(kind: Kind) -> list[str]:
    """Names of all registered plug-ins, sorted; nothing is imported."""
    own = {path.stem for path in folder(kind).glob("[!_]*.py")}
    return sorted(own | set(_third_party(kind)))


def summary(kind: Kind, name: str) -> str:
    """First line of the plug-in's docstring; nothing is imported."""
    path = folder(kind) / f"{name}.py"
    if not path.exists():
        return f"third party: {_third_party(kind)[name].value}"
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def plugin_class(kind: Kind, name: str) -> type[Any]:
    """The class behind a name or a ``package.module:Class``.

    Raises:
        InputError: unknown name (with near matches and the folder searched) or a class that is
            not a plug-in of this kind.
    """
    package, interface_module, interface_name = _HOME[kind]
    interface = getattr(importlib.import_module(interface_module), interface_name)
    if ":" in name:
        module_name, _, class_name = name.partition(":")
        try:
            found: type[Any] = getattr(importlib.import_module(module_name), class_name)
        except (ImportError, AttributeError) as error:
            raise InputError(f"cannot load {kind} {name!r}: {error}") from error
        if not (inspect.isclass(found) and issubclass(found, interface)):
            raise InputError(f"{name!r} is no {kind}: expected a subclass of {interface.__name__}")
        return found
    if (folder(kind) / f"{name}.py").exists() and not name.startswith("_"):
        module = importlib.import_module(f"{package}.{name}")
    elif name in _third_party(kind):
        loaded = _third_party(kind)[name].load()
        if inspect.isclass(loaded):
            loaded_class: type[Any] = loaded
            return loaded_class
        module = loaded
    else:
        known = names(kind)
        near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
        raise InputError(f"unknown {kind} {name!r}: {hint} (searched {folder(kind)})")
    defined = [
        member
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, interface)
        and member.__module__ == module.__name__
        and not inspect.isabstract(member)
    ]
    if len(defined) != 1:
        raise InputError(
            f"{kind} file {name}.py must define exactly one plug-in, it has {len(defined)}"
        )
    return defined[0]


def split(text: str) -> tuple[str, dict[str, str]]:
    """``name:key=value,key=value`` as name and parameters; ``package.module:Class`` is a name."""
    head, _, tail = text.partition(":")
    first = tail.partition(",")[0].partition(":")[0]
    if "=" not in first and ("." in head or first[:1].isupper()):  # package.module:Class[:...]
        class_name, _, tail = tail.partition(":")
        head = f"{head}:{class_name}"
    given: dict[str, str] = {}
    for item in filter(None, tail.split(",")):
        key, equals, value = item.partition("=")
        if not equals or not key.strip():
            raise InputError(f"cannot read {item!r} in {text!r}: expected key=value")
        given[key.strip()] = value.strip()
    return head.strip(), given


def load(kind: Kind, text: str) -> Any:
    """Build a plug-in from the command line's ``name:key=value,key=value``.

    Raises:
        InputError: unknown plug-in, unknown parameter, or a value of the wrong type.
    """
    name, given = split(text)
    found = plugin_class(kind, name)
    hints = typing.get_type_hints(found)
    fields = [field.name for field in dataclasses.fields(found) if field.name != "public"]
    for key in given:
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(fields) or 'none'}"
            raise InputError(f"{kind} {name!r} has no parameter {key!r}: {hint}")
    values = {key: _value(f"{name}:{key}", text, hints[key]) for key, text in given.items()}
    missing = [
        field.name
        for field in dataclasses.fields(found)
        if field.default is field.default_factory is dataclasses.MISSING
        and field.name not in values
    ]
    if missing:
        raise InputError(
            f"{kind} {name!r} needs {', '.join(missing)}: give {name}:{missing[0]}=..."
        )
    return found(**values)


def _value(where: str, text: str, hint: Any) -> Any:
    """One parameter's text as a value of its annotated type."""
    if typing.get_origin(hint) is Literal:
        for choice in typing.get_args(hint):
            if text == str(choice):
                return choice
        raise InputError(
            f"{where}={text}: expected one of {', '.join(map(str, typing.get_args(hint)))}"
        )
    if hint is bool:
        if text.lower() in ("true", "yes", "1"):
            return True
        if text.lower() in ("false", "no", "0"):
            return False
        raise InputError(f"{where}={text}: expected true or false")
    if hint in (int, float):
        try:
            return hint(text)
        except ValueError:
            raise InputError(
                f"{where}={text}: expected {'an integer' if hint is int else 'a number'}"
            ) from None
    return text


def describe(plugin: Any, kind: Kind) -> dict[str, Any]:
    """Name and hyper-parameters of a plug-in as JSON values; what a record's spec holds."""
    found = type(plugin)
    package = _HOME[kind][0]
    module = found.__module__
    own = module.startswith(package + ".")
    name = module.rpartition(".")[2] if own else f"{module}:{found.__name__}"
    params = {
        field.name: getattr(plugin, field.name)
        for field in dataclasses.fields(found)
        if field.name != "public"
    }
    return {"name": name, "params": params}
