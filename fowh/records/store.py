"""A cell's record and its raw observations on disk: JSON and npz, written atomically.

A folder with a ``record.json`` is complete, because that file is written last.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
import zipfile
import zlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fowh.core.cache import Arrays, digest, load_arrays, save_arrays, write_atomically
from fowh.core.errors import InputError, reason
from fowh.core.texts import text_of
from fowh.records import schema

SCHEMA = schema.VERSION
Record = dict[str, Any]

_DAMAGE = (  # whatever numpy and zipfile raise on a file that is no npz, or half of one
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
_PACKAGES = (
    *("fowh", "torch", "torchvision", "lightning-fabric", "numpy", "scipy"),
    *("faiss-gpu", "faiss-cpu", "cryptography", "galois", "opacus", "scikit-learn"),
    "onnxruntime",
)


def record_id(spec: Mapping[str, Any]) -> str:
    """Identity of a cell: the digest of its spec. Time and host are not in it."""
    return digest({"schema": SCHEMA, "spec": spec})[:16]


def folder(out: Path, spec: Mapping[str, Any]) -> Path:
    """Where a cell's files live below ``out``."""
    scheme = spec["scheme"]["name"].rpartition(":")[2]
    return out / f"{spec['dataset']['name']}-{scheme}-{record_id(spec)}"


def save(path: Path, record: Record, observations: Arrays) -> None:
    """Write observations, then the record; each file appears whole or not at all."""
    text = json.dumps(finite(record), indent=1, allow_nan=False) + "\n"
    save_arrays(path / "observations.npz", observations)
    write_atomically(
        path / "record.json", lambda partial: partial.write_text(text, encoding="utf-8") and None
    )


def load(path: Path) -> Record | None:
    """The finished record in a cell's folder, or None.

    Raises:
        InputError: a record that is no JSON, of an earlier schema, or not as the schema says.
    """
    file = path / "record.json"
    if not os.path.lexists(file):
        return None
    if not file.is_file():  # a pipe would keep us waiting
        raise InputError(f"{file} is no plain file: delete it and run again")
    try:
        record = json.loads(text_of(file, "a record"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot read {file}: {reason(error)}; delete it and run again") from error
    if isinstance(record, dict) and record.get("schema") in range(1, SCHEMA):
        raise InputError(
            f"{file} is a record of schema {record['schema']}, which is no longer read: delete its "
            "folder and run the cell again"
        )
    problem = schema.problem(record)
    if problem:
        wrong = f"{file} is no record of schema {SCHEMA}: {problem}"
        raise InputError(f"{wrong}: delete it and run again")
    found: Record = record
    return found


def load_all(out: Path) -> list[tuple[Path, Record]]:
    """Every finished record below a folder, in order of the path."""
    found = [(folder, load(folder)) for folder in folders(out)]
    return [(path, record) for path, record in found if record is not None]


def folders(out: Path) -> list[Path]:
    """Folders below one that hold a record, whatever it is worth, in order of the path.

    Raises:
        InputError: it is no folder.
    """
    if not out.is_dir():
        raise InputError(f"no folder {out}: expected one that `fowh evaluate` wrote")
    return [file.parent for file in sorted(out.glob("**/record.json"))]


def load_observations(path: Path) -> Arrays:
    """The raw observations of a cell.

    Raises:
        InputError: the file is missing, damaged, or holds anything but plain arrays.
    """
    file = path / "observations.npz"
    try:
        if os.path.lexists(file) and not file.is_file():
            raise OSError(f"{file.name} is no plain file")
        return load_arrays(file)
    except _DAMAGE as error:
        words = getattr(error, "strerror", None) or str(
            error
        )  # the former does not repeat the name
        reason = " ".join(words.split()) or type(error).__name__
        raise InputError(f"cannot read {file}: {reason}; delete {path} and run again") from error


def finite(value: Any) -> Any:
    """The same JSON value with every non-finite number as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value


def environment(device: str) -> dict[str, Any]:
    """Versions, device and commit that produced a record."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"versions": versions, "device": device, "machine": platform.machine(), **_commit()}


def commit_of(environment: Mapping[str, Any]) -> str:
    """The commit of an environment, short, with "+" where files had changed since."""
    return str(environment["commit"])[:12] + ("+" if environment["dirty"] else "")


def _commit() -> dict[str, Any]:
    here = Path(__file__).resolve().parents[2]

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", here, *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != here:
            return {"commit": None, "dirty": None}
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
