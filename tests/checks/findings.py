"""How tests read findings."""

from __future__ import annotations

from typing import Any

from fowh.checks import run_checks

LOCAL = "Parameters survive"  # no command line can name a class that a test defines locally


def broken(plugin: Any) -> dict[str, str]:
    """Claims that do not hold and what was seen, the one that no local class keeps left out."""
    findings = run_checks(plugin)
    for finding in findings:
        assert finding.text and "\n" not in finding.text, finding
    return {f.check: f.text for f in findings if not f.passed and not f.check.startswith(LOCAL)}


def assert_caught(plugin: Any, claim: str) -> None:
    """One of the claims that do not hold begins so."""
    found = broken(plugin)
    assert any(check.startswith(claim) for check in found), found
