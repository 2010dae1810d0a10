"""The tables of a report: their lines, their columns, and which values beat the blind controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fowh.metrics import BY_NAME
from fowh.records.flags import done
from fowh.records.store import Record
from fowh.report.evidence import beats, best_level, chosen, informed, many_guesses, worst_level
from fowh.report.numbers import ADVANTAGE, Number, heading, label
from fowh.report.words import control_order, row_label, scenario

Block = Literal["attack", "rendered", "best", "worst", "blind", "control", "scenario"]
GUESSES = (10, 100, 1000)  # blind ones that have a line

BLOCKS: dict[Block, str] = {  # parts of the table of attacks, in order
    "attack": "Attacks",
    "rendered": "Their reconstructions made into samples, embedded again",
    "best": "The best of them, chosen on other people than it is counted on",
    "worst": "Any of them, and any of as many blind guesses",
    "blind": "Blind controls: attackers who never read what was stolen",
    "control": "References: what the truth itself reaches",
}
GAIN = "Less what the best blind control of its kind reaches on the same rows, paired."


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Attributes:
        kind: which block it belongs to.
        label: its name in words.
        numbers: values by metric.
        level: what was handed in; blind controls of the same level are its yardstick.
        folds: on how many folds it was measured, where it is said.
        reason: why it has no values, in one line; None when it has.
        traceback: of a failure.
        seconds: that it took, where known.
        queries: to the target, where known.
    """

    kind: Block
    label: str
    numbers: Mapping[str, Number]
    level: str = "embeddings"
    folds: int | None = None
    reason: str | None = None
    traceback: str | None = None
    seconds: float | None = None
    queries: int | None = None

    @property
    def n(self) -> int | None:
        """On how many observations: the largest count of its metrics."""
        counts = [number.n for number in self.numbers.values()]
        return max((n for n in counts if n is not None), default=None)

    def __getitem__(self, metric: str) -> Number:
        """Its value of a metric; an unknown one where it has none."""
        return self.numbers.get(metric) or Number(metric)


@dataclass(frozen=True)
class Grid:
    """A table.

    Attributes:
        columns: metrics, in order.
        lines: in order.
    """

    columns: Sequence[str]
    lines: Sequence[Line]

    @property
    def heads(self) -> list[tuple[str, str]]:
        """Headings of the columns, in two lines each."""
        return [heading(metric) for metric in self.columns]

    def blocks(self) -> dict[str, list[Line]]:
        """The lines by the title of their block, in order."""
        made = {
            title: [line for line in self.lines if line.kind == kind]
            for kind, title in BLOCKS.items()
        }
        return {title: lines for title, lines in made.items() if lines}


def success_lines(record: Record) -> list[Line]:
    """Attacks, what was rendered of them, the worst case; blind controls, other references."""
    made = []
    sections: tuple[tuple[Block, str], ...] = (("attack", "attacks"), ("rendered", "rendered"))
    for kind, section in sections:
        for name, row in record[section].items():
            made.append(_line(record, kind, row_label(record, section, name), row, row["yields"]))
    if record["worst"]["metrics"]:
        told = {row_label(record, "attacks", name) for name in informed(record)}
        won = [line for line in made if line.numbers and line.label not in told]
        level = worst_level(record)
        names = {chosen(record, metric) for metric in record["headline"]["success"]} - {""}
        words = f"best: {min(names)}" if len(names) == 1 else "best single attack"
        made.append(_line(record, "best", words, record["best"], best_level(record)))
        made.append(_line(record, "worst", "union of attacks", record["worst"], level, won))
        count = len(record["worst"]["of"])
        words = f"{count} blind guess{'es' * (count != 1)}"
        made.append(_line(record, "worst", words, {"metrics": record["worst"]["blind"]}, level))
    for name in sorted(record["controls"], key=control_order):
        row = record["controls"][name]
        of: Block = "blind" if row["blind"] else "control"
        made.append(_line(record, of, row_label(record, "controls", name), row, row["yields"]))
    for count in GUESSES:
        numbers = {metric: many_guesses(record, metric, count) for metric in record["guesses"]}
        if numbers:
            made.append(Line("blind", f"{count:,} blind guesses", numbers))
    return made


