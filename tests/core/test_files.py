"""Private files, whole or not there: folders' modes, races, and places that have no locks."""

from __future__ import annotations

import errno
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fowh.cli._door import log
from fowh.core import cache, files


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """One that takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_partial_file_that_is_swept_before_its_lock_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may come between the making of a file and its lock."""
    made = []

    def swept(*given: Any, **named: Any) -> tuple[int, str]:
        file, name = real(*given, **named)
        if not made:
            files.sweep(tmp_path)
            assert not Path(name).exists()
        made.append(name)
        return file, name

    real = tempfile.mkstemp
    monkeypatch.setattr(tempfile, "mkstemp", swept)
    files.write_atomically(tmp_path / "x", lambda partial: partial.write_bytes(b"x"))
    assert len(made) == 2 and (tmp_path / "x").read_bytes() == b"x"
    assert (tmp_path / "x").stat().st_mode & 0o777 == files.FILE


def test_a_log_leaves_no_folder_open_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be the first thing that lies in a cache."""
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path / "deep" / "cache"))
    assert "traceback in " in log(ValueError("x"))
    for folder in (tmp_path / "deep", tmp_path / "deep" / "cache"):
        assert folder.stat().st_mode & 0o777 == files.FOLDER


def test_a_folder_is_private_from_its_first_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may be killed between two steps."""
    monkeypatch.setattr(Path, "chmod", lambda *given: None)
    files.private_folder(tmp_path / "a")
    assert (tmp_path / "a").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_all_is_written_all_the_same(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On some network file systems; what may be another's unfinished file stays for a day."""

    def none(*given: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", none)
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    (tmp_path / "kind").mkdir()
    another, old = (
        tmp_path / "kind" / f"{files.OURS}{name}{files.PARTIAL}" for name in ("new", "old")
    )
    another.write_bytes(b"")
    old.write_bytes(b"")
    os.utime(old, (time.time() - 90_000,) * 2)
    for _ in range(2):
        made = cache.cached("kind", "key", lambda: {"rows": np.arange(3)})
        assert made["rows"].tolist() == [0, 1, 2]
    assert {file.name for file in (tmp_path / "kind").iterdir()} == {"key.npz", another.name}
