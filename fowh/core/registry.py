"""Plug-ins: one file each; the file's name is the plug-in's name.

Third parties register modules through entry points (groups ``fowh.schemes``, ``fowh.attacks``,
``fowh.datasets`` and so on for every kind) or name a class directly as ``package.module:Class``.
Listing reads file names and docstrings only, and of schemes what they protect, so that ``fowh
list`` imports nothing heavy.
"""

from __future__ import annotations

import ast
import dataclasses
import difflib
import importlib
import inspect
import math
import sys
import typing
from collections.abc import Callable
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, Literal

from fowh.core.errors import InputError, refusing
from fowh.core.trust import PACKAGES, folder, ours, ran_in, refused

Kind = Literal["dataset", "target", "leak", "scheme", "protocol", "attack", "modality"]

_INTERFACES: dict[str, tuple[str, str]] = {  # kind -> module and class of the interface
    "dataset": ("fowh.core.dataset", "Dataset"),
    "target": ("fowh.core.target", "Target"),
    "leak": ("fowh.core.leak", "Leak"),
    "scheme": ("fowh.core.scheme", "Scheme"),
    "protocol": ("fowh.core.protocol", "Protocol"),
    "attack": ("fowh.core.attack", "Attack"),
    "modality": ("fowh.core.modality", "Modality"),
}
SMALLEST, LARGEST = 1e-30, 2**53  # of a number: what float32 is not zero of, and JSON still tells
KINDS: tuple[Kind, ...] = typing.get_args(Kind)


def plural(kind: Kind) -> str:
    """What several of a kind are called, in listings and as an entry-point group."""
    return "modalities" if kind == "modality" else f"{kind}s"


@cache
def _third_party(kind: Kind) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"fowh.{plural(kind)}")}


def names(kind: Kind) -> list[str]:
    """Names of all registered plug-ins, sorted; nothing is imported."""
    return sorted(_own(kind) | set(_third_party(kind)))


def foreign(kind: Kind, name: str) -> str | None:
    """Where a third party's plug-in of that name is, ``module`` or ``module:Class``; else None."""
    package, _, stem = name.partition(":")[0].rpartition(".")
    if ":" in name:
        return None if package == PACKAGES[kind] and stem in _own(kind) else name
    theirs = None if name in _own(kind) else _third_party(kind).get(name)
    return None if theirs is None else theirs.value


def attribute(kind: Kind, name: str, wanted: str) -> Any:
    """A class attribute of a plug-in, such as what a scheme protects; imports that plug-in."""
    return getattr(plugin_class(kind, name), wanted)


def _own(kind: Kind) -> set[str]:
    return {path.stem for path in folder(kind).glob("[!_]*.py")}


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
        InputError: unknown name (with near matches and the folder searched), a module that fails
            at import, or a class that is not a plug-in of this kind.
    """
    if refused(kind) and foreign(kind, name):
        raise InputError(f"{kind} {name!r} is a third party's: give --trusted to run it in here")
    if ":" in name:
        return usable(kind, name, _imported(kind, name, lambda: _named_class(name)))
    if name in _own(kind):
        return _only_plugin(kind, importlib.import_module(f"{PACKAGES[kind]}.{name}"))
    if name in _third_party(kind):
        loaded = _imported(kind, name, _third_party(kind)[name].load)
        if inspect.ismodule(loaded):
            return _only_plugin(kind, loaded)
        return usable(kind, name, loaded)
    known = names(kind)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(known)}"
    raise InputError(f"unknown {kind} {name!r}: {hint} (searched {folder(kind)})")


def _named_class(name: str) -> Any:
    """``package.module:Class``, looked for in the working directory first."""
    for package in PACKAGES.values():  # a folder of the same name there must not hide ours
        importlib.import_module(package)
    here = str(Path.cwd())  # the ``fowh`` script, unlike ``python -m``, has it not on its path
    if here not in sys.path[:1]:
        sys.path.insert(0, here)
    module_name, _, class_name = name.partition(":")
    return getattr(importlib.import_module(module_name), class_name)


def _imported(kind: Kind, name: str, load_it: Callable[[], Any]) -> Any:
    """What somebody else's code loads to; whatever it raises becomes one line."""
    with refusing(f"load {kind} {name!r}"):
        return load_it()


def _interface(kind: Kind) -> type[Any]:
    module, name = _INTERFACES[kind]
    interface: type[Any] = getattr(importlib.import_module(module), name)
    return interface


