"""Somebody's plug-in that raises, ends the program, or is none: one line, and never exit code 0."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

import fowh
from fowh.core.errors import Interrupted, PluginExit, contained
from tests.faults import driver

ENDS = {
    "exit": "import sys; sys.exit()",
    "exit 0": "raise SystemExit(0)",
    "at once": "import os; os._exit(0)",
    "interrupt": "raise KeyboardInterrupt",
    "generator": "raise GeneratorExit",
    "base": "raise BaseException('all of it')",
    "error": "raise ValueError('several\\nlines \\x1b[31m')",
    "silent": "raise RuntimeError",
    "memory": "raise MemoryError",
    "deep": "return self.run(view, rng)",
    "system": "raise OSError(28, 'No space left on device')",
    "pipe": "raise BrokenPipeError(32, 'Broken pipe')",
    "end": "raise EOFError",
    "mute": "import sys; raise type('Mute', (Exception,), {'__str__': lambda s: sys.exit(0)})()",
    "stop": "raise StopIteration",
    "framework": "import typer; raise typer.Exit(0)",
    "abort": "import typer; raise typer.Abort",
    "usage": "import typer; raise typer.BadParameter('odd')",
}
ATTACK = """
from dataclasses import dataclass
import fowh
{above}
@dataclass(frozen=True)
class Mine(fowh.Attack):
    size: int = 1
    def __post_init__(self):
        {built}
    def run(self, view, rng):
        {ran}
"""
SCHEME = """
from dataclasses import dataclass
import numpy as np
import fowh
@dataclass(frozen=True)
class Mine(fowh.CodeScheme):
    def protect(self, embeddings, key):
        {protects}
    def agree(self, left, right):
        return (left == right).mean(axis=1, dtype=np.float32)
    def compare(self, left, right):
        return (left[:, None] == right[None]).mean(axis=2, dtype=np.float32)
"""
DATASET = """
from dataclasses import dataclass
import fowh
@dataclass(frozen=True)
class Mine(fowh.Dataset):
    def load(self):
        {loads}
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that no other test has imported."""
    monkeypatch.syspath_prepend(tmp_path)
    return f"broken_{tmp_path.name.replace('-', '_')}"


def write(place: Path, module: str, template: str, **parts: str) -> str:
    filled = {"above": "", "built": "pass", "ran": "pass"} | parts
    (place / f"{module}.py").write_text(template.format(**filled), encoding="utf-8")
    return f"{module}:Mine"


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("where", ["above", "built"])
def test_a_plugin_that_cannot_be_built_is_bad_input(
    how: str, where: str, tmp_path: Path, module: str
) -> None:
    if "self.run" in ENDS[how]:
        pytest.skip("calls what only an attack that was built has")
    name = write(tmp_path, module, ATTACK, **{where: ENDS[how]})
    (tmp_path / "out").mkdir()
    words = ["evaluate", "--scheme", "raw", *driver.QUICK[:2], "--attack", name, "--trusted"]
    driver.check([*words, "--out", "out"], tmp_path, 2)
    driver.check(["check", name], tmp_path, 2)


MANY = """
from dataclasses import dataclass
import fowh
class Runs:
{methods}
@dataclass(frozen=True)
class Mine(fowh.Attack):
    how: int = 0
    def run(self, view, rng):
        return getattr(Runs, f"ends_{{self.how}}")(self, view, rng)
"""


@pytest.mark.parametrize("apart", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_attack_that_ends_the_program_is_a_failed_attack(
    apart: bool, tmp_path: Path, module: str
) -> None:
    """All kinds of endings in one cell, beside an attack that works."""
    methods = "".join(
        f"    def ends_{number}(self, view, rng):\n        {body}\n"
        for number, body in enumerate(ENDS.values())
    )
    name = write(tmp_path, module, MANY, methods=methods)
    attacks = [f"--attack={name}:how={number}" for number in range(len(ENDS))]
    trusted = [] if apart else ["--trusted"]
    words = ["evaluate", "--scheme", "raw", *driver.QUICK, *attacks, *trusted, "--json"]
    seen = driver.run(words, tmp_path)
    assert seen.code == 1, seen.err
    record = json.loads(seen.out)
    assert record["status"] == "failed"
    ran = {attack: row["status"] for attack, row in record["attacks"].items()}
    assert ran.pop("ridge") == "ok"
    assert len(ran) == len(ENDS) and {*ran.values()} == {"failed"}


@pytest.mark.parametrize("how", ["exit", "at once", "interrupt", "base", "error"])
def test_a_check_says_that_a_plugin_ends_the_program(how: str, tmp_path: Path, module: str) -> None:
    name = write(tmp_path, module, ATTACK, ran=ENDS[how])
    seen = driver.check(["check", name], tmp_path, 1)
    assert "FAIL" in seen.out


@pytest.mark.parametrize("how", [each for each in ENDS if "self.run" not in ENDS[each]])
def test_a_scheme_or_a_dataset_that_raises_is_a_failed_cell_with_a_log(
    how: str, tmp_path: Path, module: str
) -> None:
    scheme = write(tmp_path, module, SCHEME, protects=ENDS[how])
    dataset = write(tmp_path, f"{module}_data", DATASET, loads=ENDS[how])
    told = 2 if how == "memory" else 1
    for words in (
        ["--scheme", scheme, *driver.QUICK, "--trusted"],
        ["--scheme", "raw", "--dataset", dataset, "--attack", "ridge"],
    ):
        seen = driver.check(["evaluate", *words], tmp_path, told)
        assert len(seen.lines) == 1, seen.err
        if told == 1:
            log = Path(seen.err.rpartition("traceback in ")[2].strip())
            assert "Traceback" in log.read_text(encoding="utf-8")
            assert log.stat().st_mode & 0o077 == 0
            log.unlink()


SAMPLES = """
from dataclasses import dataclass, replace
import numpy as np
import fowh
@dataclass(frozen=True)
class Mine(fowh.Dataset):
    def load(self):
        print("loading")
        right = fowh.load("dataset", "{small}").load()
        return {odd}
