"""The terminal report: complete, within its width, and plain where it must be."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from fowh.report.numbers import interval, number
from fowh.report.summary import COLUMNS, command, rows
from fowh.report.terminal import print_cell, print_sweep
from fowh.report.verdict import short_verdict, verdict
from tests.report.cells import broken, resisting

PATHS = {"report": "results/a-very-long-folder-name-that-must-not-be-broken/" + "x" * 60}


def shown(record: dict[str, Any], width: int = 100, **options: Any) -> str:
    file = io.StringIO()
    print_cell(record, PATHS, Console(file=file, width=width, **options))
    return file.getvalue()


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [100, 120, 160])
def test_every_value_and_interval_is_there(width: int) -> None:
    record, text = broken(), one_line(shown(broken(), width))
    for row in rows(record):
        for metric in COLUMNS:
            if metric in row.metrics:
                assert number(metric, row.metrics[metric]["value"]) in text
                assert interval(metric, row.metrics[metric]) in text
    for values in record["recognition"].values():
        for metric, value in values.items():
            assert number(metric, value["value"]) in text
    said = ["3,600", "n 80, 1 fold", "n 400, 5 folds", "D_sys 0.93", "150 bytes", "41,873", "23.7"]
    for word in [*said, "10,000 queries", "detection failed on 3", record["id"], command(record)]:
        assert word in text


def test_rows_are_in_order() -> None:
    text = shown(broken())
    text = text[text.index("Inversion") : text.index("Verdict")]
    order = ["dictionary", "gan", "preimage → face", "worst case", "random stranger", "mated probe"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_reasons_verdict_and_doubts_are_in_words() -> None:
    record = broken()
    failed = "Traceback (most recent call last):\n  File x\nValueError: it broke"
    record["attacks"]["gan"] = {"status": "failed", "reason": failed, "metrics": {}}
    text = one_line(shown(record))
    assert verdict(record) in text
    assert "skipped: the scheme stores no helper data that could be decoded" in text
    assert "failed: ValueError: it broke" in text
    assert "Traceback" not in text
    assert "learned-below-closed-form: The learned attack gan does worse" in text


@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_line_is_too_wide_except_what_is_to_be_copied(width: int) -> None:
    lines = shown(broken(), width, force_terminal=True, color_system=None).splitlines()
    wide = [line for line in lines if len(line) > width]
    assert [line.split()[0] for line in wide] == [
        name for name in ("report", "repeat") if any(line.startswith(name) for line in wide)
    ]
    assert any("x" * 60 in line for line in lines)


def test_names_are_not_broken_in_100_columns() -> None:
    text = shown(broken())
    for row in rows(broken()):
        assert any(line.startswith(row.label) for line in text.splitlines())


def test_long_names_cost_no_values() -> None:
    record = broken()
    name = "gan:incorporate=srwal,steps=20000,fidelity=0.25"
    record["attacks"] = {name: record["attacks"]["gan"]}
    text = shown(record)
    assert max(map(len, text.split("report ")[0].splitlines())) <= 100
    for metric in COLUMNS:
        assert interval(metric, record["attacks"][name]["metrics"][metric]) in text
    assert "\u2026" not in text


def test_a_pipe_gets_more_than_the_80_columns_that_rich_assumes() -> None:
    console = Console(file=io.StringIO(), width=80)
    print_cell(broken(), PATHS, console)
    assert console.width == 80  # the caller's console is given back as it was
    assert console.file.getvalue() == shown(broken(), 100)  # type: ignore[attr-defined]


def test_no_escape_codes_without_a_terminal() -> None:
    assert "\x1b" not in shown(broken())
    assert "\x1b[1;31m" in shown(broken(), force_terminal=True, color_system="standard")


def test_only_what_beats_the_blind_controls_is_coloured() -> None:
    """The worst case of several guesses beats one guess, and is no alarm."""
    options: dict[str, Any] = {"force_terminal": True, "color_system": "standard"}
    assert "31m" not in shown(resisting(), **options)
    lines = [line for line in shown(broken(), **options).splitlines() if "31m" in line]
    assert [line.split()[0] for line in lines] == [
        "preimage",
        "ridge",
        "gan",
        "preimage",
        "\x1b[1mworst",
    ]


def test_consoles_without_unicode() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    print_cell(broken(), PATHS, Console(file=file, width=100))
    file.flush()
    assert b"preimage > face" in raw.getvalue()


def test_names_are_no_markup() -> None:
    record = broken()
    record["attacks"] = {"[red]x[/red]": record["attacks"]["ridge"]}
    record["flags"] = [{"flag": "[b]", "text": "[/b] [link=x]"}]
    text = shown(record)
    assert "[red]x[/red]" in text
    assert "[b]: [/b] [link=x]" in text


@pytest.mark.parametrize(
    "missing", ["recognition", "attacks", "faces", "worst", "controls", "unlinkability", "security"]
)
def test_any_part_may_be_missing(missing: str) -> None:
    record = broken()
    del record[missing]
    assert "Verdict" in shown(record)
    assert "Verdict" in shown(broken() | {missing: None})


def test_values_may_be_unknown() -> None:
    record = broken()
    for part in record["attacks"].values():
        part["metrics"] = dict.fromkeys(part["metrics"])
    record["worst"]["metrics"]["rank1"] |= {"value": None, "ci_low": None, "ci_high": None}
    assert "\u2013" in shown(record)


def test_a_cell_that_never_ran() -> None:
    bare = {name: broken()[name] for name in ("schema", "id", "spec")}
    assert "Skipped: no images" in shown(bare | {"status": "skipped", "reason": "no images"})


def test_sweep_has_a_line_per_cell_grouped_by_target_and_dataset() -> None:
    other = resisting()
    other["spec"] = other["spec"] | {"dataset": {"name": "lfw", "params": {}}}
    cells = [broken(), resisting(0.9), other]
    file = io.StringIO()
    print_sweep(cells, Console(file=file, width=100))
    text = file.getvalue()
    assert text.index("dlib on orl") < text.index("salted_hash") < text.index("dlib on lfw")
    for cell in cells:
        assert short_verdict(cell) in text
        for metric in ("rank1", "type1_at_fmr_1e-3"):
            assert number(metric, cell["worst"]["metrics"][metric]["value"]) in text
        usable = cell["recognition"]["stolen_key"]["fnmr_at_fmr_1e-2"]["value"]
        assert number("eer", usable) in text
    assert max(map(len, text.splitlines())) <= 100
