"""Records and caches: whole or not there, and never unpickled."""

import copy
import json
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fowh
from fowh.core.cache import save_arrays
from fowh.core.errors import InputError
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
    given = record | {"x": float("nan"), "y": [1.5, float("inf")]}
    observations = {"utility.own_key.score": np.arange(3, dtype=np.float32)}
    folder = store.folder(tmp_path, record["spec"])
    assert store.load(folder) is None
    store.save(folder, given, observations)
    assert store.load(folder) == record | {"x": None, "y": [1.5, None]}
    stored = store.load_observations(folder)
    np.testing.assert_array_equal(stored["utility.own_key.score"], [0, 1, 2])
    assert [path for path, _ in store.load_all(tmp_path)] == [folder]
    assert sorted(file.name for file in folder.iterdir()) == ["observations.npz", "record.json"]


def test_a_record_names_the_versions_of_what_makes_its_numbers(record: dict[str, Any]) -> None:
    versions = record["environment"]["versions"]
    for package in ("numpy", "torch", "opacus", "scikit-learn"):
        assert versions[package] == version(package)


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


def test_what_a_run_makes_is_valid(record: dict[str, Any]) -> None:
    assert schema.problem(record) is None


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


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (Path.unlink, "No such file or directory"),
        (_cut, "not a zip file|pickle"),
        (_flip, "CRC"),
        (lambda file: file.write_bytes(b""), "No data"),
        (lambda file: file.write_bytes(b"{}\nabc"), "pickle"),
        (_bare_array, "context manager|attribute"),
    ],
)
def test_damaged_observations_are_one_clear_line(
    tmp_path: Path, damage: Callable[[Path], object], reason: str
) -> None:
    store.save(
        tmp_path, {"schema": 3}, {"utility.own_key.score": np.arange(9999, dtype=np.float32)}
    )
    file = tmp_path / "observations.npz"
    damage(file)
    with pytest.raises(InputError, match=reason) as caught:
        store.load_observations(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"cannot read {file}: ")
    assert text.endswith(f"; delete {tmp_path} and run again")
    assert "\n" not in text


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "observations.npz"
    save_arrays(file, {"a": np.array([{"b": 1}], dtype=object)})
    with pytest.raises(InputError, match="allow_pickle"):
        store.load_observations(tmp_path)
