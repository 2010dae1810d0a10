"""``fowh reproduce fredrikson2014``: the arms measured, as a table, in words, and as files."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fowh.core.errors import InputError
from fowh.core.files import write_atomically
from fowh.metrics.intervals import Value
from fowh.paper.attributes.arms import ARMS, HELD_OUT, MEMBERS, PARTITIONS, PEOPLE, Arm, measure
from fowh.paper.attributes.table import FOLDS, Table, diabetes, read
from fowh.paper.layout import percent, plain_table
from fowh.records.store import environment
from fowh.run import check_writable

if TYPE_CHECKING:
    from rich.table import Table as RichTable

NAME = "fredrikson2014"
HEADINGS = ("who guesses", "people", "accuracy", "ROC area", "above prior", "above imputation")
PUBLISHED = (
    "No column of the paper stands beside: its figures are of warfarin patients (IWPC), whose data "
    "are not embedded; give them with --table, --sensitive and --outcome."
)
SEED = 0


@dataclass(frozen=True, eq=False)
class Attributes:
    """What was measured on one table.

    Attributes:
        table: the people.
        arms: as ``arms.measure`` returns them.
        files: what was written, by what it is.
    """

    table: Table
    arms: list[Arm]
    files: dict[str, Path]

    @property
    def title(self) -> str:
        """Whose attribute is guessed from what."""
        return (
            f"{NAME}: {self.table.name}, {self.table.sensitive} ({', '.join(self.table.values)}) "
            f"from a linear model of {self.table.outcome}, {len(self.table.target)} people, percent"
        )

    def texts(self) -> list[tuple[str, ...]]:
        """Rows of the table, by ``HEADINGS``."""
        return [
            (
                *(ARMS[arm.key], PEOPLE[arm.people] if arm.key in _twice(self.arms) else "any"),
                *(percent(arm.accuracy), f"{100 * arm.area:.1f}"),
                *(percent(arm.above_prior, True), percent(arm.above_imputation, True)),
            )
            for arm in self.arms
        ]

    def rich_table(self) -> RichTable:
        """The table for a terminal."""
        return plain_table(self.title, HEADINGS, self.texts(), HEADINGS[:2])

    def verdicts(self) -> list[str]:
        """What the attack as published, the model, and being a member of it are worth."""
        arm = {(each.people, each.key): each for each in self.arms}
        published, best = arm[HELD_OUT, "map"], arm[HELD_OUT, "combined"]
        member = arm[MEMBERS, "map"]
        if _surely(published.above_imputation):
            word = "the model leaks what the other attributes do not say"
        elif _surely(published.above_prior):
            word = "imputation"
        else:
            word = "imputation, and not shown to beat the prior"
        adds = "shown" if _surely(best.above_imputation) else "not shown"
        joins = "shown" if _surely(member.for_members) else "not shown"
        return [
            f"MAP as published minus imputation from the other attributes: "
            f"{percent(published.above_imputation, True)} points: {word}",
            f"the same imputation with the model minus without: "
            f"{percent(best.above_imputation, True)} points: that the model adds is {adds}",
            f"MAP as published on members of the training set minus on the same people held out: "
            f"{percent(member.for_members, True)} points: that membership matters is {joins}",
        ]

    def markdown(self) -> str:
        """Table and verdicts."""
        marks = ["---" if number < 2 else "---:" for number in range(len(HEADINGS))]
        rows = ["| " + " | ".join(row) + " |" for row in (HEADINGS, marks, *self.texts())]
        said = [f"- {line}" for line in (*self.verdicts(), PUBLISHED)]
        return "\n".join([self.title, "", *rows, "", *said, ""])

    def to_json(self) -> dict[str, Any]:
        """Everything measured, and what determines it."""
        return {
            "table": NAME,
            "data": {
                **{"name": self.table.name, "sha256": self.table.digest},
                **{"sensitive": self.table.sensitive, "values": self.table.values},
                **{"outcome": self.table.outcome, "people": len(self.table.target)},
            },
            "seed": SEED,
            "folds": FOLDS,
            "partitions": PARTITIONS,
            "arms": [_arm_json(arm) for arm in self.arms],
            "verdicts": self.verdicts(),
            "env": environment("cpu"),
        }


def reproduce_attributes(path: Path | None, sensitive: str, outcome: str, out: Path) -> Attributes:
    """Measure on scikit-learn's diabetes data or a user's own CSV, and write what was found.

    Args:
        path: of the CSV; None for the data that are here.
        sensitive: column of the hidden attribute; "" without a path.
        outcome: column that the model predicts; "" without a path.
        out: folder for a Markdown and a JSON file.

    Raises:
        InputError: a path without columns or columns without a path, or as ``table.read``.
    """
    if path is None and (sensitive or outcome):
        raise InputError("--sensitive and --outcome name columns of a file: expected --table FILE")
    if path is not None and not (sensitive and outcome):
        raise InputError(f"--table {path}: expected --sensitive COLUMN and --outcome COLUMN too")
    table = diabetes() if path is None else read(path, sensitive, outcome)
    out = check_writable(out)
    words = [NAME, table.name, *([] if path is None else [sensitive])]
    place = out / re.sub(r"[^\w.-]+", "_", "-".join(words))
    files = {"table": Path(f"{place}.md"), "numbers": Path(f"{place}.json")}
    made = Attributes(table, measure(table, SEED), files)
    _write(files["table"], made.markdown())
    _write(files["numbers"], json.dumps(made.to_json(), indent=1) + "\n")
    return made


def _write(file: Path, text: str) -> None:
    write_atomically(file, lambda partial: partial.write_text(text, encoding="utf-8"))


def _surely(value: Value | None) -> bool:
    return value is not None and value.ci_low is not None and value.ci_low > 0


def _twice(arms: list[Arm]) -> set[str]:
    """Those that know the model, and are measured on members as well."""
    return {arm.key for arm in arms if arm.people == MEMBERS}


def _arm_json(arm: Arm) -> dict[str, Any]:
    values = {
        name: None if value is None else value.to_json()
        for name, value in (
            *(("accuracy", arm.accuracy), ("above_prior", arm.above_prior)),
            *(("above_imputation", arm.above_imputation), ("for_members", arm.for_members)),
        )
    }
    return {"arm": arm.key, "people": arm.people, "roc_area": arm.area, **values}
