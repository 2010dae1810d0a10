"""Arrays on disk under a digest of everything they depend on."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fowh.core import files, memory, npz
from fowh.core.cache import (
    Arrays,
    Damaged,
    cache_dir,
    cached,
    digest,
    load_arrays,
    rooms,
    save_arrays,
    source_digest,
)
from fowh.core.errors import InputError
from fowh.core.files import write_atomically

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


def _other_names(file: Path) -> None:
    save_arrays(file, {"columns": ROWS}, "kind/key")
    file.write_bytes(file.read_bytes().replace(b"columns", b"rows.wo"))


def _no_seal(file: Path) -> None:
    np.savez(file, rows=2 * ROWS)


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"no archive"),
        lambda file: file.write_bytes(file.read_bytes()[:-40]),
        _other_names,
        _no_seal,
        lambda file: save_arrays(file, {"rows": 2 * ROWS}, "kind/another key"),
        lambda file: save_arrays(file, {"rows": 2 * ROWS}, "another kind/key"),
    ],
)
def test_a_damaged_file_is_made_again_with_one_line(
    folder: Path, damage: Callable[[Path], object]
) -> None:
    build = Building()
    cached("kind", "key", build)
    damage(folder / "kind" / "key.npz")
    with pytest.warns(UserWarning, match="is damaged") as said:
        np.testing.assert_array_equal(cached("kind", "key", build)["rows"], 2 * ROWS)
    assert len(said) == 1 and "\n" not in str(said[0].message)
    np.testing.assert_array_equal(cached("kind", "key", build)["rows"], 2 * ROWS)
    assert build.count == 2


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_what_is_stored_is_this_user_s_alone_whatever_the_umask(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        cached("kind", "key", Building())
    finally:
        os.umask(before)
    assert (folder / "kind").stat().st_mode & 0o777 == 0o700
    assert (folder / "kind" / "key.npz").stat().st_mode & 0o777 == 0o600


def test_of_two_processes_that_want_the_same_one_builds_it(folder: Path) -> None:
    code = """
import sys, time
import numpy as np
from pathlib import Path
from fowh.core.cache import cached
def build():
    print("built", flush=True)
    time.sleep(1)
    return {"rows": np.arange(3)}
print(cached("kind", "key", build)["rows"].tolist())
"""
    begun = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = "".join(each.communicate()[0] for each in begun)
    assert said.count("built") == 1 and said.count("[0, 1, 2]") == 3
    assert [file.name for file in (folder / "kind").iterdir()] == ["key.npz"]


def test_a_partial_file_goes_when_nobody_writes_it_any_more(folder: Path) -> None:
    killed = folder / ".fowh-killed.partial"
    killed.write_bytes(b"half")

    def write(partial: Path) -> None:
        partial.write_bytes(b"whole")
        files.sweep(folder)  # another process that writes there meanwhile
        assert partial.exists() and not killed.exists()

    write_atomically(folder / "file", write)
    assert (folder / "file").read_bytes() == b"whole"
    assert [file.name for file in folder.iterdir()] == ["file"]


def test_names_of_any_length_can_be_written(folder: Path) -> None:
    path = folder / ("n" * 255)
    write_atomically(path, lambda partial: partial.write_bytes(b"x"))
    assert path.read_bytes() == b"x"


def test_what_lies_in_the_cache_is_told_by_kind_and_nothing_of_anybody_else_s(folder: Path) -> None:
    cached("kind", digest("a"), Building())
    (folder / "kind" / ".fowh-left.partial").write_bytes(b"1234")
    (folder / "kind" / "holiday.npz").write_bytes(b"mine")
    (folder / "letters").mkdir()
    (folder / "letters" / "dear.txt").write_text("mine")
    (room,) = rooms()
    assert room.kind == "kind"
    assert {file.name for file in room.files} == {f"{digest('a')}.npz", ".fowh-left.partial"}
    assert room.size == sum(file.stat().st_size for file in room.files)


def test_what_is_removed_while_it_is_counted_counts_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process lets a lock go, which removes it."""
    cached("kind", digest("a"), Building())
    lock = folder / "kind" / f"{digest('a')}.lock"
    lock.touch()
    given = Path.stat

    def stat(path: Path, **more: Any) -> os.stat_result:
        if path == lock:
            path.unlink(missing_ok=True)
        return given(path, **more)

    monkeypatch.setattr(Path, "stat", stat)
    (room,) = rooms()
    assert [file.suffix for file in room.files] == [".npz"]


