"""What docs/results.md says of the records that it is written from."""

from __future__ import annotations

from typing import Any

import pytest

from bench.results import aged, half_width, measured_at, shown
from tests.report.cells import broken


def of(commit: str, dirty: bool = False) -> dict[str, Any]:
    return {"environment": {"commit": commit * 40, "dirty": dirty}}


def test_the_page_names_one_commit_and_whether_files_had_changed() -> None:
    assert measured_at([of("a"), of("a")]) == "aaaaaaa"
    assert measured_at([of("a", True), of("a", True)]) == "aaaaaaa+"


@pytest.mark.parametrize("records", [[of("a"), of("b")], [of("a"), of("a", True)], []])
def test_records_of_several_commits_are_refused(records: list[dict[str, Any]]) -> None:
    with pytest.raises(SystemExit, match="expected one") as caught:
        measured_at(records)
    assert "\n" not in str(caught.value)


def test_the_page_says_how_many_people_a_margin_takes() -> None:
    """Of no difference at all: the fewest people whose interval is within the margin."""
    record = broken()
    record["data"]["subjects"] = 40
    said = shown(record)
    assert "interval of 40 people is" in said and "cannot be shown" in said
    needed = int(said.partition("it takes ")[2].split()[0])
    assert half_width(needed, 90) <= 0.01 < half_width(needed - 1, 90)
    record["data"]["subjects"] = 3600 // 9
    assert "it can be shown" in shown(record)


def test_records_of_older_rules_are_said_to_be_such() -> None:
    record = broken()
    record["headline"].pop("decided", None)
    assert "older rules" in aged(record)
    record["headline"]["decided"] = "decision_error"
    assert aged(record) == ""