"""


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        ("None", "loads NoneType"),
        ("replace(right, subjects=right.subjects[::-1])", "in that order"),
        ("replace(right, subjects=right.subjects + 1)", "in that order"),
        ("replace(right, subjects=right.subjects * 2)", "in that order"),
        ("replace(right, subjects=right.subjects.astype(float))", "float64"),
        ("replace(right, subjects=list(right.subjects))", "list"),
        ("replace(right, subjects=right.subjects[:-1])", "labels"),
        ("replace(right, subjects=right.subjects[:0], values=right.values[:0])", "in that order"),
        ("replace(right, names=right.names[:-1])", "names are no tuple of 8"),
        ("replace(right, names=None)", "names are no tuple of 8"),
        ("replace(right, names=right.names[:1] * len(right.names))", "names are no tuple of 8"),
        ("replace(right, sha256='')", "digest"),
        ("replace(right, traits=dict(age=np.zeros(1)))", "trait age"),
    ],
)
def test_samples_that_are_not_as_they_must_be_are_refused(
    odd: str, told: str, tmp_path: Path, module: str
) -> None:
    name = write(tmp_path, module, SAMPLES, small=driver.SMALL, odd=odd)
    words = ["evaluate", "--scheme", "raw", "--dataset", name, "--attack", "ridge"]
    seen = driver.run(words, tmp_path)
    assert seen.code == 2 and not seen.left
    assert told in seen.err and len(seen.lines) == 1


def test_a_dataset_that_prints_spoils_no_json(tmp_path: Path, module: str) -> None:
    name = write(tmp_path, module, SAMPLES, small=driver.SMALL, odd="right")
    words = ["evaluate", "--scheme", "raw", "--dataset", name, "--attack", "ridge", "--json"]
    seen = driver.run(words, tmp_path)
    assert seen.code == 0 and "loading" in seen.err
    assert json.loads(seen.out)["status"] == "ok"


def test_a_sweep_goes_on_after_a_cell_that_failed(tmp_path: Path, module: str) -> None:
    scheme = write(tmp_path, module, SCHEME, protects="import sys; sys.exit(0)")
    sweep = f'scheme = ["{scheme}", "raw"]\nattacks = "ridge"\ndataset = "{driver.SMALL}"\n'
    (tmp_path / "s.toml").write_text(sweep)
    seen = driver.check(["sweep", "s.toml", "--trusted", "--device", "cpu"], tmp_path, 1)
    assert "SystemExit" in seen.err and "raw" in seen.out
    assert len(list(tmp_path.glob("results/*/record.json"))) == 1


@pytest.mark.parametrize("how", ["exit", "interrupt", "error", "framework", "memory"])
def test_a_sweep_goes_on_after_a_dataset_that_raises(how: str, tmp_path: Path, module: str) -> None:
    dataset = write(tmp_path, module, DATASET, loads=ENDS[how])
    sweep = f'scheme = "raw"\nattacks = "ridge"\ndataset = ["{dataset}", "{driver.SMALL}"]\n'
    (tmp_path / "s.toml").write_text(sweep)
    seen = driver.check(["sweep", "s.toml", "--device", "cpu"], tmp_path, 1)
    assert "1 of 2 cells failed without a record" in seen.err
    assert len(list(tmp_path.glob("results/*/record.json"))) == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_sweep_ends_where_nothing_more_can_be_written(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No fault of the cell's: every further one would be run and lost."""

    def full(*given: object) -> None:
        raise OSError(code, os.strerror(code))

    sweep = f'scheme = ["raw", "lsh:bits=8"]\nattacks = "ridge"\ndataset = "{driver.SMALL}"\n'
    (tmp_path / "s.toml").write_text(sweep)
    monkeypatch.setattr(os, "fsync", full)
    seen = driver.check(["sweep", "s.toml", "--device", "cpu"], tmp_path, 2)
    assert "cell 2 of 2" not in seen.err and os.strerror(code) in seen.err


def test_the_users_own_interrupt_is_no_plugins() -> None:
    with pytest.raises(PluginExit), contained():
        raise KeyboardInterrupt
    with pytest.raises(Interrupted), contained():
        raise Interrupted(2)


@dataclass(frozen=True)
class Leaves(fowh.Dataset):
    """Ends the program where samples are wanted."""

    def load(self) -> fowh.Samples:
        raise SystemExit


def test_from_python_too_an_exit_is_an_error() -> None:
    with pytest.raises(PluginExit, match="SystemExit"):
        fowh.evaluate("raw", dataset=Leaves(), attacks="ridge")
