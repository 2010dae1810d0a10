"""Records and caches: whole or not there, and never unpickled."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fowh.core.cache import cached, digest, save_arrays, write_atomically
from fowh.core.errors import InputError
from fowh.records import store as records

SPEC = {
    "dataset": {"name": "orl"},
    "scheme": {"name": "iom", "params": {"hashes": 3}},
    "threat": {"keys": "subject"},
    "seed": 0,
}
RECORD = {"schema": records.SCHEMA, "id": "0f", "status": "ok", "spec": SPEC}


def test_the_id_depends_on_the_spec_alone_and_not_on_the_order_of_its_keys() -> None:
    turned = dict(reversed(SPEC.items()))
    assert records.record_id(SPEC) == records.record_id(turned)
    assert records.record_id(SPEC) != records.record_id(SPEC | {"seed": 1})


def test_round_trip_and_non_finite_numbers_become_null(tmp_path: Path) -> None:
    record = RECORD | {"x": float("nan"), "y": [1.5, float("inf")]}
    observations = {"pairs.own_key.score": np.arange(3, dtype=np.float32)}
    folder = records.folder(tmp_path, SPEC)
    assert records.load(folder) is None
    records.save(folder, record, observations)
    loaded = records.load(folder)
    assert loaded == record | {"x": None, "y": [1.5, None]}
    stored = records.load_observations(folder)
    np.testing.assert_array_equal(stored["pairs.own_key.score"], [0, 1, 2])
    assert [path for path, _ in records.load_all(tmp_path)] == [folder]
    assert sorted(file.name for file in folder.iterdir()) == ["observations.npz", "record.json"]


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"schema": -1})])
def test_a_damaged_or_foreign_record_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "record.json").write_text(text)
    with pytest.raises(InputError, match="delete it"):
        records.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({"id": ...}, "id"),
        ({"status": ...}, "status"),
        ({"spec": ...}, "spec, spec.dataset.name, spec.scheme.name, spec.threat"),
        ({"spec": 3}, "spec.dataset.name, spec.scheme.name, spec.threat"),
        ({"spec": SPEC | {"scheme": {}}}, "spec.scheme.name"),
        ({"spec": SPEC | {"dataset": "orl"}}, "spec.dataset.name"),
    ],
)
def test_a_record_that_lacks_what_every_report_needs_is_named(
    tmp_path: Path, change: dict[str, object], lacking: str
) -> None:
    kept = {key: value for key, value in (RECORD | change).items() if value is not ...}
    folder = tmp_path / "cell"
    folder.mkdir()
    (folder / "record.json").write_text(json.dumps(kept))
    with pytest.raises(InputError) as caught:
        records.load_all(tmp_path)
    file = folder / "record.json"
    assert str(caught.value) == f"{file} lacks {lacking}: delete it and run again"


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
    records.save(tmp_path, RECORD, {"pairs.own_key.score": np.arange(9999, dtype=np.float32)})
    file = tmp_path / "observations.npz"
    damage(file)
    with pytest.raises(InputError, match=reason) as caught:
        records.load_observations(tmp_path)
    text = str(caught.value)
    assert text.startswith(f"cannot read {file}: ")
    assert text.endswith(f"; delete {tmp_path} and run again")
    assert "\n" not in text


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail(partial: Path) -> None:
        partial.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_digest_tells_dtype_shape_and_content_apart() -> None:
    zeros = np.zeros(4, np.float32)
    parts = [zeros, zeros.astype(np.int32), zeros.reshape(2, 2), zeros + 1, {"a": 1}, {"a": 2}]
    assert len({digest(part) for part in parts}) == len(parts)


def test_the_cache_builds_once_and_rebuilds_what_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    calls = []

    def build() -> dict[str, np.ndarray]:
        calls.append(1)
        return {"a": np.arange(3)}

    for _ in range(2):
        np.testing.assert_array_equal(cached("kind", "key", build)["a"], [0, 1, 2])
    assert len(calls) == 1
    file = tmp_path / "kind" / "key.npz"
    file.write_bytes(file.read_bytes()[:40])
    np.testing.assert_array_equal(cached("kind", "key", build)["a"], [0, 1, 2])
    assert len(calls) == 2


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    file = tmp_path / "observations.npz"
    save_arrays(file, {"a": np.array([{"b": 1}], dtype=object)})
    with pytest.raises(InputError, match="allow_pickle"):
        records.load_observations(tmp_path)
