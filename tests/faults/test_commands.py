"""Fuzzed command lines: whatever is typed, one line and an exit code that is right."""

from __future__ import annotations

import dataclasses
import itertools
import os
import random
import threading
import time
import typing
from pathlib import Path

import numpy as np
import pytest

from fowh.core import registry, texts
from fowh.core.errors import LINE, InputError, one_line
from fowh.core.scheme import TemplateScheme
from tests.faults import driver, values

LONG = ("fuzzy_commitment",)  # the codes of its library take long
OPTIONS = (
    *("scheme", "dataset", "target", "leak", "protocol", "attack", "witness", "keys", "queries"),
    *("samples", "versions", "server", "candidates", "stolen", "seed", "device", "out"),
)


def parameters() -> list[tuple[registry.Kind, str, str, object]]:
    """Every parameter of every plug-in: kind, plug-in, name and type."""
    found = []
    for kind in registry.KINDS:
        for name in registry.names(kind):
            made = registry.plugin_class(kind, name)
            hints = typing.get_type_hints(made)
            fields = [f.name for f in dataclasses.fields(made) if f.name != "public"]
            found += [(kind, name, field, hints[field]) for field in fields]
    return found


def test_a_parameter_takes_a_value_or_refuses_it_in_one_line(
    request: pytest.FixtureRequest,
) -> None:
    """Every parameter of every plug-in with every odd value; by default a seeded share of them."""
    cases = [(*each, value) for each in parameters() for value in values.of(each[3])]
    assert len(cases) > 5000
    if not request.config.getoption("--run-slow"):
        cases = random.Random(0).sample(cases, 1500)
    wrong = []
    for kind, name, field, _, value in cases:
        text = f"{name}:{field}={value}"
        try:
            registry.load(kind, text)
        except InputError as error:
            said = str(error)
            if len(one_line(said)) > LINE or "\n" in one_line(said) or len(said) < 15:
                wrong.append(f"{kind} {text[:80]!r}: {said[:200]!r}")
        except BaseException as error:
            wrong.append(f"{kind} {text[:80]!r}: {type(error).__name__} {error}"[:300])
    assert not wrong, "\n".join(wrong[:40])


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_takes_a_value_or_refuses_it_in_one_line(
    option: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """No value here makes a cell that runs: another option is always wrong, or the value itself."""
    base = {"scheme": "raw", "dataset": "gaussian:subjects=3", "attack": "ridge", "out": "out"}
    odd = [*values.NAMES, *values.TEXTS, *values.NUMBERS]
    many = 90 if request.config.getoption("--run-slow") else 16
    for value in random.Random(option).sample(odd, min(many, len(odd))):
        given = base | {option: value}
        words = itertools.chain.from_iterable((f"--{k}", v) for k, v in given.items())
        driver.check(["evaluate", *words], tmp_path, 2)


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["--nothing"],
        ["evaluate"],
        ["evaluate", "--scheme"],
        ["evaluate", "--scheme", "raw", "raw"],
        ["evaluate", "--scheme", "raw", "--seed", "x"],
        ["evaluate", "--scheme", "raw", "--seed", "1", "--seed", "2"],
        ["evaluate", "--scheme", "raw", "--witness", "dlib", "--witness=resnet"],
        ["evaluate", "--scheme", "raw", "--judge", "dlib"],
        ["check"],
        ["check", ""],
        ["check", "nothing"],
        ["check", "attack/"],
        ["check", "\x1b]0;title\x07"],
        ["new", "scheme"],
        ["new", "scheme", "import"],
        ["new", "scheme", "a" * 400],
        ["new", "scheme", "mine", "--folder", "/dev/null/x"],
        ["new", "scheme", "mine", "--folder", "x" * 300],
        ["new", "\x1b[1m", "x"],
        ["sweep"],
        ["sweep", "nowhere.toml"],
        ["sweep", "."],
        ["sweep", "/dev/null"],
        ["sweep", "~nobody/x"],
        ["report", "nowhere"],
        ["report", "."],
        ["report", "/dev/null"],
        ["reproduce", "nothing"],
        ["reproduce", "table1", "--jobs", "-1"],
        ["reproduce", "table1", "--jobs", "257"],
        ["reproduce", "table1", "--seeds", "99999999999999999999"],
        ["reproduce", "table1", "--dataset", "nothing"],
        ["reproduce", "dlg", "--seeds", "3"],
        ["reproduce", "fredrikson2014", "--table", "nowhere.csv"],
        ["doctor", "x"],
    ],
    ids=lambda words: " ".join(words)[:40].encode("unicode_escape").decode(),
)
def test_a_command_that_cannot_be_is_refused_in_one_line(words: list[str], tmp_path: Path) -> None:
    driver.check(words, tmp_path, 2)


def test_a_pipe_into_which_nobody_writes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "PATIENCE", 0.2)
    os.mkfifo(tmp_path / "pipe")
    seen = driver.check(["sweep", "pipe"], tmp_path, 2)
    assert "nothing came out of this pipe" in seen.err


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    def write() -> None:
        with (tmp_path / "pipe").open("w", encoding="utf-8") as file:
            for part in ("scheme = ", '"raw"'):
                file.write(part)
                file.flush()
                time.sleep(0.2)

    threading.Thread(target=write, daemon=True).start()
    assert texts.text_of(tmp_path / "pipe", "a TOML file") == 'scheme = "raw"'


@pytest.mark.parametrize("words", [[], ["--help"], ["--version"], ["evaluate", "--help"], ["list"]])
def test_what_asks_for_help_gets_it(words: list[str], tmp_path: Path) -> None:
    assert driver.check(words, tmp_path, 0).out


def test_a_scheme_with_an_odd_parameter_works_or_refuses_it_in_one_line(
    request: pytest.FixtureRequest,
) -> None:
    """What construction lets through does for templates, or is refused before it is allocated."""
    rng = np.random.default_rng(0)
    develop, values = rng.standard_normal((2, 12, 8), dtype=np.float32)
    keys, wrong = np.arange(12, dtype=np.uint64), []
    for kind, name, field, hint in parameters():
        if kind != "scheme" or hint not in (int, float):
            continue
        if name in LONG and not request.config.getoption("--run-slow"):
            continue
        for value in (
            "1",
            "1.5",
            "1000",
            "9" * 4,
            "9" * 15,
            "inf",
            "nan",
            "1e300",
            "1e-320",
            "0.1",
        ):
            try:
                scheme = registry.load("scheme", f"{name}:{field}={value}")
                if isinstance(scheme, TemplateScheme):
                    fitted = scheme.fit(develop)
                    fitted.score(fitted.enroll(values[:2], keys[:2], rng), values[:2])
            except InputError as error:
                assert len(one_line(str(error))) <= LINE
            except BaseException as error:
                wrong.append(f"{name}:{field}={value}: {type(error).__name__} {error}"[:200])
    assert not wrong, "\n".join(wrong)
