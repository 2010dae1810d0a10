"""Cells as a user writes them. A suite in TOML is every combination of the lists given."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.registry import Kind, describe, load
from fowh.engine.cell import Cell, Threat, label
from fowh.protocols import standard as protocol

_AXES: dict[str, Any] = {
    "dataset": ["orl"],
    "target": ["dlib"],
    "scheme": None,
    "keys": ["subject"],
    "samples": [protocol.MAX_OWN],
    "versions": ["train"],
    "seed": [0],
}
_CHOICES = {"keys": ("subject", "shared"), "versions": ("final", "train", "all")}
_LEAST = {"samples": 2, "seed": 0}
_FLAGS = ("secret_keys", "white_box")
_PLUGINS: tuple[Kind, ...] = ("dataset", "target", "scheme")


def checked_attacks(texts: Iterable[str]) -> tuple[Attack, ...]:
    """Build the attacks of a cell; each gets one row of the table.

    Raises:
        InputError: an attack that cannot be built, is given twice, or is a control of the protocol.
    """
    attacks = tuple(load("attack", text) for text in texts)
    seen: set[str] = set()
    for name in map(label, attacks):
        if name in protocol.BLIND:
            raise InputError(f"attack {name!r} is a control of every run already: leave it out")
        if name in seen:
            raise InputError(f"attack {name!r} is given twice: leave one out")
        seen.add(name)
    return attacks


def cell_name(cell: Cell) -> str:
    """A cell in one line, for messages: plug-ins with all their parameters, keys and seed."""
    words = []
    for kind, plugin in zip(_PLUGINS, (cell.dataset, cell.target, cell.scheme), strict=True):
        if plugin is not None:
            named = describe(plugin, kind)
            params = ",".join(f"{key}={value}" for key, value in named["params"].items())
            words.append(f"{named['name']}:{params}" if params else str(named["name"]))
    return f"{' '.join(words)} keys={cell.threat.keys} seed={cell.seed}"


def read_suite(path: Path) -> list[Cell]:
    """The cells of a suite, in order.

    Args:
        path: a TOML file; ``dataset``, ``target``, ``scheme``, ``keys``, ``samples``, ``versions``
            and ``seed`` are values or lists of values (all combinations are run), ``attacks`` one
            value or list for all cells, ``judge`` one value, ``secret_keys`` and ``white_box``
            booleans. Plug-ins are written as on the command line.

    Raises:
        InputError: unreadable file, unknown key, or anything a cell cannot be built from.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML file: {error}") from error
    known = [*_AXES, "attacks", "judge", *_FLAGS]
    unknown = set(given) - set(known)
    if unknown:
        raise InputError(f"{path}: unknown key {min(unknown)!r}; a suite has {', '.join(known)}")
    if "scheme" not in given:
        raise InputError(f'{path}: no scheme; write scheme = ["lsh", "iom"]')
    axes = {name: _listed(path, name, given.get(name, _AXES[name])) for name in _AXES}
    attacks = checked_attacks(_listed(path, "attacks", given.get("attacks", list(protocol.SUITE))))
    for name in _FLAGS:
        if not isinstance(given.get(name, False), bool):
            raise InputError(f"{path}: {name} = {given[name]!r}: expected true or false")
    secret, white = (given.get(name, False) for name in _FLAGS)
    judge = None
    if "judge" in given:
        judge = load("target", _listed(path, "judge", given["judge"])[0])
    # One object for each text: cells that share a dataset share what is loaded of it.
    plugins = ([load(kind, text) for text in axes[kind]] for kind in _PLUGINS)
    return [
        Cell(
            dataset,
            target,
            scheme,
            attacks,
            Threat(
                keys,
                not secret,
                "white" if white else "black",
                samples=samples,
                versions=versions,
            ),
            seed,
            judge,
        )
        for dataset, target, scheme, keys, samples, versions, seed in itertools.product(
            *plugins, *(axes[name] for name in ("keys", "samples", "versions", "seed"))
        )
    ]


def _listed(path: Path, name: str, value: Any) -> list[Any]:
    """One value or a list of values as a list, each checked by what the key expects."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise InputError(f"{path}: {name} is an empty list: expected one value or more")
    for item in values:
        if name in _LEAST:
            least = _LEAST[name]
            fits, expected = type(item) is int and item >= least, f"an integer of at least {least}"
        elif name in _CHOICES:
            fits, expected = item in _CHOICES[name], " or ".join(_CHOICES[name])
        else:
            fits, expected = isinstance(item, str), "text, as on the command line"
        if not fits:
            raise InputError(f"{path}: {name} = {item!r}: expected {expected}")
    return values
