"""Tables of attributes: what is read, and one line for each kind of bad input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fowh.core.errors import InputError
from fowh.paper.attributes.table import diabetes, read

ROWS = [f"{age},{'ABC'[age % 3]},{age % 2},{age * 1.5}" for age in range(20, 40)]


def csv(folder: Path, rows: list[str], header: str = "age,race,gene,dose") -> Path:
    file = folder / "people.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def test_a_csv_is_numbers_categories_and_the_hidden_value(tmp_path: Path) -> None:
    table = read(csv(tmp_path, ROWS), "gene", "dose")
    assert (table.name, table.values) == ("people", ("0", "1"))
    assert table.hidden.tolist() == [age % 2 for age in range(20, 40)]
    assert table.target.tolist() == [age * 1.5 for age in range(20, 40)]
    assert table.groups == (slice(0, 1), slice(1, 3))
    assert table.others[:3].tolist() == [[20, 0, 1], [21, 0, 0], [22, 1, 0]]  # C, A, B
    assert table.digest != read(csv(tmp_path, ROWS[::-1]), "gene", "dose").digest


def test_the_embedded_table() -> None:
    table = diabetes()
    assert table.others.shape == (442, 9)
    assert np.bincount(table.hidden).tolist() == [235, 207]
    assert table.target[:3].tolist() == [151, 75, 141]


@pytest.mark.parametrize(
    ("rows", "header", "columns", "says"),
    [
        ([], "age,race,gene,dose", ("gene", "dose"), "a row for each person"),
        (ROWS, "age,race,gene,age", ("gene", "age"), "a different name for each column"),
        (["1,2"], "age,race,gene,dose", ("gene", "dose"), "row 2 has 2 cells, expected 4"),
        (ROWS, "age,race,gene,dose", ("sex", "dose"), "--sensitive sex: no such column"),
        (ROWS, "age,race,gene,dose", ("gene", "mg"), "--outcome mg: no such column"),
        (ROWS, "age,race,gene,dose", ("gene", "gene"), "expected two columns"),
        (ROWS, "age,race,gene,dose", ("gene", "race"), "expected numbers only"),
        (ROWS, "age,race,gene,dose", ("age", "dose"), "20 different values, expected 2 to 10"),
        (
            [*ROWS, "50,,1,3"],
            "age,race,gene,dose",
            ("gene", "dose"),
            "column race: row 21 is empty",
        ),
        ([*ROWS, "nan,A,1,3"], "age,race,gene,dose", ("gene", "dose"), "column age: NaN"),
        (
            [*ROWS, "50,A,2,3"],
            "age,race,gene,dose",
            ("gene", "dose"),
            "1 people have the value '2'",
        ),
        ([f"{row[:-1]}" + "1" for row in ROWS[:8]], "age,race,gene,dose", ("gene", "dose"), "fold"),
        (
            [r.rpartition(",")[0] + ",1" for r in ROWS],
            "age,race,gene,dose",
            ("gene", "dose"),
            "same",
        ),
        (
            [f"p{n},{n % 2},{n}" for n in range(60)],
            *("name,gene,dose", ("gene", "dose")),
            "60 different texts, expected at most 50",
        ),
        ([f"{n % 2},{n}" for n in range(20)], "gene,dose", ("gene", "dose"), "other attributes"),
        (
            [f"p{n},{n % 2},{n}" for n in range(20)],
            *("name,gene,dose", ("gene", "dose")),
            "20 people and 21 coefficients",
        ),
    ],
)
def test_bad_tables_are_refused_in_one_line(
    tmp_path: Path, rows: list[str], header: str, columns: tuple[str, str], says: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(csv(tmp_path, rows, header), *columns)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_tables_are_refused(tmp_path: Path) -> None:
    binary = tmp_path / "x.csv"
    binary.write_bytes(b"\xff\xfe\x00\x80")
    for path in (tmp_path / "absent.csv", tmp_path, binary):
        with pytest.raises(InputError, match="expected a CSV in UTF-8"):
            read(path, "gene", "dose")
