"""Drawing records again: what is wrong with one of them hides no other."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

import fowh
from fowh.run import draw_all

WORLD = "gaussian:subjects=6,readings=2,dim=8,within=0.3"


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cell on record."""
    made = fowh.evaluate("lsh:bits=16", dataset=WORLD, attacks="preimage", device="cpu")
    return made.save(tmp_path_factory.mktemp("cell") / "r")


@pytest.fixture
def two(cell: Path, tmp_path: Path) -> Path:
    """A folder with two copies of it."""
    for name in ("a", "b"):
        shutil.copytree(cell, tmp_path / name)
    return tmp_path


def test_a_page_that_cannot_be_written_is_skipped_and_named(two: Path) -> None:
    (two / "a" / "report.html").unlink()
    (two / "a" / "report.html").mkdir()
    found, bad = draw_all(two)
    assert [path.name for path, _ in found] == ["b"]
    assert len(bad) == 1 and str(two / "a") in bad[0] and "directory" in bad[0]
    assert "delete" not in bad[0]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EPERM, errno.ENAMETOOLONG])
def test_a_folder_that_takes_nothing_is_skipped_and_named(
    code: int, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse(monkeypatch, two / "a", code)
    found, bad = draw_all(two)
    assert [path.name for path, _ in found] == ["b"] and os.strerror(code) in bad[0]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_disk_that_takes_nothing_ends_it(
    code: int, two: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse(monkeypatch, two / "a", code)
    with pytest.raises(OSError, match=os.strerror(code)):
        draw_all(two)


def _refuse(monkeypatch: pytest.MonkeyPatch, folder: Path, code: int) -> None:
    """Have moves into a folder fail."""
    given = Path.replace

    def replace(path: Path, target: Path) -> Path:
        if folder in Path(target).parents:
            raise OSError(code, os.strerror(code))
        return given(path, target)

    monkeypatch.setattr(Path, "replace", replace)
