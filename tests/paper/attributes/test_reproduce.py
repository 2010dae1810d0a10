"""``fowh reproduce fredrikson2014`` from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fowh import cli
from fowh.core.errors import InputError


def people(folder: Path, effect: float) -> Path:
    rng = np.random.default_rng(0)
    hidden, age = np.arange(150) % 2, rng.normal(60, 10, size=150)
    dose = effect * hidden + 0.1 * age + rng.normal(size=150)
    lines = [
        f"{'GA'[h]},{a},{'mf'[n % 3 == 0]},{d}"
        for n, (h, a, d) in enumerate(zip(hidden, age, dose, strict=True))
    ]
    file = folder / "my people.csv"
    file.write_text("\n".join(["gene,age,sex,dose", *lines]), encoding="utf-8")
    return file


def run(out: Path, *more: str) -> str:
    done = CliRunner().invoke(cli.app, ["reproduce", "fredrikson2014", "--out", str(out), *more])
    if done.exception:
        raise done.exception
    return done.output


def test_the_embedded_table_is_imputation(tmp_path: Path) -> None:
    said = run(tmp_path)
    found = json.loads((tmp_path / "fredrikson2014-diabetes.json").read_text(encoding="utf-8"))
    arm = {(each["people"], each["arm"]): each for each in found["arms"]}
    assert found["data"]["people"] == 442
    assert 0.55 < arm["held_out", "map"]["accuracy"]["value"] < 0.65
    assert arm["held_out", "map"]["above_imputation"]["ci_high"] < 0
    assert arm["held_out", "prior"]["accuracy"]["value"] == pytest.approx(235 / 442)
    assert found["verdicts"][0].endswith("points: imputation")
    text = (tmp_path / "fredrikson2014-diabetes.md").read_text(encoding="utf-8")
    for line in found["verdicts"]:
        assert line in said and line in text
    assert "IWPC" in said
    assert len([line for line in text.splitlines() if line.startswith("| ")]) == 2 + 9


def test_a_table_of_ones_own_that_leaks(tmp_path: Path) -> None:
    asked = ["--table", str(people(tmp_path, 5)), "--sensitive", "gene", "--outcome", "dose"]
    said = run(tmp_path / "new", *asked)
    assert "the model leaks what the other attributes do not say" in said
    assert "that the model adds is shown" in said
    names = sorted(path.name for path in (tmp_path / "new").iterdir())
    assert names == ["fredrikson2014-my_people-gene.json", "fredrikson2014-my_people-gene.md"]


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--table", "x.csv"], "--table x.csv: expected --sensitive"),
        (["--sensitive", "sex"], "expected --table FILE"),
        (["--table", "x.csv", "--sensitive", "a", "--outcome", "b"], "x.csv: cannot be read (No"),
        (["--dataset", "iris"], "--dataset is no option of fredrikson2014"),
        (["--full"], "--full is no option of fredrikson2014"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, more: list[str], says: str) -> None:
    with pytest.raises(InputError, match=r"\A.*\Z") as caught:
        run(tmp_path, *more)
    assert says in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_other_tables_take_no_csv(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli.app, ["reproduce", "table1", "--table", "x", "--out", "y"])
    assert "--table is no option of table1" in str(done.exception)
