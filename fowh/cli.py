"""The ``fowh`` command; nothing else prints. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fowh import __version__
from fowh.core.errors import InputError
from fowh.kit.parallel import spare_the_cores

if TYPE_CHECKING:
    from fowh.run import Done

spare_the_cores()  # before torch and NumPy are loaded, which read it once

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Can what leaked of people be inverted? Evaluate what stands between a model and a leak.",
)

Out = Annotated[Path, typer.Option(help="Folder for records and reports.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
Force = Annotated[bool, typer.Option("--force", help="Run again although recorded.")]


@app.command()
def evaluate(
    scheme: Annotated[str, typer.Option(help="name or name:key=value,... or module:Class")],
    dataset: Annotated[str, typer.Option(help="orl, embeddings:path=FILE, gaussian ...")] = "orl",
    target: Annotated[
        str, typer.Option(help="The model that embeds samples; default for images: dlib.")
    ] = "",
    leak: Annotated[str, typer.Option(help="What is stolen: templates or outputs.")] = "templates",
    protocol: Annotated[
        str, typer.Option(help="standard, or one that trains the target: afm_iris, afm_face.")
    ] = "standard",
    attack: Annotated[
        list[str] | None, typer.Option(help="Repeatable; default: the leak's standard suite.")
    ] = None,
    witness: Annotated[
        str, typer.Option(help="A target that no attack queries, for a second opinion.")
    ] = "",
    keys: Annotated[str, typer.Option(help="subject (one key each) or shared.")] = "subject",
    secret_keys: Annotated[
        bool, typer.Option("--secret-keys", help="The keys do not leak with the database.")
    ] = False,
    white_box: Annotated[
        bool, typer.Option("--white-box", help="Grant the attacker the target's network.")
    ] = False,
    queries: Annotated[int, typer.Option(help="Query budget of the attacker, per fold.")] = 50_000,
    samples: Annotated[
        int, typer.Option(help="How many samples of his own the attacker has, at most.")
    ] = 2000,
    versions: Annotated[
        str, typer.Option(help="Versions of the target he may query: final, train or all (leaked).")
    ] = "train",
    seed: Annotated[int, typer.Option(help="Seed of every stream of randomness.")] = 0,
    device: Device = "auto",
    out: Out = Path("results"),
    as_json: Annotated[
        bool, typer.Option("--json", help="The record on stdout, all else on stderr.")
    ] = False,
    force: Force = False,
) -> None:
    """Evaluate one cell: does SCHEME keep the system useful, and what does a thief get back?"""
    from fowh.core.threat import Threat
    from fowh.progress import progress
    from fowh.run import answer_or_run, check_writable
    from fowh.suite import make_cell

    started = time.perf_counter()
    axes: dict[str, Any] = {"keys": keys, "leaked": not secret_keys, "versions": versions}
    axes |= {"box": "white" if white_box else "black", "queries": queries, "samples": samples}
    cell = make_cell(
        *(scheme, dataset, target, attack or ()),
        leak=leak,
        protocol=protocol,
        threat=Threat(**axes),
        seed=seed,
        witness=witness,
    )
    check_writable(out)
    with progress() as note:
        done = answer_or_run(cell, cell.dataset.load(), out, device, force, note)
    _say_if_answered(done)
    if as_json:
        typer.echo(json.dumps(done.record, indent=1, allow_nan=False))
    else:
        from rich.console import Console

        from fowh.report.terminal import print_cell

        names = ("report.html", "summary.png", "record.json")
        paths = {name: str(done.folder / name) for name in names}
        took = f"{time.perf_counter() - started:.1f} s"
        print_cell(done.record, paths | {"took": took}, Console())
    if done.record["status"] == "failed":
        raise typer.Exit(1)


def _say_if_answered(done: Done) -> None:
    if done.answered:
        typer.echo(f"answered from the record of an earlier run: {done.folder}", err=True)


@app.command("list")
def list_plugins() -> None:
    """List every kind of plug-in; schemes by the leak that they protect from."""
    from fowh.core.registry import KINDS, attribute, names, summary

    for kind in KINDS:
        if kind != "scheme":
            _print_names(f"{kind}s", [(name, summary(kind, name)) for name in names(kind)])
            continue
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in names(kind):
            leak = attribute(kind, name, "protects")
            groups.setdefault(leak, []).append((name, summary(kind, name)))
        for leak, found in groups.items():
            _print_names(f"schemes for {leak}", found)


def _print_names(title: str, found: list[tuple[str, str]]) -> None:
    typer.echo(title)
    for name, text in found:
        typer.echo(f"  {name:<18} {text}")


@app.command()
def check(plugin: Annotated[str, typer.Argument(help="a name, or package.module:Class")]) -> None:
    """Run the contract suite on a plug-in, yours included."""
    from fowh.checks import run_checks

    findings = run_checks(plugin)
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.passed else 'FAIL'} {finding.check}: {finding.text}")
    failed = sum(not finding.passed for finding in findings)
    typer.echo(f"{len(findings) - failed} passed, {failed} failed")
    if failed:
        raise typer.Exit(1)


@app.command()
def new(
    kind: Annotated[str, typer.Argument(help="scheme or attack")],
    name: Annotated[str, typer.Argument(help="of the file, in lower case: my_scheme")],
    folder: Annotated[Path, typer.Option(help="Where the files go.")] = Path(),
) -> None:
    """Write a commented plug-in and its test, which pass `fowh check` at once."""
    from fowh.scaffold import new as write

    files = write(kind, name, folder)
    for file in files:
        typer.echo(f"wrote {file}")
    class_name = "".join(part.capitalize() for part in name.split("_"))
    typer.echo(f"now   fowh check {name}:{class_name}   in that folder")


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder with records.")] = Path("results"),
) -> None:
    """Draw the reports of every record below FOLDER again, and one page that compares them."""
    from rich.console import Console

    from fowh.core.cache import write_atomically
    from fowh.records import store
    from fowh.report import html
    from fowh.report.terminal import print_sweep
    from fowh.run import write_report

    found = store.load_all(folder)
    if not found:
        raise InputError(f"no record below {folder}: run `fowh evaluate` first")
    for path, record in found:
        write_report(path, record)
    page = html.render_index([(path.relative_to(folder), record) for path, record in found])
    write_atomically(
        folder / "index.html", lambda partial: partial.write_text(page, encoding="utf-8") and None
    )
    print_sweep([record for _, record in found], Console())
    typer.echo(f"compared in {folder / 'index.html'}")


@app.command()
def sweep(
    suite: Annotated[Path, typer.Argument(help="A TOML file of cells; see docs/sweeps.md.")],
    device: Device = "auto",
    out: Out = Path("results"),
    force: Force = False,
) -> None:
    """Evaluate every cell of a suite; cells already on record are not run again."""
    from rich.console import Console

    from fowh.engine.cell import cell_name
    from fowh.progress import progress
    from fowh.report.terminal import print_sweep
    from fowh.run import answer_or_run, check_writable
    from fowh.suite import read_suite

    cells = read_suite(suite)
    check_writable(out)
    datasets = {id(cell.dataset): cell.dataset for cell in cells}  # cells share theirs
    samples = {key: dataset.load() for key, dataset in datasets.items()}  # before any work
    records = []
    for number, cell in enumerate(cells, 1):
        name = f"cell {number} of {len(cells)}, {cell_name(cell)}"
        typer.echo(name, err=True)
        try:
            with progress() as note:
                done = answer_or_run(cell, samples[id(cell.dataset)], out, device, force, note)
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
        _say_if_answered(done)
        records.append(done.record)
    print_sweep(records, Console())
    if any(record["status"] == "failed" for record in records):
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Say what this installation can do: versions, devices, weights, cache."""
    import faiss
    import torch

    from fowh.core.cache import cache_dir
    from fowh.core.registry import load
    from fowh.records.store import environment

    for name, version in environment("cpu")["versions"].items():
        typer.echo(f"{name:<14} {version}")
    typer.echo(f"torch devices  cpu{', cuda' * torch.cuda.is_available()}")
    typer.echo(f"faiss GPUs     {faiss.get_num_gpus()}")
    typer.echo(f"cache          {cache_dir()}")
    typer.echo(f"orl            {len(load('dataset', 'orl').load())} photographs")
    typer.echo(f"dlib weights   {load('target', 'dlib').sha256[:16]}")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: bad input is one line on stderr and exit code 2."""
    try:
        app()
    except InputError as error:
        typer.echo(f"fowh: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
