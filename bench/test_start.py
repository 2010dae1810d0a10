"""What it costs to begin: ``import fowh`` and ``fowh --help``, beside a bare interpreter."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.conftest import Against

HELP = "import sys; sys.argv = ['fowh', '--help']; from fowh.cli import main; main()"


def python(code: str) -> None:
    """Run a line in a fresh interpreter."""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.benchmark(group="start")
@pytest.mark.parametrize(("what", "code"), [("import fowh", "import fowh"), ("fowh --help", HELP)])
def test_start(against: Against, what: str, code: str) -> None:
    against(
        lambda: python(code),
        lambda: python("pass"),
        floor_is="the interpreter alone",
        units=1,
        unit="starts",
        what=what,
        shape="one process",
        bytes_each=0,
    )
