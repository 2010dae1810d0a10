"""Tables of people's attributes: one that comes with scikit-learn, or a CSV of the user's own."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.texts import text_of

Floats = NDArray[np.float64]
FOLDS = 5
VALUES = 10  # that a hidden attribute may have at most
CATEGORIES = 50  # that another attribute may have at most


@dataclass(frozen=True, eq=False)
class Table:
    """One row for each person.

    Attributes:
        name: diabetes, or the file's.
        sensitive: the hidden attribute's name.
        outcome: what the model predicts.
        values: names of the hidden attribute's values, in order.
        hidden: (n,) each person's value, as its place in ``values``.
        target: (n,) the outcome.
        others: (n, k) the other attributes: numbers as they are, categories as 0 and 1.
        groups: columns of ``others`` that belong to one attribute, attribute by attribute.
        digest: SHA-256 of names and cells, to tell tables apart.
    """

    name: str
    sensitive: str
    outcome: str
    values: tuple[str, ...]
    hidden: NDArray[np.intp]
    target: Floats
    others: Floats
    groups: tuple[slice, ...]
    digest: str


def diabetes() -> Table:
    """442 people of Efron et al. (2004), Least angle regression; sex is hidden, as 1 and 2.

    The outcome is a measure of the disease one year after; the others are age, body mass index,
    blood pressure and six blood serum measurements.
    """
    from sklearn.datasets import load_diabetes

    loaded: Any = load_diabetes(scaled=False)
    columns = {
        name: [f"{cell:g}" for cell in column]
        for name, column in zip(loaded.feature_names, loaded.data.T, strict=True)
    }
    columns["progression"] = [f"{cell:g}" for cell in loaded.target]
    return made("diabetes", columns, "sex", "progression")


def read(path: Path, sensitive: str, outcome: str) -> Table:
    """A CSV with a header line; a column is numeric if all of its cells are numbers.

    Args:
        path: the file, UTF-8, separated by commas.
        sensitive: column of the hidden attribute.
        outcome: column that the model predicts.

    Raises:
        InputError: no such file, not a table, or as ``made``.
    """
    try:
        text = io.StringIO(text_of(path, "a CSV in UTF-8"), newline="")
        rows = [row for row in csv.reader(text, strict=True) if row]
    except csv.Error as error:
        raise InputError(f"--table {path}: {error}; expected a CSV in UTF-8") from error
    if len(rows) < 2:
        raise InputError(f"--table {path}: expected a header line and a row for each person")
    names = [name.strip() for name in rows[0]]
    if len(set(names)) < len(names) or "" in names:
        raise InputError(f"--table {path}: expected a different name for each column, got {names}")
    for number, row in enumerate(rows[1:], 2):
        if len(row) != len(names):
            raise InputError(
                f"--table {path}: row {number} has {len(row)} cells, expected {len(names)}"
            )
    columns = {
        name: [cell.strip() for cell in column]
        for name, column in zip(names, zip(*rows[1:], strict=True), strict=True)
    }
    return made(path.stem, columns, sensitive, outcome)


def made(name: str, columns: Mapping[str, Sequence[str]], sensitive: str, outcome: str) -> Table:
    """A table of its columns.

    Args:
        name: of the table.
        columns: cells as text, by column, all of one length.
        sensitive: one of the columns, 2 to 10 different values.
        outcome: another, numbers.

    Raises:
        InputError: an unknown column, an empty or infinite cell, too few people or values, nothing
            beside the two columns.
    """
    _check(name, columns, sensitive, outcome)
    values, hidden = np.unique(np.array(columns[sensitive]), return_inverse=True)
    if not 2 <= len(values) <= VALUES:
        raise InputError(
            f"--sensitive {sensitive}: {len(values)} different values, expected 2 to {VALUES}"
        )
    counts = np.bincount(hidden)
    if counts.min() < FOLDS:
        raise InputError(
            f"--sensitive {sensitive}: {counts.min()} people have the value "
            f"{str(values[counts.argmin()])!r}, expected at least {FOLDS}, one for each fold"
        )
    target = _numbers(outcome, columns[outcome])
    if target is None:
        raise InputError(f"--outcome {outcome}: expected numbers only")
    if target.min() == target.max():
        raise InputError(f"--outcome {outcome}: the same for everybody; nothing to predict")
    parts = [_encoded(key, columns[key]) for key in columns if key not in (sensitive, outcome)]
    ends = np.cumsum([0, *(part.shape[1] for part in parts)]).tolist()
    others = np.column_stack(parts)
    if len(target) <= 2 * (others.shape[1] + len(values)):
        raise InputError(
            f"table {name}: {len(target)} people and {others.shape[1] + len(values)} coefficients; "
            "expected more than twice as many people"
        )
    text = repr((sensitive, outcome, {key: list(cells) for key, cells in columns.items()}))
    return Table(
        *(name, sensitive, outcome, tuple(map(str, values)), hidden, target, others),
        groups=tuple(slice(a, b) for a, b in pairwise(ends)),
        digest=hashlib.sha256(text.encode()).hexdigest(),
    )


def _check(name: str, columns: Mapping[str, Sequence[str]], sensitive: str, outcome: str) -> None:
    known = ", ".join(columns)
    for option, column in (("--sensitive", sensitive), ("--outcome", outcome)):
        if column not in columns:
            raise InputError(
                f"{option} {column}: no such column in {name}, expected one of {known}"
            )
    if sensitive == outcome:
        raise InputError(f"--sensitive and --outcome are both {outcome}: expected two columns")
    if len(columns) < 3:
        raise InputError(
            f"table {name}: expected other attributes beside {sensitive} and {outcome}"
        )
    for key, cells in columns.items():
        if "" in cells:
            raise InputError(
                f"column {key}: row {list(cells).index('') + 1} is empty, expected a value for "
                "everybody; leave out the row or the column"
            )


def _numbers(name: str, cells: Sequence[str]) -> Floats | None:
    """The column as numbers; None where it holds words."""
    try:
        numbers = np.array([float(cell) for cell in cells])
    except ValueError:
        return None
    if not np.isfinite(numbers).all():
        raise InputError(f"column {name}: NaN or infinite, expected finite numbers or categories")
    return numbers


def _encoded(name: str, cells: Sequence[str]) -> Floats:
    """A column as (n, 1) numbers, or (n, categories - 1) zeros and ones."""
    numbers = _numbers(name, cells)
    if numbers is not None:
        return numbers[:, None]
    categories, codes = np.unique(np.array(cells), return_inverse=True)
    if len(categories) > CATEGORIES:
        raise InputError(
            f"column {name}: {len(categories)} different texts, expected at most {CATEGORIES} "
            "categories, or numbers; leave out names and keys"
        )
    if len(categories) == 1:
        return np.zeros((len(cells), 1))
    return np.asarray(codes[:, None] == np.arange(1, len(categories)), dtype=np.float64)
