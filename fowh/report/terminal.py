"""One cell, or several in comparison, on a terminal, in a pipe or in a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fowh.core.errors import printable
from fowh.records.store import Record
from fowh.report.lines import Grid, Line, narrowed
from fowh.report.numbers import DASH, Number, count, wrapped
from fowh.report.page import Page, grouped, page
from fowh.report.samples import Observations

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_FULL = 96  # columns from which intervals are shown, in a line of their own
_ONE_LINE = 140  # columns from which a value and its interval share a line
_PIPE = 100  # columns of whatever is no terminal
_FIT = 6  # metrics beside the names, below _ONE_LINE columns; the page has all of them
_READ = 2  # victims whose samples are shown, where samples are text
_ASCII = str.maketrans({"→": ">", DASH: "-"})  # for consoles that know no Unicode


@dataclass(frozen=True)
class _Room:
    """What a console has room for.

    Attributes:
        width: in columns.
        unicode: whether it knows more than ASCII.
    """

    width: int = _PIPE
    unicode: bool = True

    @classmethod
    def on(cls, console: Console) -> _Room:
        return cls(console.width, console.encoding.lower().startswith("utf"))

    @property
    def gap(self) -> str:
        """What stands between a value and what belongs to it."""
        return " " if self.width >= _ONE_LINE else "\n"

    def text(self, text: str, style: str = "") -> Text:
        from rich.text import Text

        text = printable(text)
        return Text(text if self.unicode else text.translate(_ASCII), style)

    def number(self, number: Number) -> Text:
        """A value and its interval, under or beside it; red where it alarms."""
        style = "bold red" if number.alarm else "bold"
        text = self.text("").append_text(self.text(number.text, style))
        shown = number.interval if self.width >= _FULL else ""
        return text.append(self.gap).append(shown, "dim") if shown else text


def print_cell(
    record: Record,
    paths: Mapping[str, Any],
    console: Console,
    observations: Observations | None = None,
) -> None:
    """Print one cell: what was asked, utility, the table, the verdict, doubts and costs.

    Args:
        record: of the cell.
        paths: what was written, by what it is ("report", "record", ...).
        console: where to. 100 columns are best; below 96, intervals are left to the report.
        observations: of the cell, for samples that are text; pictures are left to the report.
    """
    cell = page(record, observations)
    with _wide_enough(console):
        room = _Room.on(console)
        _fields(cell.asked, console)
        if cell.utility.lines:
            _heading("Utility, in percent [95 % interval]", console)
            console.print(_utility(cell.utility, room))
        if cell.success.lines:
            _heading("Inversion: success in percent [95 % interval]", console)
            console.print(_success(cell, room))
            if cell.chance:
                _line(cell.chance, console, "dim")
            reasons = {line.label: line.reason for line in cell.success.lines if line.reason}
            if reasons:
                console.print()
            _fields(reasons, console)
        _samples(cell, console)
        _heading("Verdict", console)
        _line(cell.verdict.text, console, "bold")
        for name, text in cell.flags:
            _line(f"Doubt, {name}: {text}", console, "yellow")
        console.print()
        _fields(cell.closing, console)
        for name, text in {**paths, "repeat": cell.command}.items():  # unwrapped: to be copied
            _line(f"{name:<11}  {text}", console, wrap=False)


def print_sweep(records: Sequence[Record], console: Console) -> None:
    """Print several cells in comparison, one row each, grouped by what they must share."""
    with _wide_enough(console):
        for name, pages in grouped(map(page, records)).items():
            _heading(name, console)
            console.print(_sweep(pages, _Room.on(console)))


def table(record: Record) -> Table:
    """The table of attacks alone, for whoever prints with rich; 100 columns are best."""
    return _success(page(record), _Room())


def _sweep(pages: Sequence[Page], room: _Room) -> Table:
    made = _table("scheme", pages[0].heads)
    made.add_column("verdict")
    for cell in pages:
        numbers = map(room.number, cell.headline)
        made.add_row(room.text(cell.title), *numbers, room.text(cell.verdict.short))
    return made


def _utility(grid: Grid, room: _Room) -> Table:
    made = _table("scenario", [*grid.heads, ("n", "")])
    for line in grid.lines:
        numbers = [room.number(line[metric]) for metric in grid.columns]
        made.add_row(room.text(line.label), *numbers, room.text(count(line.n)))
    return made


def _success(cell: Page, room: _Room) -> Table:
    grid = cell.success
    if room.width < _ONE_LINE:
        grid = narrowed(grid, _FIT, cell.record)
    made = _table("", grid.heads)
    for lines in grid.blocks().values():
        made.add_section()
        for line in lines:
            numbers = [room.number(line[metric]) for metric in grid.columns]
            made.add_row(_name(line, room), *numbers)
    return made


def _name(line: Line, room: _Room) -> Text:
    """What a line is called, and what it rests on."""
    name = room.text(line.label, "bold" if line.kind == "best" else "")
    if line.n is not None and room.width >= _FULL:
        folds = f", {line.folds} fold{'s' * (line.folds != 1)}" if line.folds else ""
        name.append(room.gap).append(f"n {line.n:,}{folds}", "dim")
    return name


def _samples(cell: Page, console: Console) -> None:
    """The samples of the first victims, where they are text."""
    strips = [strip for strip in cell.strips if all(shown.png is None for shown in strip.samples)]
    for column, victim in enumerate(cell.victims[:_READ] if strips else ()):
        _heading(f"Samples, {victim}", console)
        _fields({strip.label: strip.samples[column].text for strip in strips}, console)


def _table(first: str, heads: Sequence[tuple[str, str]]) -> Table:
    from rich import box
    from rich.table import Table

    made = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, collapse_padding=True
    )
    made.add_column(first, overflow="fold")
    for head in heads:
        made.add_column("\n".join(filter(None, head)), justify="right", no_wrap=True)
    return made


@contextmanager
def _wide_enough(console: Console) -> Iterator[None]:
    """A pipe or a log has no width: rich takes 80 columns, the tables deserve more."""
    given = console.width
    if not console.is_terminal and given < _PIPE:
        console.width = _PIPE
    yield
    console.width = given


def _line(text: str, console: Console, style: str = "", wrap: bool = True) -> None:
    if wrap:
        text = wrapped(text, console.width)
    console.print(_Room.on(console).text(text, style), soft_wrap=not wrap)


def _heading(text: str, console: Console) -> None:
    console.print()
    _line(text, console, "bold underline")


def _fields(found: Mapping[str, str], console: Console) -> None:
    from rich.table import Table

    room = _Room.on(console)
    grid = Table.grid(padding=(0, 2))
    grid.add_column(min_width=11, style="dim")
    grid.add_column(overflow="fold")
    for name, text in found.items():
        grid.add_row(room.text(name), room.text(text))
    if found:
        console.print(grid)
