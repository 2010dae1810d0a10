"""The published experiment as cells: which attacks fill which row of which table.

Source: Ahmad, Mahmood and Fuller (2022), "Inverting biometric models with fewer samples", tables 1
and 2 and sec. 6.3; the numbers below are theirs. Rows that the paper has not are our controls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Table = Literal["table1", "table2", "section6.3", "protected"]
HEADS = ("extractor", "classifier")
SIZES = (500, 2000)  # the attacker's samples; the first one is the default
SEEDS, FULL_SEEDS = 3, 5
SCHEMES = ("raw", "lsh", "iom", "salted_hash")  # of the table of protected templates


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        name: what the table calls it.
        attack: as on the command line.
        schedule: of the target's versions.
        paper: by dataset family (iris, face): Type-1, Rank-1 and accuracy of the paper in percent.
        control: whether it is ours and explains another row.
    """

    name: str
    attack: str
    schedule: str = "upslope"
    paper: dict[str, tuple[int | None, int | None, int | None]] | None = None
    control: bool = False


SINGLE, RAND = "gan", "gan:incorporate=rand"
CONTROLS = (
    Row("single, input dropout", "gan:input_dropout=0.5", control=True),
    Row("sr, slots all final", "gan:incorporate=sr,copies=True", control=True),
    Row("slot dropout, final", "gan:incorporate=slot_dropout", control=True),
    Row("slot dropout, all", "gan:incorporate=slot_dropout,test=all", control=True),
    Row("ridge to pixels", "image_ridge", control=True),
    Row("nearest own image", "dictionary", control=True),
)
TABLES: dict[str, tuple[Row, ...]] = {
    "table1": (
        Row("single", SINGLE, paper={"iris": (59, 35, 81), "face": (85, 82, 74)}),
        Row("rand, upslope", RAND, paper={"iris": (65, 45, 82), "face": (89, 84, 78)}),
        Row("rand, update", RAND, "update", {"iris": (61, 38, 81), "face": (87, 84, 75)}),
        Row("rand, downslope", RAND, "downslope", {"iris": (60, 44, 82), "face": (87, 83, 73)}),
        Row("single, update", SINGLE, "update", control=True),
        Row("single, downslope", SINGLE, "downslope", control=True),
        Row("single, input dropout", "gan:input_dropout=0.5", control=True),
        Row("ridge to pixels", "image_ridge", control=True),
        Row("nearest own image", "dictionary", control=True),
    ),
    "table2": (
        Row("single, final", SINGLE, paper={"iris": (59, 35, 81), "face": (85, 82, 74)}),
        Row("rand, final", RAND, paper={"iris": (65, 45, 82), "face": (89, 84, 78)}),
        Row(
            "concat, final",
            "gan:incorporate=concat",
            paper={"iris": (48, 27, 78), "face": (78, 75, 74)},
        ),
        Row(
            "concat, all",
            "gan:incorporate=concat,test=all",
            paper={"iris": (50, 30, 86), "face": (80, 78, 81)},
        ),
        Row("sr, final", "gan:incorporate=sr", paper={"iris": (66, 46, 81), "face": (89, 84, 79)}),
        Row(
            "srwal, final",
            "gan:incorporate=srwal",
            paper={"iris": (72, 53, 83), "face": (91, 86, 79)},
        ),
        Row(
            "srwal, all",
            "gan:incorporate=srwal,test=all",
            paper={"iris": (65, 45, 81), "face": (89, 84, 79)},
        ),
        *CONTROLS,
    ),
    "section6.3": (
        Row("final version only", SINGLE, paper={"iris": (None, 35, None)}),
        Row(
            "versions 25 % and 50 %",
            "gan:incorporate=rand,versions=25+50",
            paper={"iris": (None, 15, None)},
        ),
        Row(
            "first and last version",
            "gan:incorporate=rand,versions=0+100",
            paper={"iris": (None, 36, None)},
        ),
        Row("all five versions", RAND, paper={"iris": (None, 45, None)}),
        *CONTROLS,
    ),
    "protected": (
        Row("single, final", SINGLE),
        Row("rand, final", RAND),
        Row("concat, all", "gan:incorporate=concat,test=all"),
        Row("sr, final", "gan:incorporate=sr"),
        Row("srwal, final", "gan:incorporate=srwal"),
        Row("slot dropout, final", "gan:incorporate=slot_dropout"),
        Row("ridge to pixels", "image_ridge", control=True),
        Row("nearest own image", "dictionary", control=True),
    ),
}
BLIND = ("random", "mean", "medoid")  # controls of every cell, shown below every table


def attacks_of(schedule: str, head: str, protected: bool) -> tuple[str, ...]:
    """All attacks of one cell, so that tables share it."""
    tables = ("protected",) if protected else ("table1", "table2", "section6.3")
    found: dict[str, Any] = {}
    for table in tables:
        if table == "section6.3" and head == "classifier":
            continue  # the paper has it for extractors
        found |= {row.attack: None for row in TABLES[table] if row.schedule == schedule}
    return tuple(found)


def rows_of(table: str) -> tuple[Row, ...]:
    """A table's rows; table 1 borrows the controls of table 2, whose cell it shares."""
    rows = TABLES[table]
    if table == "table1":
        rows += tuple(row for row in CONTROLS if row.attack not in {r.attack for r in rows})
    return rows