def _line(
    record: Record,
    kind: Block,
    words: str,
    row: Mapping[str, Any],
    level: str,
    parts: Sequence[Line] = (),
) -> Line:
    """A line of a row; an attack's values may alarm, and the worst case's where a part's do."""
    metrics = row["metrics"]
    numbers = {}
    for metric, value in metrics.items():
        alarm = any(part[metric].alarm for part in parts)
        if kind in ("attack", "rendered", "best"):
            alarm = beats(record, metric, level, metrics)
        numbers[metric] = Number.of(metric, value, alarm)
    reason = traceback = None
    if not numbers:
        said = (row.get("reason") or "no reason given").strip().splitlines()
        reason = f"{row.get('status', 'not run')}: {said[-1].strip()}"  # of a traceback: the error
        traceback = "\n".join(said) if len(said) > 1 else None
    rest = {name: row.get(name) for name in ("folds", "seconds", "queries")}
    return Line(kind, words, numbers, level, reason=reason, traceback=traceback, **rest)


def success(record: Record) -> Grid:
    """The table of attacks: what its leak is about, and what else of note was measured."""
    lines = success_lines(record)
    found = _measured(lines) | set(record["headline"]["success"])
    shown = [m.name for m in BY_NAME.values() if any(m.heading) and m.name in found]
    return Grid(shown, lines)


def everything(table: Grid) -> Grid:
    """The same with every metric, and without the lines that have none."""
    found = _measured(table.lines)
    known = [name for name in BY_NAME if name in found]
    return Grid([*known, *sorted(found - set(known))], [line for line in table.lines if line.n])


def utility(record: Record) -> Grid:
    """How well the system does its job, scenario by scenario."""
    measured = record["utility"]
    order = [name for name in record["headline"]["scenarios"] if name in measured]
    lines = [
        Line(
            "scenario",
            scenario(record, name),
            {
                metric: Number.of(metric, value)
                for metric, value in measured[name].items()
                if metric in BY_NAME
                and BY_NAME[metric].role == "utility"
                # Older records have an EER of decisions too, which nobody measured.
                and not (metric == "eer" and "fmr" in measured[name])
            },
        )
        for name in [*order, *(name for name in measured if name not in order)]
    ]
    found = _measured(lines)
    return Grid([name for name in BY_NAME if name in found], lines)


def protected_and_clear(record: Record) -> tuple[Number, Number]:
    """The headline's utility as the scheme leaves it, and without the scheme."""
    kept, clear = (done(record, where) for where in ("scenario", "reference"))
    return Number.of(*kept), Number.of(*clear)


def narrowed(table: Grid, most: int, record: Record) -> Grid:
    """At most that many columns: the headline's, then those that a table of metrics has last.

    Those are what a witness says, which is measured only where one was asked for.
    """
    headline = record["headline"]
    first = [name for name in table.columns if name in (*headline["success"], headline["accepted"])]
    rest = [name for name in table.columns if name not in first]
    spare = max(0, len(table.columns) - max(most, len(first)))
    kept = {*first, *rest[spare:]}
    return Grid([name for name in table.columns if name in kept], table.lines)


def explained(tables: Iterable[Grid], more: Iterable[str]) -> dict[str, str]:
    """Label and description of each metric in the tables, and of more of them."""
    used = {name for table in tables for name in _measured(table.lines)} | set(more)
    texts = {metric.label: metric.description for metric in BY_NAME.values() if metric.name in used}
    return texts | {label(name): GAIN for name in sorted(used) if name.startswith(ADVANTAGE)}


def _measured(lines: Iterable[Line]) -> set[str]:
    return {metric for line in lines for metric in line.numbers}
