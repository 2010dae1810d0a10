"""Signals at awkward moments: before anything is loaded, between two steps, and twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

CODES = {signal.SIGTERM: 143, signal.SIGINT: 130}
LOADING = """
import os, sys
class Sends:
    def find_spec(self, name, *rest):
        if name == "{name}":
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Sends())
sys.argv = ["fowh", "cache"]
from fowh.cli import main
main()
"""
BEGINNING = """
import os, signal, sys
from fowh.cli import _door
given = signal.set_wakeup_fd
def sends(*words, **named):
    signal.set_wakeup_fd = given
    os.kill(os.getpid(), {number})
    return given(*words, **named)
signal.set_wakeup_fd = sends
sys.exit(_door.guarded(lambda: 0))
"""
TWICE = """
import os, sys
from fowh.cli import _door
code = _door.guarded(lambda: os.kill(os.getpid(), {number}) or 0)
os.kill(os.getpid(), {number})
sys.exit(code)
"""


@pytest.mark.parametrize("number", CODES, ids=lambda number: number.name)
@pytest.mark.parametrize(
    "code",
    [
        *(LOADING.replace("{name}", name) for name in ("typer", "numpy", "filelock")),
        *(BEGINNING, TWICE),
    ],
    ids=["typer", "numpy", "filelock", "beginning", "twice"],
)
def test_a_signal_is_one_line_whenever_it_comes(
    code: str, number: signal.Signals, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code.replace("{number}", str(int(number)))],
        env=os.environ | {"FOWH_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == CODES[number], done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"fowh: ended by {number.name};")
    assert done.stdout == ""
