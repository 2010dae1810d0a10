"""Records and caches: whole or not there, and never unpickled."""

import copy
import errno
import json
import os
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fowh
from fowh.core import memory
from fowh.core.cache import save_arrays
from fowh.core.errors import InputError
from fowh.kit.parallel import TRAINING
from fowh.records import schema, store

SPEC = {"dataset": {"name": "orl"}, "scheme": {"name": "iom"}, "seed": 0}


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    """A record as a run makes it."""
    world = "gaussian:subjects=6,readings=2,dim=8,within=0.3"
    return fowh.evaluate("lsh:bits=16", dataset=world, attacks="preimage", device="cpu").record


def test_the_id_depends_on_the_spec_alone_and_not_on_the_order_of_its_keys() -> None:
    turned = dict(reversed(SPEC.items()))
    assert store.record_id(SPEC) == store.record_id(turned)
    assert store.record_id(SPEC) != store.record_id(SPEC | {"seed": 1})


def test_round_trip_and_non_finite_numbers_become_null(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    observations = {"utility.own_key.score": np.arange(3, dtype=np.float32)}
    given = store.seal(record | {"x": None, "y": [1.5, None]}, observations)
    folder = store.folder(tmp_path, record["spec"])
    assert store.load(folder) is None
    store.save(folder, given | {"x": float("nan"), "y": [1.5, float("inf")]}, observations)
    assert store.load(folder) == given
    stored = store.load_observations(folder)
    np.testing.assert_array_equal(stored["utility.own_key.score"], [0, 1, 2])
    assert [path for path, _ in store.load_all(tmp_path)] == [folder]
    assert sorted(file.name for file in folder.iterdir()) == ["observations.npz", "record.json"]


def test_a_record_names_the_versions_of_what_makes_its_numbers(record: dict[str, Any]) -> None:
    versions = record["environment"]["versions"]
    for package in ("numpy", "torch", "opacus", "scikit-learn"):
        assert versions[package] == version(package)


def test_a_record_says_on_how_many_threads_it_was_made(record: dict[str, Any]) -> None:
    found = record["environment"]["threads"]
    assert found["torch"] == torch.get_num_threads() and found["training"] == TRAINING
    assert all(count >= 1 for count in found.values()) and len(found) > 2


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"schema": -1})])
def test_a_damaged_or_foreign_record_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(InputError, match="delete it") as caught:
        store.load(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("old", range(1, schema.VERSION))
def test_a_record_of_an_older_schema_is_refused_with_one_line_that_says_to_run_again(
    tmp_path: Path, old: int
) -> None:
    (tmp_path / "record.json").write_text(json.dumps({"schema": old, "status": "ok"}))
    with pytest.raises(InputError, match=rf"schema {old}.*run the cell again") as caught:
        store.load(tmp_path)
    assert "\n" not in str(caught.value)


def without(record: dict[str, Any], path: str) -> dict[str, Any]:
    """The record without what a dotted path leads to."""
    made = copy.deepcopy(record)
    *parents, last = path.split(".")
    part = made
    for name in parents:
        part = part[name]
    del part[last]
    return made


@pytest.mark.parametrize(
    "path",
    [
        *("id", "status", "spec", "headline", "worst.of", "worst.blind", "flags"),
        *("chance", "best.chosen", "guesses", "metrics", "headline.margin"),
        *("spec.scheme.name", "spec.dataset.sha256", "spec.threat"),
        *("attacks.preimage.metrics", "controls.mean.blind"),
    ],
)
def test_a_record_that_lacks_something_is_refused_and_the_lack_is_named(
    tmp_path: Path, record: dict[str, Any], path: str
) -> None:
    (tmp_path / "record.json").write_text(json.dumps(without(record, path)))
    with pytest.raises(InputError, match="is a required property: delete it") as caught:
        store.load(tmp_path)
    assert repr(path.rpartition(".")[2]) in str(caught.value)


def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, record: dict[str, Any]) -> None:
    odd = copy.deepcopy(record)
    odd["attacks"]["preimage"]["metrics"]["rank1"]["value"] = "high"
    (tmp_path / "record.json").write_text(json.dumps(odd))
    with pytest.raises(InputError, match=r"rank1\.value: 'high' is not of type"):
        store.load(tmp_path)


def test_an_edited_record_is_refused_whatever_was_edited(
    tmp_path: Path, record: dict[str, Any]
) -> None:
    def better(made: dict[str, Any]) -> None:
        made["attacks"]["preimage"]["metrics"]["rank1"]["value"] = 0.0

    def other_spec(made: dict[str, Any]) -> None:
        made["spec"]["seed"] = 1

    def other_id(made: dict[str, Any]) -> None:
        made["id"] = "0" * 16

    def no_flags(made: dict[str, Any]) -> None:
        made["flags"] = [{"flag": "budget-exhausted", "text": "not there"}]

    for edit in (better, other_spec, other_id, no_flags):
        made = copy.deepcopy(record)
        edit(made)
        (tmp_path / "record.json").write_text(json.dumps(made))
        with pytest.raises(InputError, match=r"not as it was written.*run again") as caught:
            store.load(tmp_path)
        assert "\n" not in str(caught.value)


