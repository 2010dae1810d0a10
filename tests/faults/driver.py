"""The fuzz driver: one command line in this process, and what it must leave behind.

A case is words, and files beside them. Whatever they are, the end is one of a few: done (0), a
failed cell or a fault with a log (1), one line about the input (2). Nothing else is printed where
something went wrong, and a refusal leaves no file.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fowh.cli import main

SMALL = "gaussian:subjects=8,readings=2,dim=8,within=0.3"
QUICK = ("--dataset", SMALL, "--attack", "ridge", "--device", "cpu")
TOLD = re.compile(r" *\d+\.\d s |note: |cell \d+ of ")  # progress and remarks, which are no errors
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Outcome:
    """What a command left.

    Attributes:
        code: its exit code.
        out, err: what it printed.
        left: files that were not there before.
    """

    code: int
    out: str
    err: str
    left: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """What stderr says beside progress."""
        return [line for line in self.err.splitlines() if line and not TOLD.match(line)]


def run(words: Sequence[str], place: Path) -> Outcome:
    """Run a command in a folder, in this process."""
    before = {*_files(place)}
    out, err = io.StringIO(), io.StringIO()
    shown = warnings.showwarning
    try:
        with (
            contextlib.chdir(place),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main(list(words))
    finally:
        warnings.showwarning = shown
    code = ended.value.code
    assert isinstance(code, int), code
    left = sorted({*_files(place)} - before)
    return Outcome(code, out.getvalue(), err.getvalue(), tuple(left))


def violations(seen: Outcome, *codes: int) -> list[str]:
    """What a command did that none may do; its exit code must be one of these."""
    found = []
    if seen.code not in codes:
        found.append(f"exit {seen.code}, expected {' or '.join(map(str, codes))}")
    if "Traceback" in seen.err or "Traceback" in seen.out:
        found.append("a traceback")
    if CONTROL.search(seen.err) or CONTROL.search(seen.out):
        found.append("control characters")
    if any(len(line) > 500 for line in seen.err.splitlines()):
        found.append("a line of more than 500 characters")
    if seen.code == 2:
        lines = seen.lines
        if len(lines) != 1 or not lines[0].startswith("fowh: ") or len(lines[0]) < 20:
            found.append(f"no one line: {lines}")
        if seen.left:
            found.append(f"left {seen.left}")
    if seen.code == 1 and not seen.out and "traceback in " not in seen.err:
        found.append("a fault without a log")
    return found


def check(words: Sequence[str], place: Path, *codes: int) -> Outcome:
    """Run a command; it must end as commands may.

    Args:
        words: of the command.
        place: folder to run it in.
        codes: exit codes that are right here; by default 2.
    """
    seen = run(words, place)
    wrong = violations(seen, *(codes or (2,)))
    assert not wrong, f"{list(words)!r}: {'; '.join(wrong)}\n{seen.err[-3000:]}"
    return seen


def _files(place: Path) -> Iterator[str]:
    for folder, _, files in os.walk(place):
        for file in files:
            yield str((Path(folder) / file).relative_to(place))
