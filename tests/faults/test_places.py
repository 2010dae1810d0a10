"""Places that fail: full, read-only, closed, badly named. What needs a process has its own."""

from __future__ import annotations

import errno
import io
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from fowh.core import cache
from tests.faults import driver

LIST = ("list",)
CELL = ("evaluate", "--scheme", "raw", *driver.QUICK)
CODE = "from fowh.cli import main; main()"


def process(place: Path, *words: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
    """The command in a process of its own."""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])} | how.pop("env", {})
    command = [sys.executable, "-c", CODE, *words]
    return subprocess.run(command, cwd=place, env=env, stderr=subprocess.PIPE, check=False, **how)


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line on stderr."""
    lines = [line for line in done.stderr.decode().splitlines() if not driver.TOLD.match(line)]
    assert len(lines) == 1, done.stderr.decode()
    assert "Traceback" not in lines[0] and "Exception ignored" not in lines[0]
    return lines[0]


def test_stdout_that_is_full_is_one_line(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = process(tmp_path, *LIST, stdout=full)
    assert done.returncode == 2
    assert "cannot write to stdout (No space left on device)" in said(done)


def test_stdout_whose_reader_left_is_one_line(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = process(tmp_path, *LIST, stdout=writer)
    os.close(writer)
    assert done.returncode == 2
    assert "cannot write to stdout (Broken pipe)" in said(done)


def test_stdout_that_is_closed_is_refused_before_any_work(tmp_path: Path) -> None:
    done = process(tmp_path, *LIST, preexec_fn=lambda: os.close(1))
    assert done.returncode == 2
    assert "stdout is closed" in said(done)


def test_a_working_directory_that_is_gone_is_one_line(tmp_path: Path) -> None:
    place = tmp_path / "gone"
    place.mkdir()
    done = process(place, *LIST, preexec_fn=place.rmdir)
    assert done.returncode == 2
    assert "the working directory is gone" in said(done)


INTERRUPTED = """
import builtins, os, signal
imports = builtins.__import__
def interrupted(name, *given, **more):
    if name == "fowh.cli._door":
        os.kill(os.getpid(), signal.SIGINT)
    return imports(name, *given, **more)
builtins.__import__ = interrupted
"""


def test_an_interrupt_amid_the_first_imports_ends_it_without_a_word(tmp_path: Path) -> None:
    """As SIGTERM does; there is nobody yet who could say it."""
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", INTERRUPTED + CODE, *LIST]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


NOWHERE = """
from numba.core import caching
caching.CacheImpl._locator_classes = caching.CodeLibraryCacheImpl._locator_classes = []
import numpy as np
from fowh.kit.kernels import pack_above
out = np.zeros((1, 1), np.uint8)
pack_above(np.arange(8, dtype=np.float32)[None], np.full(8, 5.5, np.float32), out)
print(out[0, 0], pack_above.stats.cache_path)
"""


def test_where_no_machine_code_can_be_kept_it_is_compiled(tmp_path: Path) -> None:
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", NOWHERE]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert done.stdout.decode().split() == ["3", "None"], done.stderr.decode()


def test_without_stderr_the_exit_code_says_it(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-c", CODE, "check", "nothing"]
        env = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
        assert subprocess.run(command, stderr=full, env=env, check=False).returncode == 2


@pytest.mark.slow
def test_an_ascii_terminal_and_a_path_that_is_no_text(tmp_path: Path) -> None:
    """Half characters in the path, control characters in a label, and a console of ASCII."""
    place = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\x1b[31m"))
    place.mkdir()
    env = {
        "PYTHONIOENCODING": "ascii",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    }
    out = os.fsdecode(os.fsencode(place) + b"/out")
    done = process(tmp_path, *CELL, "--out", out, stdout=subprocess.PIPE, env=env)
    assert done.returncode == 0, done.stderr.decode()
    assert b"\x1b" not in done.stdout and b"\xff" not in done.stdout
    assert done.stdout.isascii()
    drawn = process(tmp_path, "report", out, stdout=subprocess.PIPE, env=env)
    assert drawn.returncode == 0, drawn.stderr.decode()


@pytest.mark.parametrize("out", ["file", "file/below", "x" * 300, "a/" * 3000, "nul\0", "ro/out"])
def test_an_out_that_cannot_be_is_refused_before_any_work(out: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "ro").mkdir(mode=0o500)
    if out == "ro/out" and os.access(tmp_path / "ro", os.W_OK):
        pytest.skip("this user may write anywhere")
    driver.check([*CELL, "--out", out], tmp_path, 2)


def filling(room: int, code: int) -> Callable[..., IO[Any]]:
    """An ``open`` of binary files for writing on a disk that has so many bytes of room."""

    class Disk(io.FileIO):
        def write(self, data: Any) -> int:
            if self.tell() + memoryview(data).nbytes > room:
                raise OSError(code, os.strerror(code))
            return super().write(data)

    real = io.open

    def opened(file: Any, mode: str = "r", *more: Any, **how: Any) -> IO[Any]:
        if "w" not in mode:
            return real(file, mode, *more, **how)
        assert "b" in mode
        return io.BufferedRandom(Disk(file, "w+"))  # type: ignore[return-value]

    return opened


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_a_file_that_cannot_be_written_to_its_end_is_named_and_leaves_nothing(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every third byte of it, and in a folder of which all else is well."""
    file = tmp_path / "x.npz"

    def save(room: int) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(io, "open", filling(room, code))  # what zipfile opens by
            cache.save_arrays(file, {"a": np.arange(20.0), "b": np.arange(7)})

    save(10**6)
    whole = file.read_bytes()
    for room in range(0, len(whole), 3):
        file.unlink(missing_ok=True)
        with pytest.raises(OSError) as caught:
            save(room)
        assert caught.value.errno == code
        assert caught.value.filename == str(file)
        assert [*tmp_path.iterdir()] == []
    save(len(whole))
    assert file.read_bytes() == whole


