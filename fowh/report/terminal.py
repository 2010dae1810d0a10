"""One cell, or several in comparison, on a terminal, in a pipe or in a log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fowh.report.numbers import DASH, count, interval, label, measured, number, wrapped
from fowh.report.summary import (
    COLUMNS,
    RECOGNITION,
    SCENARIOS,
    Record,
    Row,
    asked,
    by_scenario,
    called,
    closing,
    columns,
    command,
    comparisons,
    headline,
    rows,
    where,
)
from fowh.report.verdict import gains, short_verdict, verdict

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_FULL = 96  # columns from which intervals are shown, in a line of their own
_ONE_LINE = 140  # columns from which a value and its interval share a line
_PIPE = 100  # columns of whatever is no terminal
_ASCII = str.maketrans({"→": ">", DASH: "-"})  # for consoles that know no Unicode


def print_cell(record: Record, paths: Mapping[str, Any], console: Console) -> None:
    """Print one cell: what was asked, recognition, the table, the verdict, doubts and costs.

    Args:
        record: of the cell.
        paths: what was written, by what it is ("report", "record", ...).
        console: where to. 100 columns are best; below 96, intervals are left to the report.
    """
    with _wide_enough(console):
        _print_cell(record, paths, console)


def _print_cell(record: Record, paths: Mapping[str, Any], console: Console) -> None:
    _fields(asked(record), console)
    if record.get("recognition"):
        _heading("Recognition: errors in percent [95 % interval]", console)
        console.print(_recognition(record["recognition"], console))
    found = rows(record)
    if found:
        _heading("Inversion: success in percent [95 % interval]", console)
        console.print(_inversion(record, found, console))
        reasons = {row.label: row.reason for row in found if row.reason}
        if reasons:
            console.print()
        _fields(reasons, console)
    _heading("Verdict", console)
    _line(verdict(record), console, "bold")
    for flag in record.get("flags") or ():
        _line(f"Doubt, {flag['flag']}: {flag['text']}", console, "yellow")
    console.print()
    _fields(closing(record), console)
    for name, text in {**paths, "repeat": command(record)}.items():  # unwrapped: to be copied
        _line(f"{name:<11}  {text}", console, wrap=False)


def print_sweep(records: Sequence[Record], console: Console) -> None:
    """Print several cells in comparison, one row each, grouped by target and dataset."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(where(record), []).append(record)
    with _wide_enough(console):
        for name, cells in groups.items():
            _heading(name, console)
            console.print(_sweep(cells, console))


def _sweep(cells: Sequence[Record], console: Console) -> Table:
    table = _table("scheme", ["FNMR\nFMR 1 %", "worst\nrank 1", "worst type 1\nFMR 0.1 %"])
    table.add_column("verdict")
    for cell in cells:
        values = headline(cell)
        table.add_row(
            _text(called(cell["spec"]["scheme"]), console),
            *(_cell(metric, value, console) for metric, value in values.items()),
            _text(short_verdict(cell), console),
        )
    return table


def _recognition(scenarios: Mapping[str, Any], console: Console) -> Table:
    heads = [label(metric).replace(" at ", "\n") for metric in RECOGNITION]
    table = _table("scenario", [*heads, "n"])
    for name, values in by_scenario(scenarios):
        cells = [_cell(metric, values.get(metric), console) for metric in RECOGNITION]
        counted = _text(count(comparisons(values)), console)
        table.add_row(_text(SCENARIOS.get(name, name), console), *cells, counted)
    return table


def _inversion(record: Record, found: list[Row], console: Console) -> Table:
    shown = columns(found)
    for spare in ("purity", "type2_at_fmr_1e-3", "type1_at_fmr_1e-2"):
        if len(shown) > len(COLUMNS) and console.width < _ONE_LINE:
            del shown[spare]  # the page has them; here they would squeeze the names out
    table = _table("", ["\n".join(head) for head in shown.values()])
    for number_, row in enumerate(found):
        if number_ and row.kind != found[number_ - 1].kind:
            table.add_section()
        name = _text(row.label, console, "bold" if row.kind == "worst" else "")
        if row.n is not None and console.width >= _FULL:
            folds = f", {row.folds} fold{'s' * (row.folds != 1)}" if row.folds else ""
            name.append(_gap(console)).append(f"n {row.n:,}{folds}", "dim")
        cells = []
        for metric in shown:
            style = "bold red" if gains(record, row, metric) else "bold"
            cells.append(_cell(metric, row.metrics.get(metric), console, style))
        table.add_row(name, *cells)
    return table


def _table(first: str, heads: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(
        box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, collapse_padding=True
    )
    table.add_column(first, overflow="fold")
    for head in heads:
        table.add_column(head, justify="right", no_wrap=True)
    return table


def _cell(metric: str, value: Any, console: Console, style: str = "bold") -> Text:
    """A value and its interval, under or beside it."""
    text = _text("", console).append_text(
        _text(number(metric, measured(value)["value"]), console, style)
    )
    shown = interval(metric, value) if console.width >= _FULL else ""
    return text.append(_gap(console)).append(shown, "dim") if shown else text


@contextmanager
def _wide_enough(console: Console) -> Iterator[None]:
    """A pipe or a log has no width: rich takes 80 columns, the tables deserve more."""
    given = console.width
    if not console.is_terminal and given < _PIPE:
        console.width = _PIPE
    yield
    console.width = given


def _gap(console: Console) -> str:
    return " " if console.width >= _ONE_LINE else "\n"


def _text(text: str, console: Console, style: str = "") -> Text:
    from rich.text import Text

    known = console.encoding.lower().startswith("utf")
    return Text(text if known else text.translate(_ASCII), style)


def _line(text: str, console: Console, style: str = "", wrap: bool = True) -> None:
    if wrap:
        text = wrapped(text, console.width)
    console.print(_text(text, console, style), soft_wrap=not wrap)


def _heading(text: str, console: Console) -> None:
    console.print()
    _line(text, console, "bold underline")


def _fields(found: Mapping[str, str], console: Console) -> None:
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(min_width=11, style="dim")
    grid.add_column(overflow="fold")
    for name, text in found.items():
        grid.add_row(_text(name, console), _text(text, console))
    if found:
        console.print(grid)
