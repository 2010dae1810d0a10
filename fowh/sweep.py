"""Suites of cells in TOML: every combination of the lists given. Resumable: records answer."""

from __future__ import annotations

import itertools
import tomllib
from pathlib import Path
from typing import Any

from fowh import protocol
from fowh.errors import InputError
from fowh.evaluate import Cell, Threat
from fowh.registry import load

_AXES: dict[str, Any] = {
    "dataset": ["orl"],
    "target": ["dlib"],
    "scheme": None,
    "keys": ["subject"],
    "seed": [0],
}
_FIXED: dict[str, Any] = {"attacks": list(protocol.SUITE), "secret_keys": False, "white_box": False}


def read_suite(path: Path) -> list[Cell]:
    """The cells of a suite, in order.

    Args:
        path: a TOML file; ``dataset``, ``target``, ``scheme``, ``keys``, ``seed`` are values or
            lists of values (all combinations are run), ``attacks`` one list, ``secret_keys`` and
            ``white_box`` booleans. Plug-ins are written as on the command line.

    Raises:
        InputError: unreadable file, unknown key, or anything a cell cannot be built from.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no TOML file: {error}") from error
    unknown = set(given) - set(_AXES) - set(_FIXED)
    if unknown:
        known = ", ".join([*_AXES, *_FIXED])
        raise InputError(f"{path}: unknown key {min(unknown)!r}; a suite has {known}")
    if "scheme" not in given:
        raise InputError(f'{path}: no scheme; write scheme = ["lsh", "iom"]')
    axes = {
        name: value if isinstance(value := given.get(name, default), list) else [value]
        for name, default in _AXES.items()
    }
    fixed = _FIXED | {name: given[name] for name in _FIXED if name in given}
    attacks = tuple(load("attack", text) for text in fixed["attacks"])
    cells = []
    for dataset, target, scheme, keys, seed in itertools.product(*axes.values()):
        if keys not in ("subject", "shared") or not isinstance(seed, int) or seed < 0:
            raise InputError(
                f"{path}: keys {keys!r}, seed {seed!r}: expected subject or shared, 0.."
            )
        threat = Threat(keys, not fixed["secret_keys"], "white" if fixed["white_box"] else "black")
        cells.append(
            Cell(
                load("dataset", dataset),
                load("target", target),
                load("scheme", scheme),
                attacks,
                threat,
                seed,
            )
        )
    return cells