@pytest.mark.parametrize(
    "most", [1000, *(pytest.param(size, marks=pytest.mark.slow) for size in (0, 20_000, 60_000))]
)
def test_a_disk_that_fills_while_a_cell_is_recorded_is_one_line(most: int, tmp_path: Path) -> None:
    """By a limit on the size of files, in this process: soft, and lifted afterwards."""
    import signal

    given = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, given[1]))
    try:
        seen = driver.run(CELL, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, given)
        signal.signal(signal.SIGXFSZ, handler)
    assert seen.code == 2, seen.err
    assert len(seen.lines) == 1 and "File too large" in seen.lines[0]
    assert not [name for name in seen.left if name.endswith(".partial")]
    assert driver.run(CELL, tmp_path).code == 0  # nothing that is left blocks the next run


@pytest.mark.parametrize("device", ["mps", "cuda:99", "cuda:٣", "meta", "xpu", "CPU", "cpu:0", ""])
def test_a_device_that_this_machine_has_not_is_refused(device: str, tmp_path: Path) -> None:
    words = [*CELL[:-1], device, "--out", "out"]
    assert "--device" in driver.check(words, tmp_path, 2).err


@pytest.mark.parametrize("folder", ["file", "file/below", "/dev/null/x", "x" * 300, "ro"])
def test_a_cache_that_cannot_be_is_one_line(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "ro").mkdir(mode=0o500)
    if folder == "ro" and os.access(tmp_path / "ro", os.W_OK):
        pytest.skip("this user may write anywhere")
    monkeypatch.setenv("FOWH_CACHE_DIR", folder)
    words = ["evaluate", "--scheme", "raw", "--dataset", "iris:people=4,readings=2,side=16"]
    driver.check(words, tmp_path, 2)


def test_progress_shows_any_text_and_needs_nobody_who_reads_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from fowh.cli.progress import progress

    with progress() as note:
        note("[/] \x1b[31m \udcff", 0.5)
    told = capsys.readouterr().err
    assert "[/] \\x1b[31m \\udcff" in told and told.count("\n") == 1
    with Path("/dev/full").open("w") as full, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", full)
        with progress() as note:
            note("said into the void", 0.5)
        with pytest.raises(OSError):
            full.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
