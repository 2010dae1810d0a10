"""The tamper driver: no byte of a cache file or a record can change and be believed.

A byte that says nothing (the time of an archive's member) may change unseen: what comes out is then
what went in.
"""

from __future__ import annotations

import copy
import json
import operator
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fowh.core.cache import Arrays, cached, digest, keep, place, recall
from fowh.core.errors import InputError
from fowh.kit.training import Checkpoint
from fowh.records import store

ROWS = {
    "values": np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4),
    "found": np.array([True, False, True]),
}
KEY = digest("key")


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    return tmp_path


def flipped(whole: bytes, step: int, bits: tuple[int, ...]) -> Iterator[tuple[int, bytes]]:
    """The content with one byte changed, at every ``step``-th place."""
    for at in range(0, len(whole), step):
        for bit in bits:
            yield at, whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :]


def same(one: Arrays, other: Arrays) -> bool:
    def plain(arrays: Arrays) -> dict[str, Any]:
        return {name: (a.dtype, a.shape, a.tobytes()) for name, a in arrays.items()}

    return plain(one) == plain(other)


def believed(whole: bytes, damaged: Iterator[tuple[int, bytes]]) -> tuple[int, int]:
    """How many damaged files were tried, and of how many something else than was kept came back."""
    file, tried, wrong = place("kind", KEY), 0, 0
    for _, content in damaged:
        file.write_bytes(content)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = recall("kind", KEY)
        tried += 1
        if found is None:
            assert len(said) == 1 and "is damaged" in str(said[0].message)
            assert not file.exists()
        wrong += found is not None and not same(found, ROWS)
    file.write_bytes(whole)
    assert recall("kind", KEY) is not None
    return tried, wrong


def test_no_flipped_byte_of_a_cache_file_is_used() -> None:
    keep("kind", KEY, ROWS)
    whole = place("kind", KEY).read_bytes()
    tried, wrong = believed(whole, flipped(whole, 1, (0x01, 0xFF)))
    assert tried == 2 * len(whole) > 1000
    assert wrong == 0


@pytest.mark.slow
def test_no_byte_of_a_cache_file_may_have_any_other_bit_flipped() -> None:
    keep("kind", KEY, ROWS)
    whole = place("kind", KEY).read_bytes()
    bits = tuple(1 << bit for bit in range(8))
    assert believed(whole, flipped(whole, 1, bits)) == (8 * len(whole), 0)


def test_no_part_of_a_cache_file_is_used() -> None:
    keep("kind", KEY, ROWS)
    whole = place("kind", KEY).read_bytes()
    cut = ((at, whole[:at]) for at in range(0, len(whole), 7))
    more = ((at, whole + bytes(at)) for at in (1, 22, 100))
    doubled = [(0, whole + whole), (0, bytes(len(whole)))]
    for parts in (cut, more, iter(doubled)):
        assert believed(whole, parts)[1] == 0


def test_a_damaged_cache_costs_time_and_nothing_else() -> None:
    keep("kind", KEY, ROWS)
    whole = place("kind", KEY).read_bytes()
    for _, content in flipped(whole, 29, (0xFF,)):
        place("kind", KEY).write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert same(cached("kind", KEY, lambda: ROWS), ROWS)
        assert recall("kind", KEY) is not None


def test_a_file_of_another_key_or_kind_is_not_used() -> None:
    for kind, key in (("kind", digest("other")), ("other", KEY)):
        keep(kind, key, {**ROWS, "values": 2 * ROWS["values"]})
        place("kind", KEY).parent.mkdir(exist_ok=True)
        shutil.copy(place(kind, key), place("kind", KEY))
        with pytest.warns(UserWarning, match="is damaged"):
            assert recall("kind", KEY) is None


def test_no_flipped_byte_of_a_checkpoint_is_taken_over() -> None:
    def training() -> tuple[Checkpoint, torch.nn.Module]:
        net = torch.nn.Linear(2, 1)
        with torch.no_grad():
            net.weight.fill_(0.0)
        adam = torch.optim.Adam(net.parameters())
        return Checkpoint(KEY, {"net": (net, adam)}, torch.Generator(), {}), net

    saved, net = training()
    with torch.no_grad():
        net.weight.fill_(1.0)
    saved.save({"step": 3})
    file = place("training", KEY)
    whole = file.read_bytes()
    for _, content in flipped(whole, 53, (0xFF,)):
        file.write_bytes(content)
        again, other = training()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            numbers = again.resume()
        assert (numbers, other.weight.mean().item()) in (({"step": 3}, 1.0), ({}, 0.0))


def refused(
    file: Path,
    damaged: Iterator[tuple[int, bytes]],
    read: Callable[[], Any],
    like: Callable[[Any, Any], bool],
) -> int:
    """How many damaged files were tried; each is refused in one line, or read as what it was."""
    whole, right, tried = file.read_bytes(), read(), 0
    for at, content in damaged:
        file.write_bytes(content)
        tried += 1
        try:
            made = read()
        except InputError as error:
            assert "\n" not in str(error) and str(file.parent) in str(error)
        else:
            assert like(made, right), f"byte {at} of {file.name}"
    file.write_bytes(whole)
    return tried


def every(file: Path, cases: int) -> int:
    """Step over a file's bytes that gives so many cases; prime to what repeats in it."""
    return max(1, file.stat().st_size // cases) | 1


def both(folder: Path) -> Any:
    """A record whose observations fit it: the digest of those is no part of its own."""
    store.load_observations(folder)
    return store.load(folder)


def test_no_flipped_byte_of_a_record_is_believed(cell: Path, tmp_path: Path) -> None:
    made = Path(shutil.copytree(cell, tmp_path / "r"))
    for name, read, like in (
        ("record.json", lambda: both(made), operator.eq),
        ("observations.npz", lambda: store.load_observations(made), same),
    ):
        file = made / name
        step = every(file, 110)
        assert refused(file, flipped(file.read_bytes(), step, (0x01,)), read, like) >= 100


@pytest.mark.slow
def test_no_byte_of_a_record_may_change(cell: Path, tmp_path: Path) -> None:
    made = Path(shutil.copytree(cell, tmp_path / "r"))
    for name, read, like in (
        ("record.json", lambda: both(made), operator.eq),
        ("observations.npz", lambda: store.load_observations(made), same),
    ):
        file = made / name
        refused(file, flipped(file.read_bytes(), every(file, 3000), (0x01, 0x10)), read, like)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to everything in a JSON value that holds nothing else."""
    if isinstance(value, dict | list) and value:
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, key))
    else:
        yield path


def another(value: Any) -> Any:
    """Something else of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return f"{value}x"
    return value + 1 if isinstance(value, int | float) else 0.5


def test_nothing_in_a_record_can_be_edited(cell: Path, tmp_path: Path) -> None:
    """Every seventh value, as somebody would who wants another one there."""
    made = Path(shutil.copytree(cell, tmp_path / "r"))
    whole = json.loads((made / "record.json").read_text())
    paths = list(leaves(whole))[::7]
    assert len(paths) > 50
    for path in paths:
        edited = copy.deepcopy(whole)
        part = edited
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = another(part[path[-1]])
        (made / "record.json").write_text(json.dumps(edited))
        with pytest.raises(InputError):
            store.load(made)
