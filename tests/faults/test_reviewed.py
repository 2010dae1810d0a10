"""What reviewers broke by hand and no driver had found, a test for each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fowh.cli import _door
from fowh.cli.progress import progress
from fowh.core import npz
from fowh.core.cache import cached, digest, place
from fowh.core.dataset import Samples, read
from fowh.core.errors import InputError
from fowh.core.target import embedded
from fowh.core.texts import text_of
from fowh.datasets.gaussian import Gaussian
from fowh.kit.vectors import check_embeddings
from fowh.targets.mlp import Mlp
from tests.faults import driver

SMALL = "gaussian:subjects=12,readings=3,dim=8"
KEY = digest("key")


@pytest.mark.parametrize("stolen", ["1", "2"])
def test_so_few_stolen_rows_that_all_are_one_persons(stolen: str, tmp_path: Path) -> None:
    """Nobody else's row is there to mislead the strongest attack with: not measured, no fault."""
    words = ["evaluate", "--scheme", "raw", "--dataset", SMALL, "--attack", "ridge", "--json"]
    seen = driver.check([*words, "--stolen", stolen, "--out", "r"], tmp_path, 0)
    record = json.loads(seen.out)
    assert record["data"]["stolen"] == 5 * int(stolen)
    if stolen == "1":
        assert "shuffled" not in record["controls"]


def test_report_follows_links_and_names_what_it_cannot_see(cell: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "elsewhere").mkdir()
    moved = shutil.copytree(cell, tmp_path / "elsewhere" / "moved")
    out.mkdir()
    (out / "linked").symlink_to(moved)
    (out / "round").symlink_to(out)
    (out / "gone").mkdir()
    (out / "gone" / "record.json").symlink_to(tmp_path / "nowhere")
    seen = driver.run(["report", str(out)], tmp_path)
    assert seen.code == 2 and "lsh" in seen.out
    assert [line for line in seen.lines if "gone" in line], seen.err
    assert (moved / "report.html").is_file()


@pytest.mark.skipif(os.geteuid() == 0, reason="whoever is root may look into any folder")
def test_report_names_a_folder_that_it_may_not_look_into(cell: Path, tmp_path: Path) -> None:
    shutil.copytree(cell, tmp_path / "good")
    shut = tmp_path / "shut"
    shut.mkdir(0)
    seen = driver.run(["report", "."], tmp_path)
    shut.chmod(0o700)
    assert seen.code == 2 and any("shut" in line for line in seen.lines)


def test_an_archive_that_claims_more_than_its_file_has_is_damaged(tmp_path: Path) -> None:
    """Whatever the machine's memory: else the same file would stop every run, and stay."""
    file = tmp_path / "a.npz"
    npz.write(file, {"a": np.arange(1000)}, "")
    whole = bytearray(file.read_bytes())
    at = whole.rindex(b"PK\x01\x02")  # the entry in the central directory: sizes from byte 20 on
    for start in (20, 24):
        whole[at + start + 3] = 0xFE
    file.write_bytes(whole)
    with pytest.raises(npz.Damaged):
        npz.read(file, limit=10**4)


