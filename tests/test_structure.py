"""The rules of the house: which file may import which, and how long a file may be."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("fowh", "schemes", "attacks")
PLUGINS = (
    *("fowh.datasets", "fowh.targets", "fowh.leaks", "fowh.modalities", "fowh.protocols"),
    *("schemes", "attacks"),
)
LONGEST, LONGEST_PLUGIN, ENGINE, SHORTEST_SCHEME = 300, 160, 1340, 60  # lines


@functools.cache
def graph() -> grimp.ImportGraph:
    """Every import statement, those inside functions and under TYPE_CHECKING included."""
    return grimp.build_graph(*PACKAGES, cache_dir=None)


def circles(imports: dict[str, set[str]]) -> list[set[str]]:
    """Groups of files that import each other, however indirectly."""

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        todo = [start]
        while todo:
            fresh = imports.get(todo.pop(), set()) - seen
            seen |= fresh
            todo += fresh
        return seen

    reach = {name: reachable(name) for name in imports}
    groups = {frozenset(o for o in reach[n] if n in reach.get(o, ())) for n in imports}
    return [set(group) for group in groups if group]


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_circles_are_found_if_there_are_any() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
    assert circles({"a": {"b"}, "b": set()}) == []


def test_no_two_files_import_each_other_however_indirectly() -> None:
    found = graph()
    imports = {name: set(found.find_modules_directly_imported_by(name)) for name in found.modules}
    assert circles(imports) == []


@pytest.mark.parametrize("package", PLUGINS)
def test_a_plugin_imports_no_other_plugin_of_its_kind(package: str) -> None:
    """Families share modules and folders that begin with an underscore."""

    def is_plugin(module: str) -> bool:
        parts = module.removeprefix(f"{package}.").split(".")
        return module.startswith(f"{package}.") and not any(p.startswith("_") for p in parts)

    found = graph()
    wrong = [
        f"{importer} imports {imported}"
        for importer in found.find_descendants(package)
        for imported in found.find_modules_directly_imported_by(importer)
        if is_plugin(imported) and imported != importer
    ]
    assert wrong == []


def test_every_room_has_a_layer_and_metrics_may_use_none() -> None:
    """A new room below fowh/ must be given its place before CI is green."""
    rooms = set(graph().find_children("fowh")) | {"schemes", "attacks"}
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    contracts = {
        each["name"].partition(" ")[0]: each
        for each in tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    }
    layered = {name for row in contracts["Layers"]["layers"] for name in row.split(" | ")}
    assert layered == rooms - {"fowh.metrics"}
    assert set(contracts["Metrics"]["forbidden_modules"]) == rooms - {"fowh.metrics"}


@pytest.mark.parametrize("room", ["engine", "records"])
def test_what_serves_every_plugin_names_none(room: str) -> None:
    from fowh.core.registry import KINDS, names

    known = {name for kind in KINDS for name in names(kind)}
    common = {"embeddings", "random", "mean"}  # words that mean other things there as well
    for path in (ROOT / "fowh" / room).glob("*.py"):
        text = path.read_text(encoding="utf-8")
        named = {name for name in known - common if re.search(f"[\"']{name}[\"']", text)}
        assert not named, f"{path.name} names {named}"


def test_the_core_needs_no_torch() -> None:
    names = sorted(n for n in graph().modules if n.startswith("fowh.core."))
    code = f"import sys, importlib; [importlib.import_module(n) for n in {names}]; "
    code += "print('torch' in sys.modules, 'faiss' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    assert len(files) > 100
    assert [f.name for f in files if lines(f) > LONGEST] == []


def test_a_plugin_is_one_readable_file() -> None:
    folders = [ROOT.joinpath(*package.split(".")) for package in PLUGINS]
    files = [file for folder in folders for file in folder.glob("[!_]*.py")]
    assert [f"{f.name} {lines(f)}" for f in files if lines(f) > LONGEST_PLUGIN] == []


def test_the_engine_stays_small_and_a_scheme_short() -> None:
    assert sum(map(lines, (ROOT / "fowh" / "engine").glob("*.py"))) < ENGINE
    assert lines(ROOT / "schemes" / "lsh.py") < SHORTEST_SCHEME
