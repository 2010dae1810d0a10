"""A table of the inversion family as measured: its cells run, its rows read off their records."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fowh.cells import make_cell
from fowh.core.dataset import read
from fowh.core.files import write_atomically
from fowh.core.target import Progress, quiet
from fowh.core.threat import Threat
from fowh.engine.cell import Cell
from fowh.kit.parts import within
from fowh.metrics import BY_NAME, from_json, learn
from fowh.paper import pictured
from fowh.paper.family import TABLES
from fowh.paper.layout import plain_table
from fowh.paper.rows import Family, Row
from fowh.records import store
from fowh.records.store import Record
from fowh.report.words import command
from fowh.run import answer_or_run

if TYPE_CHECKING:
    from rich.table import Table

Say = Callable[[str], None]
Place = tuple[str, str, str]  # of a number in a record, as ``rows.Row`` has it
Value = dict[str, float | None]  # value, ci_low, ci_high, n


@dataclass(frozen=True, eq=False)
class Measured:
    """A table.

    Attributes:
        name: of the table.
        family: what it is of.
        heads: of the columns.
        lines: their texts, row by row.
        numbers: behind the texts, by row and column, with count and interval as on record: rates
            are 0..1.
        commands: that measure each row again.
        commits: of the code behind the records, "+" where files had changed since.
        records: folder by row.
        failed: folders of cells in which an attack failed.
        flags: of each row's record.
    """

    name: str
    family: Family
    heads: list[str]
    lines: list[list[str]]
    numbers: dict[str, dict[str, Value]]
    commands: list[str]
    commits: list[str]
    records: list[Path]
    failed: list[Path]
    flags: dict[str, list[str]]

    def tables(self) -> list[Table]:
        """For rich to print."""
        return [
            plain_table(
                *(", ".join(filter(None, (self.family.title, caption, "percent"))), heads),
                *(lines, heads[:1]),
            )
            for caption, (heads, *lines) in self.family.apart(self.heads, self.lines)
        ]

    def markdown(self) -> str:
        """For a page."""
        table = self.family.markdown(self.heads, self.lines)
        parts = [f"Published: {self.family.source}", table, *self.family.reading]
        parts.append("```console\n" + "\n".join(f"$ {text}" for text in self.commands) + "\n```")
        return "\n\n".join([*parts, measured_at(self.commits)]) + "\n"


def measured_at(commits: list[str]) -> str:
    """Which code measured, as a sentence."""
    dirty = any(commit.endswith("+") for commit in commits)
    more = " (+: with changes that were not committed)" if dirty else ""
    return f"Measured at {', '.join(commits)}{more}."


def cell_of(row: Row, dataset: str) -> Cell:
    """The cell behind a row."""
    given = dict(row.cell)
    threat = Threat(**given.pop("threat", {}))
    return make_cell(dataset=dataset, threat=threat, **given)


def measure(
    name: str, dataset: str, device: str, out: Path, say: Say, note: Progress = quiet
) -> Measured:
    """Run what is not on record, read the table, write it beside the records.

    Args:
        name: of a table.
        dataset: as on the command line.
        device: likewise.
        out: folder of the records.
        say: is told what is being done.
        note: is told how far that is.

    Raises:
        InputError: as ``run.answer_or_run``.
    """
    family = TABLES[name]
    cells = [cell_of(row, dataset) for row in family.rows]  # bad input before anything starts
    samples = read(cells[0].dataset, note)
    done = []
    for number, (row, cell) in enumerate(zip(family.rows, cells, strict=True)):
        say(f"{name}: {row.name}")
        part = within(note, number / len(cells), (number + 1) / len(cells))
        done.append(answer_or_run(cell, samples, out, device, False, part))
    records = [each.record for each in done]
    columns = list(family.rows[0].shown)
    made = Measured(
        name,
        family,
        ["", *family.columns],
        [
            [row.name, *(text_of(record, row.shown[c]) for c in columns), flags_of(record)]
            for row, record in zip(family.rows, records, strict=True)
        ],
        {
            row.name: {c: value_of(record, row.shown[c]) for c in columns}
            for row, record in zip(family.rows, records, strict=True)
        },
        [shlex.join(shlex.split(command(record))) for record in records],
        sorted({store.commit_of(record["environment"]) for record in records}),
        [each.folder for each in done],
        [each.folder for each in done if each.record["status"] == "failed"],
        {row.name: raised(record) for row, record in zip(family.rows, records, strict=True)},
    )
    shown = [
        (r.name, d.record, store.load_observations(d.folder))
        for r, d in zip(family.rows, done, strict=True)
    ]
    if picture := pictured.grid(shown):
        write_atomically(out / f"{name}.png", lambda file: file.write_bytes(picture))
    write_atomically(
        out / f"{name}.md", lambda file: file.write_text(made.markdown(), encoding="utf-8")
    )
    return made


def value_of(record: Record, place: Place) -> Value:
    """What a record has at a place; a number without interval or count has none of them."""
    section, part, name = place
    found: Any
    if section in ("attacks", "controls"):
        found = record[section].get(part, {}).get("metrics", {}).get(name)
    elif section == "seconds":
        found = record["stats"]["seconds"].get(part)
    elif section == "count":
        found = value_of(record, ("attacks", part, name))["n"]
    elif section == "chance":
        found = record["chance"].get(name)
    elif section == "likeness":
        found = record["best"]["likeness"].get(part, {}).get(name)
    else:
        found = record[section].get(part, {}).get(name)
    given = found if isinstance(found, dict) else {"value": found}
    return {key: given.get(key) for key in ("value", "ci_low", "ci_high", "n")}


def text_of(record: Record, place: Place) -> str:
    """One number of a record with its interval, in percent where it is a rate; "-" without."""
    learn(map(from_json, record["metrics"].values()))
    section, part, name = place
    entry = value_of(record, place)
    value, low, high = (entry[key] for key in ("value", "ci_low", "ci_high"))
    if value is None:
        return "-"
    if section == "count":
        return f"{value:,}"
    metric = BY_NAME.get(part if section == "guesses" else name)
    rate = section != "seconds" and metric is not None and metric.limits == (0.0, 1.0)
    scale, digits = (100, 1) if rate else (1, 2 if abs(value) < 10 else 1)
    text = f"{scale * value:,.{digits}f}"
    if low is not None and high is not None and rate:
        text += f" [{scale * low:.0f}, {scale * high:.0f}]"
    return text


def raised(record: Record) -> list[str]:
    """The flags of a record by name, each once."""
    return list(dict.fromkeys(each["flag"] for each in record["flags"]))


def flags_of(record: Record) -> str:
    """The same as text."""
    return ", ".join(raised(record)) or "none"


def keep(made: Measured, file: Path) -> None:
    """Keep a table as a small JSON file, from which a page is written."""
    kept = {
        "name": made.name,
        "heads": made.heads,
        "lines": made.lines,
        "numbers": made.numbers,
        "commands": made.commands,
        "commits": made.commits,
        "flags": made.flags,
    }
    text = json.dumps(kept, indent=1) + "\n"
    write_atomically(file, lambda partial: partial.write_text(text, encoding="utf-8"))
