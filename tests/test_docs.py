"""The documentation is true: its Python runs, its commands parse, its links lead somewhere."""

from __future__ import annotations

import re
import shlex
import sys
import types
from pathlib import Path
from typing import Any

import pytest
import typer

from fowh.cli import app
from fowh.core.registry import Kind, load, split

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+?)(?:#[^)]*)?\)|!\[[^\]]*\]\(([^)\s]+)\)")


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    text = page.read_text(encoding="utf-8")
    return [body for found, body in FENCE.findall(text) if found == language]


def commands(page: Path) -> list[str]:
    """Every ``fowh`` command that a page tells a reader to type."""
    found = []
    for block in blocks(page, "console"):
        for line in block.replace("\\\n", " ").splitlines():
            typed = line.removeprefix("$ ").partition("  #")[0]
            for part in re.split(r"&&|;|\bdo\b", typed) if line.startswith("$ ") else ():
                if part.strip().startswith("fowh "):
                    found.append(part.strip())
    return found


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


OPTIONS: dict[str, Kind] = {
    **{"dataset": "dataset", "target": "target", "leak": "leak", "protocol": "protocol"},
    **{"scheme": "scheme", "attack": "attack", "witness": "target"},
}
WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]
WITH_COMMANDS = [page for page in PAGES if commands(page)]


def test_there_is_something_to_check() -> None:
    assert {named(page) for page in WITH_PYTHON} >= {"README.md", "docs/plugins.md"}
    assert sum(len(commands(page)) for page in WITH_COMMANDS) > 20


@pytest.mark.parametrize("page", WITH_PYTHON, ids=named)
def test_the_python_of_a_page_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its blocks share one namespace, in order, as in a reader's session."""
    monkeypatch.chdir(tmp_path)
    session = types.ModuleType("session")
    monkeypatch.setitem(sys.modules, "session", session)
    for number, block in enumerate(blocks(page, "python"), 1):
        where = f"{named(page)}, block {number}"
        exec(compile(block, where, "exec", dont_inherit=True), vars(session))


def parsed(text: str) -> dict[str, Any]:
    """The arguments of a command; every option must exist and every value fit; nothing is run."""
    whole: Any = typer.main.get_command(app)
    words = shlex.split(text.replace("$sweep", "sweep.toml"))[1:]
    words = words[: words.index("|")] if "|" in words else words
    if words[0].startswith("--"):
        return {}  # --help, --version
    try:
        found: dict[str, Any] = whole.commands[words[0]].make_context(words[0], words[1:]).params
    except Exception as error:
        raise AssertionError(f"{text}: {error}") from error
    return found


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=named)
def test_the_commands_of_a_page_parse(page: Path) -> None:
    for text in commands(page):
        parsed(text)


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=named)
def test_the_plugins_in_the_commands_of_a_page_exist(page: Path) -> None:
    """And take the parameters that they are given; a reader's own classes aside."""
    for text in commands(page):
        given = parsed(text)
        for option, kind in OPTIONS.items():
            values = given.get(option) or ()
            for value in [values] if isinstance(values, str) else values:
                if ":" not in split(value)[0] and not value.startswith("$"):
                    load(kind, value)


def test_the_page_of_benchmarks_keeps_what_was_measured_apart() -> None:
    """On the page as it is, and on the one that the next run of all benchmarks would write."""
    from bench import report

    apart = report.APART.read_text(encoding="utf-8")
    row: dict[str, Any] = {"unit": "things", "what": "x", "shape": "y", "floor": "z"}
    row |= {"bytes_each": 1, "rate": 1.0, "floor_rate": 1.0, "ratio": 1.0}
    found = [{"group": group, "extra_info": row} for group in report.TITLES]
    written = report.page({"machine_info": {"cpu": {}}, "benchmarks": found})
    for text in (report.PAGE.read_text(encoding="utf-8"), written):
        assert text.startswith("# Benchmarks\n") and text.endswith(f"\n\n{apart}")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link, picture in LINK.findall(text):
        where = link or picture
        if not where.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / where).exists(), where
