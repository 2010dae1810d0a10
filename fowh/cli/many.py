"""``fowh sweep``, ``report`` and ``reproduce``: many cells."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fowh.cli._app import Device, Force, Offline, Out, Trusted, command
from fowh.cli._door import log, say
from fowh.core.errors import InputError, contained, reason
from fowh.core.told import tell
from fowh.kit.parts import within

if TYPE_CHECKING:
    from rich.console import Console

    from fowh.core.dataset import Samples
    from fowh.core.target import Progress
    from fowh.engine.cell import Cell

LOADING = 0.05  # of a sweep's time, as far as progress is concerned
_COMMON = ("table", "out", "offline")  # what every table of ``reproduce`` takes
_OF_ATTRIBUTES = ("own", "sensitive", "outcome")  # what fredrikson2014 takes alone
_OF_FAMILY = ("dataset", "device")  # what the other tables of docs/gradients.md take


@command()
def sweep(
    file: Annotated[Path, typer.Argument(help="TOML: which cells; see docs/sweeps.md.")],
    device: Device = "auto",
    out: Out = Path("results"),
    force: Force = False,
    trusted: Trusted = False,
    offline: Offline = False,
) -> int:
    """Evaluate every cell of a sweep; cells already on record are not run again."""
    from rich.console import Console

    from fowh.cells import read_sweep
    from fowh.cli.progress import progress
    from fowh.core.files import lost
    from fowh.engine.cell import cell_name
    from fowh.report.terminal import print_sweep
    from fowh.run import answer_or_run, check_writable

    cells = read_sweep(file, trusted)
    out = check_writable(out)
    records, answered, crashed = [], 0, 0
    with progress() as whole:
        samples = _loaded(cells, within(whole, 0.0, LOADING))
        for number, cell in enumerate(cells, 1):
            name = f"cell {number} of {len(cells)}, {cell_name(cell)}"
            ends = (LOADING + (1 - LOADING) * n / len(cells) for n in (number - 1, number))
            try:
                with contained():
                    given = samples[id(cell.dataset)]
                    if isinstance(given, Exception):
                        raise given
                    note = _headed(f"cell {number} of {len(cells)}", within(whole, *ends))
                    done = answer_or_run(cell, given, out, device, force, note)
            except InputError as error:
                raise InputError(f"{name}: {error}") from error
            except Exception as error:  # a fault of one cell's plug-in must not lose the others
                if lost(error):  # no cell's fault, and no other cell could be put on record
                    raise
                tell(f"failed, {reason(error)}: {log(error)}; {name}")
                crashed += 1
                continue
            answered += done.answered
            records.append(done.record)
    if answered:
        tell(f"{answered} of {len(cells)} cells answered from the records of earlier runs in {out}")
    print_sweep(records, Console())
    if crashed:
        tell(f"{crashed} of {len(cells)} cells failed without a record; their logs are named above")
    return int(crashed > 0 or any(record["status"] == "failed" for record in records))


def _headed(name: str, note: Progress) -> Progress:
    """Progress that says of which cell it is."""
    return lambda text, fraction: note(f"{name}: {text}", fraction)


def _loaded(cells: list[Cell], note: Progress) -> dict[int, Samples | Exception]:
    """The samples of each dataset, by the identity of what cells share, before any work.

    Of one that raises what it raised: its cells fail, and the others are run.
    """
    from fowh.core.dataset import read

    made: dict[int, Samples | Exception] = {}
    every = {id(cell.dataset): cell.dataset for cell in cells}
    for number, dataset in enumerate(every.values()):
        done, told = number / len(every), f"loading dataset {number + 1} of {len(every)}"
        note(told, done)
        try:
            with contained():
                made[id(dataset)] = read(dataset, note, done)
        except InputError:
            raise
        except Exception as error:
            made[id(dataset)] = error
    return made


@command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder with records.")] = Path("results"),
) -> None:
    """Draw the reports of every record below FOLDER again, and one page that compares them."""
    from rich.console import Console

    from fowh.cli.progress import progress
    from fowh.core.files import write_atomically
    from fowh.report import html
    from fowh.report.terminal import print_sweep
    from fowh.run import draw_all

    with progress() as note:
        found, bad = draw_all(folder, note)
    if found:
        page = html.render_index([(path.relative_to(folder), record) for path, record in found])
        text = page.encode("utf-8", "backslashreplace")
        write_atomically(folder / "index.html", lambda partial: partial.write_bytes(text))
        print_sweep([record for _, record in found], Console())
        say(f"compared in {folder / 'index.html'}")
    if len(bad) == 1:
        raise InputError(bad[0])
    for line in bad:
        tell(f"skipped: {line}")
    if bad:
        raise InputError(
            f"{len(bad)} of {len(bad) + len(found)} records were skipped, for reasons said above"
        )


@command()
def reproduce(
    context: typer.Context,
    table: Annotated[
        str,
        typer.Argument(
            help="table1, table2, slots ... (docs/versions.md); exact, dlg, geiping, "
            "defences, fredrikson2014, fredrikson2015, membership (docs/gradients.md)."
        ),
    ],
    dataset: Annotated[
        str,
        typer.Option(
            help="Default: iris (lfw:root=...,cut=face, casia_iris:root=...); of updates: orl."
        ),
    ] = "",
    target: Annotated[str, typer.Option(help="A target that is trained here.")] = "densenet",
    protocol: Annotated[
        str, typer.Option(help="afm_iris or afm_face; default: the one for this dataset.")
    ] = "",
    full: Annotated[
        bool, typer.Option("--full", help="500 and 2,000 samples of the attacker, all 9 runs.")
    ] = False,
    samples: Annotated[int, typer.Option(help="Of the attacker; 0: 500, with --full both.")] = 0,
    seeds: Annotated[
        int, typer.Option(help="Runs, up to 3 target x 3 run seeds; 0: 3, with --full 9.")
    ] = 0,
    head: Annotated[
        str, typer.Option(help="extractor (f_E), classifier (f_C) or both; the columns.")
    ] = "both",
    jobs: Annotated[int, typer.Option(help="Processes; 0: one per core, or per GPU.")] = 0,
    device: Device = "auto",
    out: Out = Path("results"),
    own: Annotated[
        Path | None,
        typer.Option("--table", help="fredrikson2014: a CSV instead of scikit-learn's diabetes."),
    ] = None,
    sensitive: Annotated[str, typer.Option(help="Its column of the hidden attribute.")] = "",
    outcome: Annotated[str, typer.Option(help="Its column that the model predicts.")] = "",
    offline: Offline = False,
) -> int:
    """Print a published table, measured here, beside the published figures where there are any."""
    from rich.console import Console

    from fowh.cli.progress import progress
    from fowh.paper.family import TABLES
    from fowh.paper.reproduce import reproduce_table

    _only(context, table)
    if table == "fredrikson2014":
        _attributes(own, sensitive, outcome, out)
        return 0
    started = time.perf_counter()

    def say(text: str) -> None:
        tell(f"{time.perf_counter() - started:7.0f} s  {text}")

    if table in TABLES:
        return _family(table, dataset or "orl", device, out, say)
    with progress() as note:
        made = reproduce_table(
            *(table, dataset or "iris", target),
            protocol=protocol,
            full=full,
            samples=samples,
            seeds=seeds,
            head=head,
            jobs=jobs,
            device=device,
            out=out,
            say=say,
            note=note,
        )
    _wide(Console()).print(made.table())
    for remark in made.remarks:
        say(remark)
    for name, file in made.files.items():
        say(f"{name:<8} {file}")
    say(f"took     {(time.perf_counter() - started) / 60:.1f} min")
    for folder in made.failed:
        tell(f"failed in part: {folder}; run again to try again")
    return int(bool(made.failed))


def _family(table: str, dataset: str, device: str, out: Path, say: Callable[[str], None]) -> int:
    """A table of the rest of the inversion family; the exit code."""
    from rich.console import Console

    from fowh.cli.progress import progress
    from fowh.paper.measured import measure
    from fowh.run import check_writable, pick_device

    out = check_writable(out)
    with progress() as note:
        made = measure(table, dataset, pick_device(device), out, say, note)
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 200)
    for table_part in made.tables():
        console.print(table_part)
    say(f"published: {made.family.source}")
    for sentence in made.family.reading:
        say(sentence)
    say(f"table    {out / f'{table}.md'}")
    for folder in made.failed:
        tell(f"failed in part: {folder}; run again to try again")
    return int(bool(made.failed))


def _only(context: typer.Context, table: str) -> None:
    """Refuse options that the table has no use for."""
    from fowh.paper.family import TABLES

    known = {*_COMMON, *context.params} - {*_OF_ATTRIBUTES}
    if table in TABLES:
        known = {*_COMMON, *_OF_FAMILY}
    elif table == "fredrikson2014":
        known = {*_COMMON, *_OF_ATTRIBUTES}
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in known:
            continue
        option = "--table" if name == "own" else f"--{name}"
        raise InputError(f"{option} is no option of {table}; see `fowh reproduce --help`")


def _attributes(own: Path | None, sensitive: str, outcome: str, out: Path) -> None:
    from rich.console import Console

    from fowh.paper.attributes.reproduce import PUBLISHED, reproduce_attributes

    made = reproduce_attributes(own, sensitive, outcome, out)
    _wide(Console()).print(made.rich_table())
    for line in (*made.verdicts(), PUBLISHED):
        say(line)
    for name, file in made.files.items():
        say(f"{name:<8} {file}")


def _wide(console: Console) -> Console:
    """A log has no width."""
    if not console.is_terminal:
        console.width = max(console.width, 150)
    return console
