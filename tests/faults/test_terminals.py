"""What is printed where a terminal knows few characters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ODD = "\u00e4\x1b[31m"


@pytest.mark.parametrize("words", [["cache"], ["cache", "--clear"]])
def test_an_ascii_terminal_gets_ascii_on_stdout(words: list[str], tmp_path: Path) -> None:
    done = fowh(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    assert rb"\xe4\x1b[31m" in done.stdout and done.stdout.isascii()
    assert b"\x1b" not in done.stdout


def test_an_ascii_terminal_gets_ascii_on_stderr(tmp_path: Path) -> None:
    done = fowh(tmp_path, "report", ODD)
    assert done.returncode == 2
    assert rb"\xe4\x1b[31m" in done.stderr and done.stderr.isascii()


def fowh(place: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command whose streams are in ASCII."""
    plain = {"PYTHONIOENCODING": "ascii:strict", "FOWH_CACHE_DIR": str(place / ODD)}
    command = [sys.executable, "-m", "fowh.cli", *words]
    return subprocess.run(command, env=os.environ | plain, capture_output=True, check=False)
