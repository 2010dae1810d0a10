"""constraints.txt pins what pyproject.toml asks for: every package of it, at an allowed version."""

from __future__ import annotations

import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
MACHINE = {"sys_platform": "linux", "platform_machine": "x86_64"}  # CI's


def pinned() -> dict[str, str]:
    """By package: the one version of it."""
    found: dict[str, str] = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, version = line.partition("==")
            assert version and canonicalize_name(name) not in found, line
            found[canonicalize_name(name)] = version
    return found


def asked_for() -> list[Requirement]:
    """What the project and its extras need on CI's machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    every = [Requirement(text) for texts in lists for text in texts]
    return [each for each in every if each.marker is None or each.marker.evaluate(MACHINE)]


def test_every_dependency_is_pinned_at_a_version_that_the_project_allows() -> None:
    versions = pinned()
    assert len(asked_for()) > 30
    for each in asked_for():
        name = canonicalize_name(each.name)
        assert name in versions, f"constraints.txt has no {name}"
        assert each.specifier.contains(versions[name]), f"{each}, pinned at {versions[name]}"