def usable(kind: Kind, name: str, given: Any) -> type[Any]:
    """The class ``given``, if it is a plug-in that can be built.

    Raises:
        InputError: it is not; says why.
    """
    interface, found = _interface(kind), given
    if not (inspect.isclass(found) and issubclass(found, interface)):
        raise InputError(f"{name!r} is no {kind}: expected a subclass of {interface.__name__}")
    if "__dataclass_params__" not in vars(found):  # of its own, not only inherited
        raise InputError(f"{kind} {name!r} is no dataclass: put @dataclass(frozen=True) above it")
    _says(found, kind, name)
    if inspect.isabstract(found):
        missing = ", ".join(sorted(getattr(found, "__abstractmethods__", ())))
        raise InputError(f"{kind} {name!r} is abstract: expected it to define {missing}")
    return found


_MUST_SAY = {  # kind -> a text that its class must have, an example, what else it may be
    "scheme": ("protects", "templates", "the name of another leak"),
    "target": ("modality", "image", "another kind of samples"),
}


def _says(found: type[Any], kind: Kind, name: str) -> None:
    """Refuse a class that leaves out what only it knows."""
    if kind in _MUST_SAY:
        wanted, example, other = _MUST_SAY[kind]
        if not isinstance(getattr(found, wanted, None), str):
            raise InputError(
                f"{kind} {name!r} does not say `{wanted}`: give the class "
                f'`{wanted}: ClassVar[str] = "{example}"`, or {other}'
            )


def _only_plugin(kind: Kind, module: ModuleType) -> type[Any]:
    defined = [
        member
        for member in vars(module).values()
        if inspect.isclass(member)
        and issubclass(member, _interface(kind))
        and member.__module__ == module.__name__
        and not inspect.isabstract(member)
    ]
    if len(defined) != 1:
        raise InputError(
            f"module {module.__name__} must define exactly one {kind}, it has {len(defined)}"
        )
    return usable(kind, module.__name__, defined[0])


def split(text: str) -> tuple[str, dict[str, str]]:
    """``name:key=value,key=value`` as name and parameters; ``package.module:Class`` is a name.

    What follows a comma without an equals sign belongs to the value before it (a file name).
    """
    head, colon, tail = text.partition(":")
    first = tail.partition(",")[0].partition(":")[0]
    if colon and "=" not in first and ("." in head or first[:1].isupper()):  # module:Class[:...]
        class_name, _, tail = tail.partition(":")
        head = f"{head}:{class_name}"
    given: dict[str, str] = {}
    key = ""
    for item in tail.split(",") if tail else ():
        left, equals, value = item.partition("=")
        if not equals and key:
            given[key] += f",{item}"
            continue
        key = left.strip()
        if not equals or not key:
            raise InputError(f"cannot read {item!r} in {text!r}: expected key=value")
        if key in given:
            raise InputError(f"{text!r} gives {key} twice: expected each parameter once")
        given[key] = value
    return head.strip(), {key: value.strip() for key, value in given.items()}


def load(kind: Kind, text: str) -> Any:
    """Build a plug-in from the command line's ``name:key=value,key=value``.

    Raises:
        InputError: unknown plug-in, unknown parameter, or a value of the wrong type.
    """
    name, given = split(text)
    found = plugin_class(kind, name)
    with refusing(f"read the annotations of {kind} {name!r}"):
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
    with refusing(f"build {kind} {text!r}"):
        return found(**values)


def _value(where: str, text: str, hint: Any) -> Any:
    """One parameter's text as a value of its annotated type; what may be None is not, if given."""
    if NoneType in typing.get_args(hint):
        hint = next(each for each in typing.get_args(hint) if each is not NoneType)
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
            value = hint(text)
        except ValueError:
            raise InputError(
                f"{where}={text}: expected {'an integer' if hint is int else 'a number'}"
            ) from None
        if not (SMALLEST <= abs(value) <= LARGEST or value in (0, math.inf, -math.inf)):
            raise InputError(f"{where}={text}: expected 0, or a size of {SMALLEST} to {LARGEST}")
        return value
    return text


def describe(plugin: Any, kind: Kind) -> dict[str, Any]:
    """Name and hyper-parameters of a plug-in as JSON values."""
    found = type(plugin)
    module = found.__module__
    name = (
        module.rpartition(".")[2]
        if ours(found, kind)
        else _entry_name(kind, module, found.__name__)
    )
    params = {
        field.name: getattr(plugin, field.name)
        for field in dataclasses.fields(found)
        if field.name != "public"
    }
    return {"name": name, "params": params}


def described(plugin: Any, kind: Kind) -> dict[str, Any]:
    """The same as a record's spec has it: of a third party's also in whose process it runs."""
    return {**describe(plugin, kind), **ran_in(plugin, kind)}


def _entry_name(kind: Kind, module: str, class_name: str) -> str:
    """What a third party's class is called: the name it registered, else ``module:Class``."""
    whole = f"{module}:{class_name}"
    registered = [n for n, p in _third_party(kind).items() if p.value in (whole, module)]
    return min(registered, default=whole)