@pytest.mark.parametrize("kind", ["pipe", "device", "nowhere"])
def test_a_cache_entry_that_is_no_file_is_made_again(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    file = place("kind", KEY)
    file.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(file)
    else:
        file.symlink_to("/dev/zero" if kind == "device" else tmp_path / "nowhere")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = cached("kind", KEY, lambda: {"a": np.ones(2)})
    assert made["a"].tolist() == [1, 1] and file.is_file() and not file.is_symlink()


def test_the_cache_is_emptied_as_far_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    for name in ("early", "late"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{KEY}.npz").write_bytes(b"")
    (tmp_path / "early" / f"{KEY}.npz").unlink()
    (tmp_path / "early" / f"{KEY}.npz").mkdir()
    seen = driver.run(["cache", "--clear"], tmp_path)
    assert seen.code == 2 and "1 of the cache's files stay" in seen.err and "early" in seen.err
    assert not (tmp_path / "late" / f"{KEY}.npz").exists()


@pytest.mark.parametrize("wrong", ["observations.npz", "report.html", ""])
def test_a_blocked_place_is_refused_before_anything_is_measured(
    wrong: str, cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = json.loads((cell / "record.json").read_text())["spec"]
    assert words  # of a cell that runs
    command = ["evaluate", "--scheme", "raw", "--dataset", SMALL, "--attack", "ridge"]
    driver.check([*command, "--out", "r"], tmp_path, 0)
    (place_,) = (tmp_path / "r").iterdir()
    shutil.rmtree(place_)
    if wrong:
        (place_ / wrong).mkdir(parents=True)
    else:
        place_.symlink_to(tmp_path / "nowhere")
    monkeypatch.setattr("fowh.run.observe", lambda *given: pytest.fail("it was measured"))
    driver.check([*command, "--out", "r"], tmp_path, 2)


def test_a_home_is_meant_by_its_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    command = ["evaluate", "--scheme", "raw", "--dataset", SMALL, "--attack", "ridge"]
    driver.check([*command, "--out", "~/mine"], tmp_path, 0)
    assert list((tmp_path / "home" / "mine").glob("*/record.json"))
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize(
    "line",
    (
        *(f"seed = {'9' * 5000}", f"seed = 0x{'f' * 6000}", f"samples = {2**63}"),
        *(f"scheme = 0x{'f' * 6000}", f"secret_keys = 0x{'f' * 6000}"),
    ),
)
def test_numbers_that_are_too_long_for_a_sweep(line: str, tmp_path: Path) -> None:
    scheme = "" if line.startswith("scheme") else 'scheme = "raw"\n'
    (tmp_path / "s.toml").write_text(f"{scheme}{line}\n")
    driver.check(["sweep", "s.toml"], tmp_path, 2)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.full((3, 2), np.nan), "NaN or infinity of 3 samples"),
        (np.array([[0, np.inf], [1, 2], [2, 3]]), "NaN or infinity of 1 samples"),
        (np.ones((3, 2)), "the same of all 3 samples"),
        (np.ones((2, 2)), "expected numbers"),
        (np.ones(3), "expected numbers"),
        (np.array([["a"], ["b"], ["c"]]), "expected numbers"),
    ],
)
def test_a_target_that_says_no_numbers_is_named(values: Any, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        embedded(Mlp(), values, 3)
    assert "target Mlp" in str(caught.value)
    good = np.arange(6, dtype=np.float64).reshape(3, 2)
    assert embedded(Mlp(), good, 3).dtype == np.float32


def test_vectors_that_are_no_numbers_are_their_datasets_fault() -> None:
    class Odd(Gaussian):
        def load(self) -> Samples:
            made = super().load()
            made.values[3, 1] = np.nan
            return made

    with pytest.raises(InputError, match="dataset Odd: vectors hold NaN or infinity"):
        read(Odd(subjects=4, readings=2, dim=4), lambda text, part: None)


def test_labels_of_bytes_stay_apart() -> None:
    vectors = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    labels = np.array([b"\xc8", b"\xc8", b"\xc9", b"\xc9"])
    assert check_embeddings(vectors, labels, "a.npz").names == ("\\xc8", "\\xc9")


def test_a_text_takes_no_more_memory_than_it_has(tmp_path: Path) -> None:
    import tracemalloc

    file = tmp_path / "a.txt"
    file.write_text("short")
    tracemalloc.start()
    assert text_of(file, "a text") == "short"
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_the_bar_keeps_its_numbers_at_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from rich.console import Console

    shown = Console(width=80, force_terminal=True, record=True)
    monkeypatch.setattr("rich.console.Console", lambda **given: shown)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress() as note:
        note("fold 1: recognition, renewed: " + "templates " * 20, 0.25)
        (bar,) = (
            cell.cell_contents
            for cell in note.__closure__ or ()
            if hasattr(cell.cell_contents, "tasks")
        )
        shown.print(bar.get_renderable())
    line = shown.export_text().splitlines()[-1][-80:]  # drawn once more, over the first
    assert line.startswith("fold 1: recognition") and line.endswith(" 25 % 0:00:00")
    capsys.readouterr()


def test_what_a_thread_raises_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        one = threading.Thread(target=lambda: [][1], name="\x1b[31m")
        one.start()
        one.join()
        return 0

    kept = threading.excepthook, sys.unraisablehook
    try:
        assert _door.guarded(work) == 0
    finally:
        threading.excepthook, sys.unraisablehook = kept
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "IndexError" in said and "traceback in " in said


def test_what_a_library_logs_is_one_line(tmp_path: Path) -> None:
    code = (
        "import logging, sys\n"
        "from fowh.cli import _door\n"
        "_door.guarded(lambda: logging.getLogger('x').warning('two\\nlines \\x1b[31m') or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.startswith("note: two") and len(done.stderr.splitlines()) == 1
    assert "\x1b" not in done.stderr
