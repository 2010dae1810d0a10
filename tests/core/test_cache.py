"""Arrays on disk under a digest of everything they depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fowh.core.cache import (
    Arrays,
    cache_dir,
    cached,
    digest,
    load_arrays,
    save_arrays,
    source_digest,
    write_atomically,
)

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    return tmp_path


class Building:
    """Makes arrays, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Arrays:
        self.count += 1
        return {"rows": ROWS * self.count}


def test_what_was_made_once_is_read_afterwards(folder: Path) -> None:
    build = Building()
    for _ in range(3):
        np.testing.assert_array_equal(cached("kind", "key", build)["rows"], ROWS)
    assert build.count == 1
    assert [file.relative_to(folder).as_posix() for file in folder.rglob("*.npz")] == [
        "kind/key.npz"
    ]


def test_kinds_and_keys_are_apart() -> None:
    build = Building()
    for kind, key in (("a", "x"), ("a", "y"), ("b", "x")):
        cached(kind, key, build)
    assert build.count == 3


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_made_again(folder: Path, damage: bytes | None) -> None:
    build = Building()
    cached("kind", "key", build)
    file = folder / "kind" / "key.npz"
    file.write_bytes(file.read_bytes()[:-40] if damage is None else damage)
    np.testing.assert_array_equal(cached("kind", "key", build)["rows"], 2 * ROWS)
    np.testing.assert_array_equal(cached("kind", "key", build)["rows"], 2 * ROWS)
    assert build.count == 2


def test_a_failed_building_leaves_nothing(folder: Path) -> None:
    def fails() -> Arrays:
        raise ValueError("nothing")

    with pytest.raises(ValueError, match="nothing"):
        cached("kind", "key", fails)
    assert not [file for file in folder.rglob("*") if file.is_file()]


def test_an_interrupted_writing_leaves_what_was_there(folder: Path) -> None:
    file = folder / "deep" / "arrays.npz"
    save_arrays(file, {"rows": ROWS})

    def dies(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, dies)
    np.testing.assert_array_equal(load_arrays(file)["rows"], ROWS)
    assert list(file.parent.iterdir()) == [file]


def test_nothing_is_unpickled(folder: Path) -> None:
    np.savez(folder / "objects.npz", rows=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        load_arrays(folder / "objects.npz")


def test_a_digest_is_of_content_only() -> None:
    whole = digest("name", {"b": 1, "a": [2, None]}, ROWS)
    assert len(whole) == 64 and int(whole, 16) >= 0
    assert digest("name", {"a": [2, None], "b": 1}, np.asfortranarray(ROWS)) == whole
    assert digest("name", {"a": [2, None], "b": 1}, ROWS[::-1][::-1]) == whole


@pytest.mark.parametrize(
    "parts",
    [
        ("names", 1, ROWS),
        ("name", 2, ROWS),
        ("name", "1", ROWS),
        ("name", 1, ROWS.T),
        ("name", 1, ROWS.reshape(3, 2)),
        ("name", 1, ROWS.astype(np.float64)),
        ("name", 1, ROWS.view(np.int32)),
        ("name", 1),
        (1, "name", ROWS),
        ("name", 1, ROWS, None),
    ],
)
def test_a_digest_knows_values_types_shapes_and_order(parts: tuple[Any, ...]) -> None:
    assert digest(*parts) != digest("name", 1, ROWS)


def test_a_digest_of_sources_is_of_their_text(folder: Path) -> None:
    one, two = folder / "one.py", folder / "two.py"
    one.write_text("a = 1\n")
    two.write_text("a = 1\n")
    before = source_digest(str(one))
    assert before == source_digest(str(two))
    one.write_text("a = 2\n")
    assert source_digest(str(one)) != before


def test_the_folder_is_the_user_s_unless_told_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cache_dir() == folder
    monkeypatch.delenv("FOWH_CACHE_DIR")
    assert cache_dir().name == "fowh"
