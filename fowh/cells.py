"""Cells as a user writes them: one, or in a TOML file every combination of the lists given."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from fowh.core import registry
from fowh.core.attack import Attack, black_box
from fowh.core.dataset import Dataset
from fowh.core.errors import InputError
from fowh.core.leak import Leak
from fowh.core.protocol import Protocol
from fowh.core.registry import Kind, usable
from fowh.core.scheme import Scheme
from fowh.core.target import Target
from fowh.core.texts import text_of
from fowh.core.threat import Threat
from fowh.engine.cell import Cell
from fowh.isolation import apart

# axis -> what it is where a sweep does not say; every combination of the lists is run
_AXES: dict[str, Any] = {
    "dataset": ["orl"],
    "target": [""],
    "leak": ["templates"],
    "protocol": [""],
    "scheme": None,
    "keys": ["subject"],
    "samples": [Threat.samples],
    "versions": ["train"],
    "server": ["honest"],
    "candidates": [0],
    "stolen": [0],
    "seed": [0],
}
# those that say what he has
_THREAT = ("keys", "samples", "versions", "server", "candidates", "stolen")
LARGEST = 2**20  # bytes of a sweep
MOST = 10_000  # cells of one
LONGEST = 2**63  # of its integers
_FLAGS = ("secret_keys", "white_box")
_INTERFACES: dict[Kind, type] = {
    "dataset": Dataset,
    "target": Target,
    "leak": Leak,
    "scheme": Scheme,
    "protocol": Protocol,
    "attack": Attack,
}


def make_cell(
    scheme: str | Scheme,
    dataset: str | Dataset = "orl",
    target: str | Target | None = None,
    attacks: str | Attack | Iterable[str | Attack] = (),
    leak: str | Leak = "templates",
    protocol: str | Protocol | None = None,
    threat: Threat | None = None,
    seed: int = 0,
    witness: str | Target | None = None,
    trusted: bool = False,
) -> Cell:
    """A cell from texts as on the command line, or from plug-ins.

    Args:
        scheme: what stands between target and leak.
        dataset: whose samples.
        target: what embeds them; None (or "") for the usual one of their modality.
        attacks: none of them for the standard suite of the leak. Under white box those that can do
            without the network are run without it too, so that its worth is seen.
        leak: what is stolen.
        protocol: who is who; None (or "") for the usual one of the leak.
        threat: what the attacker has.
        seed: of every stream of randomness.
        witness: a recogniser that no attack queries; None (or "") for none.
        trusted: whether third parties' schemes and attacks may run in this process, where they can
            reach the truth. An object was loaded here, and so stays here.

    Raises:
        InputError: as ``registry.load`` and ``Cell``.
    """
    make = partial(_made, registry.load if trusted else apart.load)
    stolen: Leak = make("leak", leak)
    one = isinstance(attacks, str | Attack)
    chosen = ([attacks] if one else list(attacks)) or stolen.suite  # type: ignore[arg-type]
    tried, threat = [make("attack", attack) for attack in chosen], threat or Threat()
    return Cell(
        make("dataset", dataset),
        make("target", target) if target else None,
        make("scheme", scheme),
        tuple(_both(tried) if threat.box == "white" else tried),
        stolen,
        make("protocol", protocol or stolen.protocol),
        threat,
        seed,
        make("target", witness) if witness else None,
    )


def _both(attacks: list[Attack]) -> list[Attack]:
    """The attacks, and behind them those that use a network and can do without, without it."""
    bare = [made for attack in attacks if (made := black_box(attack)) and made not in attacks]
    return [*attacks, *bare]


def _made(load: Callable[[Kind, str], Any], kind: Kind, given: Any) -> Any:
    """A plug-in from its text, or the object itself if it is one."""
    if isinstance(given, str):
        return load(kind, given)
    if not isinstance(given, _INTERFACES[kind]):
        raise InputError(
            f"{kind} is {given!r}: expected a text as on the command line, or an object of "
            f"fowh.{_INTERFACES[kind].__name__}"
        )
    usable(kind, type(given).__name__, type(given))
    return given


def read_sweep(path: Path, trusted: bool = False) -> list[Cell]:
    """The cells of a sweep, in order.

    Args:
        path: a TOML file; ``dataset``, ``target``, ``leak``, ``protocol``, ``scheme``, ``keys``,
            ``samples``, ``versions``, ``server``, ``candidates``, ``stolen`` and ``seed`` are
            values or lists of values (all combinations are run), ``attacks`` one value or list for
            all cells, ``witness`` one value, ``secret_keys`` and ``white_box`` booleans. Plug-ins
            are written as on the command line.
        trusted: as for ``make_cell``.

    Raises:
        InputError: unreadable file, unknown key, or anything a cell cannot be built from.
    """
    try:
        given = tomllib.loads(text_of(path, "a TOML file", LARGEST))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is no TOML file: {error}") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deep; expected a sweep, values and lists") from error
    except ValueError as error:  # a number of more digits than Python reads
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: {error}; expected shorter numbers: correct them") from error
    known = [*_AXES, "attacks", "witness", *_FLAGS]
    unknown = set(given) - set(known)
    if unknown:
        raise InputError(f"{path}: unknown key {min(unknown)!r}; a sweep has {', '.join(known)}")
    if "scheme" not in given:
        raise InputError(f'{path}: no scheme; write scheme = ["lsh", "iom"]')
    for name in _FLAGS:
        if not isinstance(given.get(name, False), bool):
            raise InputError(f"{path}: {name} = {shown(given[name])}: expected true or false")
    axes = {name: _listed(path, name, given.get(name, _AXES[name])) for name in _AXES}
    attacks = _listed(path, "attacks", given["attacks"]) if "attacks" in given else []
    judges = _listed(path, "witness", given["witness"]) if "witness" in given else [None]
    if len(judges) > 1:
        raise InputError(f"{path}: {len(judges)} witnesses; expected one: leave the others out")
    threat: dict[str, Any] = {
        "leaked": not given.get("secret_keys", False),
        "box": "white" if given.get("white_box", False) else "black",
    }
    made = []
    try:
        # One object for each text: cells that share a dataset share what is loaded of it.
        axes["dataset"] = [registry.load("dataset", text) for text in axes["dataset"]]
        if (many := math.prod(map(len, axes.values()))) > MOST:
            raise InputError(f"{many:,} cells; expected at most {MOST:,}: write several sweeps")
        for values in itertools.product(*axes.values()):
            cell = dict(zip(axes, values, strict=True))
            for axis in _THREAT:
                threat[axis] = cell.pop(axis)
            made.append(
                make_cell(
                    **cell,
                    attacks=attacks,
                    witness=judges[0],
                    threat=Threat(**threat),
                    trusted=trusted,
                )
            )
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return made


def _listed(path: Path, name: str, value: Any) -> list[Any]:
    """One value or a list of values as a list, each checked by what the key expects."""
    values = value if isinstance(value, list) else [value]
    if not values:
        raise InputError(f"{path}: {name} is an empty list: expected one value or more")
    for item in values:
        if name in ("samples", "candidates", "stolen", "seed"):
            fits = type(item) is int and abs(item) < LONGEST
            expected = "an integer of at most 64 bits" if type(item) is int else "an integer"
        else:
            fits, expected = isinstance(item, str), "text, as on the command line"
        if not fits:
            raise InputError(f"{path}: {name} = {shown(item)}: expected {expected}")
    return values


def shown(value: Any) -> str:
    """A value of a sweep in a refusal; Python writes no number of thousands of digits."""
    try:
        return repr(value)
    except ValueError:
        return "a number of thousands of digits"
