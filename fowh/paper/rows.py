"""What a table of the family is made of: rows, each a cell and the numbers that are shown of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FLAGS = "flags"  # of a record: the last column of every table
LIKE = {
    "mean face's PSNR": ("controls", "mean_image", "psnr"),
    "mean face's SSIM": ("controls", "mean_image", "ssim"),
}


@dataclass(frozen=True)
class Row:
    """One row: a cell, and the rows of its record that are shown.

    Attributes:
        name: what the table calls it.
        cell: arguments of ``make_cell`` as texts; "threat" is a mapping of axes.
        shown: by column, which (section, row, metric) of the record's attacks or controls. Of
            other sections: ("utility", scenario, metric), ("properties", part, name), ("guesses",
            metric, how many), ("chance", "", metric), ("count", attack, metric) for the rows
            behind an attack's number, ("seconds", attack or stage, "") over all folds, ("likeness",
            success, metric) for the samples that the best attack is counted with.
    """

    name: str
    cell: Mapping[str, Any]
    shown: Mapping[str, tuple[str, str, str]]


@dataclass(frozen=True)
class Family:
    """A table.

    Attributes:
        title: of the table.
        source: of what was published.
        rows: in order.
        reading: what to keep in mind, in sentences.
        parts: what a page shows apart: columns by caption. Empty: all of them in one.
    """

    title: str
    source: str
    rows: tuple[Row, ...]
    reading: tuple[str, ...] = field(default=())
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """All columns, the flags of the records last."""
        return [*self.rows[0].shown, FLAGS]

    def apart(
        self, heads: Sequence[str], lines: Sequence[Sequence[str]]
    ) -> Iterator[tuple[str, list[list[str]]]]:
        """Caption and rows, heads first, of each part; "-" for a column that was not measured."""
        for caption, columns in (self.parts or {"": tuple(self.columns)}).items():
            places = [heads.index(name) if name in heads else None for name in columns]
            rows = [[row[0], *("-" if at is None else row[at] for at in places)] for row in lines]
            yield caption, [["", *columns], *rows]

    def markdown(self, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
        """The parts, each with its caption, for a page."""
        return "\n\n".join(
            (f"*{caption}*\n\n" if caption else "") + _piped(rows)
            for caption, rows in self.apart(heads, lines)
        )


def _piped(rows: list[list[str]]) -> str:
    rule = ["---", *["---:"] * (len(rows[0]) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], rule, *rows[1:]])


def cell(
    target: str, scheme: str, *attacks: str, leak: str = "gradients:batch=1", **more: Any
) -> Any:
    """Arguments of ``make_cell``, with dlib as the witness."""
    return {
        "target": target,
        "scheme": scheme,
        "attacks": attacks,
        "leak": leak,
        "witness": "dlib",
        **more,
    }


def of(attack: str, **also: tuple[str, str, str]) -> dict[str, tuple[str, str, str]]:
    """Columns of one attack on updates, with its controls; ``also`` stand between.

    ``parts_with`` says how they are shown.
    """
    return {
        "Rank-1": ("attacks", attack, "rank1"),
        "PSNR": ("attacks", attack, "psnr"),
        "SSIM": ("attacks", attack, "ssim"),
        **also,
        **LIKE,
        "another's update": ("controls", "shuffled", "rank1"),
        "nothing stolen": ("controls", "prior", "rank1"),
        "own picture": ("controls", "random_image", "rank1"),
        "mean face": ("controls", "mean_image", "rank1"),
        "nearest own": ("controls", "nearest", "rank1"),
        "mated probe": ("controls", "mated_probe", "rank1"),
        "the truth": ("controls", "unprotected", "rank1"),
    }


def parts_with(*also: str) -> dict[str, tuple[str, ...]]:
    """Parts of a table whose columns are ``of`` an attack ``also`` with these."""
    controls = [name for name in of("") if name not in ("PSNR", "SSIM", *LIKE)]
    return {
        "What came back": ("Rank-1", "PSNR", "SSIM", *LIKE, *also, FLAGS),
        "Rank-1 of controls": tuple(controls),
    }
