"""A cell's record and its raw observations on disk: JSON and npz, written atomically.

A folder with a ``record.json`` is complete, because that file is written last. The record carries
digests of itself and of its observations: what was moved, edited or damaged does not answer.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from fowh.core import npz
from fowh.core.cache import Arrays, content, digest, writer
from fowh.core.errors import InputError, reason
from fowh.core.files import written
from fowh.core.texts import text_of
from fowh.kit.parallel import TRAINING
from fowh.records import schema

SCHEMA = schema.VERSION
Record = dict[str, Any]

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


def seal(record: Record, observations: Arrays) -> Record:
    """A record with digests of itself and of what it was measured from.

    They tell what was moved, edited or damaged. They are no signature: whoever edits a record on
    purpose can make them anew.
    """
    bare = {**record, "digests": {"observations": content(observations)}}
    return {**bare, "digests": {**bare["digests"], "record": _digest(bare)}}


def _digest(record: Record) -> str:
    """Of everything but itself: the digest of the observations included."""
    digests = {"observations": record["digests"]["observations"]}
    return digest({**record, "digests": digests})


def save(path: Path, record: Record, observations: Arrays) -> None:
    """Write observations, then the record; each file appears whole or not at all.

    A record that is there goes when both are on the disk: it would be of other observations.
    """
    text = (json.dumps(finite(record), indent=1, allow_nan=False) + "\n").encode()
    file = path / "record.json"
    with (
        written(path / "observations.npz", writer(observations)) as move_observations,
        written(file, lambda partial: partial.write_bytes(text)) as move_record,
    ):
        file.unlink(missing_ok=True)
        move_observations()
        move_record()


def load(path: Path, spec: Mapping[str, Any] | None = None) -> Record | None:
    """The finished record in a cell's folder, or None.

    Args:
        path: the folder.
        spec: what the record is to answer for; None for whatever it is of.

    Raises:
        InputError: a record that is no JSON, of an earlier schema, not as the schema says, edited
            since it was written, or of another spec.
    """
    file = path / "record.json"
    if not os.path.lexists(file):
        return None
    if not file.is_file():  # a pipe would keep us waiting
        raise InputError(f"{file} is no plain file: delete it and run again")
    try:
        record = json.loads(text_of(file, "a record"))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot read {file}: {reason(error)}; delete it and run again") from error
    schemed = record.get("schema") if isinstance(record, dict) else None
    if type(schemed) is int and 1 <= schemed < SCHEMA:  # True is no number of one
        raise InputError(
            f"{file} is a record of schema {schemed}, which is no longer read: delete its folder "
            "and run the cell again"
        )
    problem = schema.problem(record)
    if problem:
        wrong = f"{file} is no record of schema {SCHEMA}: {problem}"
        raise InputError(f"{wrong}: delete it and run again")
    found: Record = record
    whole = found["id"] == record_id(found["spec"])
    if not whole or found["digests"]["record"] != _digest(found):
        raise InputError(
            f"{file} is not as it was written (its digest differs): edited, or damaged; delete it "
            "and run again"
        )
    if spec is not None and digest(found["spec"]) != digest(spec):
        raise InputError(
            f"{file} is the record of another cell ({found['id']}, expected {record_id(spec)}): it "
            "was moved here; move it back, or delete it and run again"
        )
    return found


def load_all(out: Path) -> list[tuple[Path, Record]]:
    """Every finished record below a folder, in order of the path."""
    found = [(folder, load(folder)) for folder in folders(out)[0]]
    return [(path, record) for path, record in found if record is not None]


def folders(out: Path) -> tuple[list[Path], list[str]]:
    """Folders below one that hold a record, whatever it is worth, in order of the path.

    Links are followed, each folder is looked into once.

    Returns:
        Those folders; and a line for each folder that cannot be looked into.

    Raises:
        InputError: it is no folder.
    """
    if not out.is_dir():
        raise InputError(f"no folder {out}: expected one that `fowh evaluate` wrote")
    found, closed, seen = [], [], set()

    def refused(error: OSError) -> None:
        closed.append(
            f"{error.filename}: cannot be read ({error.strerror}); expected a folder of records: "
            "check its permissions"
        )

    for path, inner, files in os.walk(out, onerror=refused, followlinks=True):
        there = Path(path).stat()
        inner.sort()
        if (there.st_dev, there.st_ino) in seen:
            inner.clear()
            continue
        seen.add((there.st_dev, there.st_ino))
        if "record.json" in (*inner, *files):
            found.append(Path(path))
    return sorted(found), closed


def load_observations(path: Path) -> Arrays:
    """The raw observations of a cell on record.

    Raises:
        InputError: the file is missing, damaged, too large, holds anything but plain arrays, or is
            not what the record beside it was made from; or as ``load``.
        OSError, MemoryError: it cannot be read just now.
    """
    file, record = path / "observations.npz", load(path)
    if record is None:
        raise InputError(f"no record in {path}: expected one that `fowh evaluate` wrote")
    try:
        if os.path.lexists(file) and not file.is_file():
            raise npz.Damaged(f"{file.name} is no plain file")
        arrays, _ = npz.read(file)
        if content(arrays) != record["digests"]["observations"]:
            raise npz.Damaged("they are not those that its record was made from")
    except (FileNotFoundError, npz.Damaged) as error:
        words = getattr(error, "strerror", None) or str(error)  # the former repeats no name
        why = " ".join(words.split()) or type(error).__name__
        raise InputError(f"cannot read {file}: {why}; delete {path} and run again") from error
    return arrays


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
    """Versions, device, threads and commit that produced a record."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    where = {"device": device, "machine": platform.machine(), "processor": processor()}
    return {"versions": versions, **where, "threads": threads(), **_commit()}


def processor() -> str:
    """Its name as the kernel has it, of which speeds depend; the kind of machine where it has none.

    A virtual machine may have no more than a maker's name.
    """
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def threads() -> dict[str, int]:
    """How many threads each library works on; a training has a number of its own."""
    import torch
    from threadpoolctl import threadpool_info

    made: dict[str, int] = {}
    for each in threadpool_info():
        made[each["user_api"]] = max(each["num_threads"], made.get(each["user_api"], 0))
    return {"torch": torch.get_num_threads(), "training": TRAINING, **made}


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
        # Records and pages are made by code and change none of what it computes.
        code = git("status", "--porcelain", "--", ".", ":!bench/records", ":!docs")
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(code)}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
