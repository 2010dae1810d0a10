"""The terminal report: complete, within its width, and plain where it must be."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from fowh.report.page import page
from fowh.report.terminal import print_cell, print_sweep, table
from tests.report.cells import answering, broken, plugin, resisting, stopped, value

PATHS = {"report": "results/a-very-long-folder-name-that-must-not-be-broken/" + "x" * 60}


def shown(record: dict[str, Any], width: int = 100, **options: Any) -> str:
    file = io.StringIO()
    print_cell(record, PATHS, Console(file=file, width=width, **options))
    return file.getvalue()


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("width", [100, 120, 160])
def test_every_value_and_interval_is_there(width: int) -> None:
    cell, text = page(broken()), one_line(shown(broken(), width))
    for grid in (cell.success, cell.utility):
        for line in grid.lines:
            for metric in grid.columns:
                assert line[metric].text in text
                assert line[metric].interval in text
    said = ["3,600", "n 80, 1 fold", "n 400, 5 folds", "D_sys 0.93", "150 bytes", "41,873", "23.7"]
    for word in [*said, "10,000 queries", "detection failed on 3", cell.record["id"], cell.command]:
        assert word in text


def test_rows_are_in_order() -> None:
    text = shown(broken())
    text = text[text.index("Inversion") : text.index("Verdict")]
    order = [
        "dictionary",
        "gan",
        "preimage → image",
        "union of attacks",
        "2 blind guesses",
        "random stranger",
        "1,000 blind guesses",
        "mated probe",
    ]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_reasons_verdict_and_doubts_are_in_words() -> None:
    record = broken()
    failed = "Traceback (most recent call last):\n  File x\nValueError: it broke"
    record["attacks"]["gan"] = stopped("failed", failed)
    text = one_line(shown(record))
    assert page(record).verdict.text in text
    assert "skipped: the scheme stores no helper data that could be decoded" in text
    assert "failed: ValueError: it broke" in text
    assert "Traceback" not in text
    assert "under-trained: The learned attack gan does worse" in text


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
    for row in page(broken()).success.lines:
        assert any(line.startswith(row.label) for line in text.splitlines())


def test_long_names_cost_no_values() -> None:
    record = broken()
    name = "gan:incorporate=srwal,steps=20000,fidelity=0.25"
    record["attacks"] = {name: record["attacks"]["gan"]}
    text = shown(record)
    assert max(map(len, text.split("report ")[0].splitlines())) <= 100
    cell = page(record)
    for metric in cell.success.columns:
        assert cell.success.lines[0][metric].interval in text
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
    """The union of several guesses beats one guess, and is no alarm."""
    options: dict[str, Any] = {"force_terminal": True, "color_system": "standard"}
    assert "31m" not in shown(resisting(), **options)
    lines = [line for line in shown(broken(), **options).splitlines() if "31m" in line]
    assert [line.split()[0] for line in lines] == [
        "preimage",
        "ridge",
        "gan",
        "preimage",
        "\x1b[1mbest:",
        "union",
    ]


def test_consoles_without_unicode() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    print_cell(broken(), PATHS, Console(file=file, width=100))
    file.flush()
    assert b"preimage > image" in raw.getvalue()


def test_names_are_no_markup() -> None:
    record = broken()
    record["attacks"] = {"[red]x[/red]": record["attacks"]["ridge"]}
    record["flags"] = [{"flag": "[b]", "text": "[/b] [link=x]"}]
    text = shown(record)
    assert "[red]x[/red]" in text
    assert "[b]: [/b] [link=x]" in text


@pytest.mark.parametrize("part", ["attacks", "rendered", "controls", "utility", "properties"])
def test_any_part_may_be_empty(part: str) -> None:
    assert "Verdict" in shown(broken() | {part: {}})


def test_values_may_be_unknown() -> None:
    record = broken()
    assert "\u2013 " not in shown(record).split("Inversion")[1].split("decode")[0]
    record["worst"]["metrics"]["rank1"] |= {"value": None, "ci_low": None, "ci_high": None}
    lines = shown(record).split("Inversion")[1].splitlines()
    assert "\u2013 " in next(line for line in lines if line.startswith("union of attacks"))


def test_a_narrow_terminal_keeps_what_the_leak_is_about_and_the_witness() -> None:
    record = broken()
    record["attacks"]["gan"]["metrics"] |= {"transfer_rank1": value(0.134), "realism": value(0.271)}
    narrow, wide = (shown(record, width).split("Verdict")[0] for width in (100, 200))
    for number in ("13.4", "27.1", "98.1"):  # the witness, and Type-1 at FMR 0.1 % of preimage
        assert number in narrow
        assert number in wide
    assert "type 2" not in narrow
    assert "type 2" in wide


def test_a_classifiers_answers_are_printed_in_their_own_words() -> None:
    text = shown(answering())
    for words in ("as they leave", "Accuracy", "named", "87 outputs", "--leak outputs"):
        assert words in text
    for words in ("FNMR", "rank 1", "key per subject"):
        assert words not in text


def test_samples_that_are_text_are_printed_pictures_are_not() -> None:
    record = broken()
    shapes = {"image": (3, 16, 16), "vector": (3, 5)}
    said = {}
    for modality, shape in shapes.items():
        record["spec"]["dataset"]["modality"] = modality
        found = {
            "shown.original": np.ones(shape, np.uint8),
            "shown.attack.gan": np.zeros(shape, np.uint8),
            "shown.subject": np.array([4, 7, 9]),
        }
        file = io.StringIO()
        print_cell(record, PATHS, Console(file=file, width=100), found)
        said[modality] = one_line(file.getvalue())
    assert "Samples" not in said["image"]
    for words in ("Samples, subject 4", "Samples, subject 7", "the victim [1.00,", "gan [0.00,"):
        assert words in said["vector"]
    assert "subject 9" not in said["vector"]


def test_sweep_has_a_line_per_cell_grouped_by_what_they_share() -> None:
    other = resisting()
    other["spec"] = other["spec"] | {"dataset": other["spec"]["dataset"] | plugin("lfw")}
    cells = [broken(), resisting(0.9), other, answering()]
    file = io.StringIO()
    print_sweep(cells, Console(file=file, width=100))
    text = file.getvalue()
    assert text.index("dlib on orl") < text.index("salted_hash") < text.index("dlib on lfw")
    for record in cells:
        cell = page(record)
        assert cell.verdict.short in text
        assert cell.comparable in text
        for number in cell.headline:
            assert number.text in text
            assert number.interval in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_table_alone_is_that_of_the_whole_report() -> None:
    file = io.StringIO()
    Console(file=file, width=100).print(table(broken()))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert any(line.startswith("union of attacks") for line in lines)
    assert set(lines) <= {line.rstrip() for line in shown(broken()).splitlines()}