def test_logs_are_told_with_the_rest(folder: Path) -> None:
    from fowh.cli._door import log

    log(ValueError("x"))
    (folder / "logs" / "mine.log").write_text("mine")
    (room,) = rooms()
    assert (room.kind, len(room.files)) == ("logs", 1) and room.size > 0


def test_of_logs_the_newest_are_kept(folder: Path) -> None:
    from fowh.cli._door import LOGS, log

    (folder / "logs").mkdir()
    for number in range(LOGS + 5):
        (folder / "logs" / f"fowh-20200101-000000-{number:04}.log").touch()
    log(ValueError("the last"))
    left = sorted((folder / "logs").iterdir())
    assert len(left) == LOGS and "the last" in left[-1].read_text()
    assert left[0].name == "fowh-20200101-000000-0006.log"


def test_the_same_arrays_are_the_same_bytes(folder: Path) -> None:
    for name in ("a", "b"):
        save_arrays(folder / name, {"rows": ROWS, "texts": np.array(["x", "yz"])})
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def _zip(file: Path, size: int, shape: tuple[int, ...]) -> None:
    """An npz of zeros, deflated to nearly nothing."""
    head = {"descr": "|u1", "fortran_order": False, "shape": shape}
    with (
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("rows.npy", "w") as member,
    ):
        np.lib.format.write_array_header_1_0(member, head)
        member.write(bytes(size))


def test_an_archive_is_refused_by_its_headers_before_anything_is_inflated(folder: Path) -> None:
    bomb = folder / "bomb.npz"
    _zip(bomb, 10_000_000, (10_000_000,))
    assert bomb.stat().st_size < 20_000
    tracemalloc.start()
    with pytest.raises(InputError, match="at most 1,000,000"):
        npz.read(bomb, limit=1_000_000)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()
    assert npz.read(bomb, limit=20_000_000)[0]["rows"].shape == (10_000_000,)


def test_a_shape_that_its_content_does_not_have_is_refused_before_it_is_allocated(
    folder: Path,
) -> None:
    _zip(folder / "liar.npz", 10, (2**40, 2**10))
    with pytest.raises(Damaged, match=r"its shape 1,125,899,906,842,"):
        npz.read(folder / "liar.npz")


@pytest.mark.parametrize(
    "fault", [MemoryError(), OSError(errno.EIO, "Input/output error"), OSError(errno.ESTALE, "old")]
)
def test_what_cannot_be_read_now_is_not_damaged_and_stays(
    folder: Path, fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached("kind", "key", Building())

    def fails(*given: Any, **named: Any) -> Any:
        raise fault

    monkeypatch.setattr(npz.npy, "read_array", fails)
    with pytest.raises(type(fault)) as caught:
        cached("kind", "key", Building())
    if isinstance(caught.value, OSError):
        assert caught.value.filename == str(folder / "kind" / "key.npz")
    monkeypatch.undo()
    assert load_arrays(folder / "kind" / "key.npz", "kind/key")


def test_what_is_too_large_to_be_read_back_is_neither_kept_nor_removed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Building()
    cached("kind", "key", build)
    monkeypatch.setattr(memory, "limit", lambda: 20)
    with pytest.raises(InputError, match=r"key\.npz: .*at most 20"):
        cached("kind", "key", build)
    assert (folder / "kind" / "key.npz").exists()
    for _ in range(2):  # else the second run would be refused
        with pytest.warns(UserWarning, match="not kept"):
            cached("kind", "other", build)
    assert build.count == 3


def test_a_header_that_no_parser_survives_is_damage(folder: Path) -> None:
    head = b"-" * 9000 + b"1"
    with zipfile.ZipFile(folder / "deep.npz", "w") as archive:
        data = b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head
        archive.writestr("rows.npy", data)
    with pytest.raises(Damaged):
        npz.read(folder / "deep.npz")


def test_only_what_numpy_writes_is_inflated(folder: Path) -> None:
    with zipfile.ZipFile(folder / "odd.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("rows.npy", b"x" * 100)
    with pytest.raises(Damaged, match="compressed"):
        npz.read(folder / "odd.npz")


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
    with pytest.raises(Damaged, match="allow_pickle"):
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