def test_a_record_answers_for_its_own_spec_alone(tmp_path: Path, record: dict[str, Any]) -> None:
    store.save(tmp_path, record, {})
    assert store.load(tmp_path, record["spec"]) == record
    other = record["spec"] | {"seed": 1}
    with pytest.raises(InputError, match=r"is the record of another cell.*moved"):
        store.load(tmp_path, other)


def test_a_record_that_was_copied_to_another_cell_s_folder_is_refused(tmp_path: Path) -> None:
    world = "gaussian:subjects=6,readings=2,dim=8,within=0.3"

    def run(seed: int) -> fowh.Result:
        return fowh.evaluate(
            "lsh:bits=16", dataset=world, attacks="preimage", seed=seed, out=tmp_path
        )

    first, second = (store.folder(tmp_path, run(seed).record["spec"]) for seed in (0, 1))
    for name in ("record.json", "observations.npz"):
        (second / name).write_bytes((first / name).read_bytes())
    with pytest.raises(InputError, match="is the record of another cell"):
        run(1)
    assert run(0).record["status"] == "ok"


def test_what_a_run_makes_is_valid(record: dict[str, Any]) -> None:
    assert schema.problem(record) is None


@pytest.mark.parametrize("full", ["observations.npz", "record.json"])
def test_a_disk_that_is_full_loses_no_earlier_record(
    tmp_path: Path, record: dict[str, Any], full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run again with --force: what is there goes only when the new files are on the disk."""
    observations = {"a": np.arange(3)}
    given = store.seal(record, observations)
    store.save(tmp_path, given, observations)
    room = {"observations.npz": 0, "record.json": 1}[full]  # files that fit
    whole = os.fsync

    def no_room(file: int) -> None:
        nonlocal room
        room -= 1
        if room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        whole(file)

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        store.save(tmp_path, store.seal(record, {"a": np.arange(4)}), {"a": np.arange(4)})
    monkeypatch.undo()
    assert store.load(tmp_path) == given
    np.testing.assert_array_equal(store.load_observations(tmp_path)["a"], [0, 1, 2])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["observations.npz", "record.json"]


def test_what_cannot_be_read_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError) as caught:
        store.load(tmp_path)
    assert "InputError" not in str(caught.value)


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def _flip(file: Path) -> None:
    """Change one byte amid the stored numbers; only the checksum can tell."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)


def _bare_array(file: Path) -> None:
    with file.open("wb") as stream:
        np.save(stream, np.arange(3))


def _of_another_cell(file: Path) -> None:
    save_arrays(file, {"utility.own_key.score": np.zeros(9999, dtype=np.float32)})


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "No such file or directory"),
        (_cut, "not a zip file"),
        (_flip, "CRC"),
        (lambda file: file.write_bytes(b""), "not a zip file"),
        (lambda file: file.write_bytes(b"{}\nabc"), "not a zip file"),
        (_bare_array, "not a zip file"),
        (_of_another_cell, "not those that its record was made from"),
    ],
)
def test_damaged_observations_are_one_clear_line(
    tmp_path: Path, record: dict[str, Any], damage: Callable[[Path], object], reason: str
) -> None:
    observations = {"utility.own_key.score": np.arange(9999, dtype=np.float32)}
    store.save(tmp_path, store.seal(record, observations), observations)
    file = tmp_path / "observations.npz"
    damage(file)
    with pytest.raises(InputError, match=reason) as caught:
        store.load_observations(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"cannot read {file}: ")
    assert text.endswith(f"; delete {tmp_path} and run again")
    assert "\n" not in text


@pytest.mark.parametrize("fault", [OSError(errno.EIO, "Input/output error"), MemoryError()])
def test_nobody_is_told_to_delete_observations_that_cannot_be_read_just_now(
    tmp_path: Path, record: dict[str, Any], fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.save(tmp_path, store.seal(record, {}), {})

    def fails(path: Path) -> Any:
        raise fault

    monkeypatch.setattr(store.npz, "read", fails)
    with pytest.raises(type(fault)):
        store.load_observations(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(memory, "limit", lambda: -1)
    with pytest.raises(InputError, match="at most -1") as caught:
        store.load_observations(tmp_path)
    assert "; delete" not in str(caught.value)


def test_nothing_is_unpickled(tmp_path: Path, record: dict[str, Any]) -> None:
    store.save(tmp_path, store.seal(record, {}), {})
    np.savez(tmp_path / "observations.npz", a=np.array([{"b": 1}], dtype=object))
    with pytest.raises(InputError, match="allow_pickle"):
        store.load_observations(tmp_path)
