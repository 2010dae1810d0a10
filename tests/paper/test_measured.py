"""Tables of the rest of the family: their cells are built, their rows read off records."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from fowh.cli import app, main
from fowh.paper import family, measured, pictured
from fowh.paper.family import TABLES
from fowh.paper.rows import FLAGS, Family, Row
from fowh.records import store

POPULATION = "gaussian:subjects=8,readings=3,dim=16"


@pytest.mark.parametrize("name", list(TABLES))
def test_every_cell_of_a_table_can_be_built(name: str) -> None:
    for row in TABLES[name].rows:
        cell = measured.cell_of(row, "orl")
        shown = {part for section, part, _ in row.shown.values() if section == "attacks"}
        from fowh.engine.cell import row_name

        assert shown <= {row_name(attack) for attack in cell.attacks}
        assert list(row.shown) == list(TABLES[name].rows[0].shown)


@pytest.mark.parametrize("name", list(TABLES))
def test_every_column_of_a_table_stands_in_one_of_its_parts(name: str) -> None:
    columns = [*TABLES[name].rows[0].shown, FLAGS]
    parts = [rows[0][1:] for _, rows in TABLES[name].apart([], [])]
    assert {head for part in parts for head in part} == set(columns)
    assert sum(part.count(FLAGS) for part in parts) == 1 and max(map(len, parts)) <= 11


def small() -> Family:
    cell = {"scheme": "raw", "attacks": ("ridge",), "leak": "templates"}
    shown = {
        "Rank-1": ("attacks", "ridge", "rank1"),
        "FNMR": ("utility", "protected", "fnmr_at_fmr_1e-2"),
        "mean": ("controls", "mean", "rank1"),
        "nobody": ("attacks", "nobody", "rank1"),
        "1,000 guesses": ("guesses", "rank1", "1000"),
        "chance": ("chance", "", "rank1"),
        "stolen": ("count", "ridge", "rank1"),
        "seconds": ("seconds", "ridge", ""),
        "no seconds": ("seconds", "nobody", ""),
    }
    shown["FNMR"] = ("utility", "stolen_key", "fnmr_at_fmr_1e-2")
    return Family("A table", "nobody", (Row("unprotected", cell, shown),), ("Read it.",))


def test_a_table_is_read_off_its_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(family.TABLES, "small", small())
    made = measured.measure("small", POPULATION, "cpu", tmp_path, lambda text: None)
    record = json.loads((made.records[0] / "record.json").read_text())
    value = record["attacks"]["ridge"]["metrics"]["rank1"]
    expected = (
        f"{100 * value['value']:.1f} [{100 * value['ci_low']:.0f}, {100 * value['ci_high']:.0f}]"
    )
    columns = ["Rank-1", "FNMR", "mean", "nobody", "1,000 guesses", "chance", "stolen", "seconds"]
    assert made.heads == ["", *columns, "no seconds", FLAGS]
    assert made.lines[0][:2] == ["unprotected", expected] and made.lines[0][4] == "-"
    seconds = record["stats"]["seconds"]["ridge"]
    said = [f"{100 * record['chance']['rank1']:.1f}", str(value["n"]), f"{seconds:.2f}", "-"]
    flags = list(dict.fromkeys(each["flag"] for each in record["flags"]))
    assert len(flags) > 0
    assert made.lines[0][6:] == [*said, ", ".join(flags)]
    text = (tmp_path / "small.md").read_text()
    assert expected in text and "$ fowh evaluate --scheme raw" in text and "Read it." in text
    assert made.failed == [] and "unprotected" in str(made.tables()[0].columns[0]._cells)
    measured.keep(made, tmp_path / "kept.json")
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert kept["lines"] == made.lines and kept["flags"] == {"unprotected": flags}
    numbers = kept["numbers"]["unprotected"]
    assert list(numbers) == made.heads[1:-1]
    assert numbers["Rank-1"] == {key: value[key] for key in ("value", "ci_low", "ci_high", "n")}
    assert numbers["1,000 guesses"]["n"] == value["n"] == numbers["stolen"]["value"]
    bare = {"ci_low": None, "ci_high": None, "n": None}
    assert numbers["seconds"] == {"value": seconds} | bare
    assert numbers["nobody"] == {"value": None} | bare


def test_a_table_in_parts_repeats_its_rows_and_says_what_was_not_measured() -> None:
    rows = (Row("one", {}, {"a": ("chance", "", "a"), "b": ("chance", "", "b")}),)
    family = Family("A table", "nobody", rows, (), {"First": ("b",), "Then": ("a", FLAGS)})
    text = family.markdown(["", "a", "b"], [["one", "1", "2"]])
    first = "*First*\n\n|  | b |\n| --- | ---: |\n| one | 2 |"
    assert text == f"{first}\n\n*Then*\n\n|  | a | flags |\n| --- | ---: | ---: |\n| one | 1 | - |"


def test_changes_that_were_not_committed_stay_in_sight() -> None:
    commits = [store.commit_of({"commit": "c0ffee" * 4, "dirty": dirty}) for dirty in (False, True)]
    assert commits == ["c0ffeec0ffee", "c0ffeec0ffee+"]
    assert measured.measured_at(commits[:1]) == "Measured at c0ffeec0ffee."
    assert "c0ffeec0ffee+ (+: with changes" in measured.measured_at(commits)


def test_a_record_without_doubts_says_so_and_none_is_named_twice() -> None:
    assert measured.flags_of({"flags": []}) == "none"
    twice = [{"flag": name, "text": ""} for name in ("under-trained", "adversarial") * 2]
    assert measured.flags_of({"flags": twice}) == "under-trained, adversarial"


def test_likeness_of_the_best_is_read_by_its_success() -> None:
    value = {"value": 0.5, "ci_low": 0.4, "ci_high": 0.6, "n": 80}
    record = {"best": {"likeness": {"rank1": {"ssim": value}}}, "metrics": {}}
    assert measured.value_of(record, ("likeness", "rank1", "ssim")) == value
    assert measured.text_of(record, ("likeness", "rank1", "ssim")) == "0.50"
    assert measured.text_of(record, ("likeness", "rank1", "psnr")) == "-"


def test_the_command_prints_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(family.TABLES, "small", small())
    words = ["reproduce", "small", "--dataset", POPULATION, "--device", "cpu"]
    done = CliRunner().invoke(app, [*words, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "unprotected" in done.output and "Read it." in done.output


@pytest.mark.parametrize("table", sorted(family.TABLES))
@pytest.mark.parametrize(
    "words", [["--full"], ["--target", "convnet"], ["--seeds", "3"], ["--table", "x.csv"]]
)
def test_what_a_table_does_not_know_is_refused_in_one_line(
    table: str, words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    out = tmp_path / "out"
    monkeypatch.setattr(sys, "argv", ["fowh", "reproduce", table, *words, "--out", str(out)])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = f"fowh: {words[0]} is no option of {table}; see `fowh reproduce --help`\n"
    assert capsys.readouterr() == ("", said) and not out.exists()


def test_rows_are_points_of_a_plane_with_what_they_are_called() -> None:
    def value(at: float | None) -> dict[str, float | None]:
        return {"value": at, "ci_low": at, "ci_high": at, "n": 80}

    columns = ("accuracy", "best", "epsilon", "one blind guess")
    rows: dict[str, tuple[float | None, ...]] = {"plain": (0.9, 1.0, None, 0.09)}
    rows |= {"noise": (0.4, 0.01, 7.8, 0.09), "no": (None, 0.5, 1.0, 0.0)}
    numbers = {name: dict(zip(columns, map(value, row), strict=True)) for name, row in rows.items()}
    drawn = pictured.plane(numbers, "accuracy", "best", "epsilon")
    assert drawn.startswith(b"\x89PNG")
    less = pictured.plane({"plain": numbers["plain"]}, "accuracy", "best", "epsilon")
    assert drawn != less


def test_points_of_a_plane_lie_at_their_values_even_where_they_collide(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictured, "_png", lambda figure: figure)
    values = {"first": (0.93, 1.0), "second": (0.931, 1.0), "third": (0.93, 0.938)}
    numbers = {
        name: {
            "accuracy": {"value": accuracy, "ci_low": None, "ci_high": None, "n": 80},
            "best": {"value": best, "ci_low": None, "ci_high": None, "n": 80},
            "epsilon": {"value": None},
        }
        for name, (accuracy, best) in values.items()
    }
    drawn: Any = pictured.plane(numbers, "accuracy", "best", "epsilon")
    axes = drawn.axes[0]
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    seen = [(float(dot.get_xdata()[0]), float(dot.get_ydata()[0])) for dot in dots]
    assert seen == [pytest.approx((100 * x, 100 * y)) for x, y in values.values()]
    places = [axes.transData.transform(text.get_position()) for text in axes.texts]
    apart = [float(abs(a - b).max()) for i, a in enumerate(places) for b in places[:i]]
    assert len(places) == 3 and min(apart) > 10  # pixels: numbers can be told apart
