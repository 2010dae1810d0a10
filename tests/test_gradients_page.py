"""What docs/gradients-results.md and docs/gradients.md say of the records behind them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bench import attributes
from bench.gradients import DOCS, KEPT, PAGE, page

PROSE = "gradients.md"
QUOTED = re.compile(r"<!-- figures: (.*?) -->", re.DOTALL)
NUMBER = re.compile(r"\d[\d,]*\.?\d*|\.\d+")


def test_the_page_is_what_is_written_from_the_records() -> None:
    """Or ``python -m bench.gradients write`` was forgotten."""
    assert (DOCS / PAGE).read_text("utf-8") == page()


def test_the_page_of_attributes_is_what_is_written_from_its_record() -> None:
    """Or ``python -m bench.attributes write`` was forgotten."""
    assert attributes.PAGE.read_text("utf-8") == attributes.page()


def texts(value: float) -> set[str]:
    """How prose may write a number: in percent, as a share, with one digit, or with none."""
    if value > 1:
        return {f"{int(value + 0.5):,}", f"{value:,.1f}", f"{value:.2f}"}
    return {str(int(100 * value + 0.5)), f"{100 * value:.1f}", f"{value:.2f}".removeprefix("0")}


def quoted() -> list[Any]:
    """(sentences, table, row, column) of every figure that the prose says it has from a record.

    A comment behind the sentences names them: ``table | row; row | column; column``, a line each.
    """
    text, found = (DOCS / PROSE).read_text("utf-8"), []
    for comment in QUOTED.finditer(text):
        before = text[: comment.start()].rstrip()
        start = max(before.rfind(mark) for mark in ("\n\n", "\n- ", "-->"))
        for line in comment[1].splitlines():
            table, rows, columns = (part.strip() for part in line.split("|"))
            for row in rows.split("; "):
                found += [(before[start:], table, row, column) for column in columns.split("; ")]
    return found


@pytest.mark.parametrize(("said", "table", "row", "column"), quoted())
def test_a_figure_of_the_prose_is_that_of_the_record(
    said: str, table: str, row: str, column: str
) -> None:
    numbers = json.loads((KEPT / f"{table}.json").read_text("utf-8"))["numbers"]
    value = numbers[row][column]["value"]
    numerals = {numeral.rstrip(".,") for numeral in NUMBER.findall(said)}
    assert texts(value) & numerals, f"{table}, {row}, {column}: {value}"


def test_most_of_what_holds_is_from_records() -> None:
    assert len(quoted()) > 40
    assert all(table in {file.stem for file in KEPT.glob("*.json")} for _, table, *_ in quoted())


@pytest.mark.parametrize(("value", "text"), [(0.475, "48"), (0.32, ".32"), (1176.2, "1,176")])
def test_numbers_are_told_as_people_write_them(value: float, text: str) -> None:
    assert text in texts(value) and not texts(value * 1.05) & texts(value)
