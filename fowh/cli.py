"""The ``fowh`` command. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Literal, cast

import typer

from fowh import __version__
from fowh.core.errors import InputError

# Two OpenMP threads that spin against each other slow small layers down; read at torch's import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# The same for NumPy's own threads, which would take the cores from torch's after each product.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Can a leaked embedding database be inverted? Evaluate a template-protection scheme.",
)

Out = Annotated[Path, typer.Option(help="Folder for records and reports.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 ...")]
Force = Annotated[bool, typer.Option("--force", help="Run again although recorded.")]


@app.command()
def evaluate(
    scheme: Annotated[str, typer.Option(help="name or name:key=value,... or module:Class")],
    dataset: Annotated[str, typer.Option(help="orl, embeddings:path=FILE, gaussian ...")] = "orl",
    target: Annotated[str, typer.Option(help="The model that embeds images.")] = "dlib",
    attack: Annotated[
        list[str] | None, typer.Option(help="Repeatable; default: the standard suite.")
    ] = None,
    judge: Annotated[
        str, typer.Option(help="A target that the attack never queries, for a second opinion.")
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
    """Evaluate one cell: does SCHEME recognise people, and what does a thief get back?"""
    from fowh.core.registry import load
    from fowh.engine.cell import Cell, Threat
    from fowh.protocols import standard as protocol
    from fowh.run import answer_or_run, check_writable
    from fowh.suite import checked_attacks

    if keys not in ("subject", "shared"):
        raise InputError(f"--keys {keys}: expected subject or shared")
    if versions not in ("final", "train", "all"):
        raise InputError(f"--versions {versions}: expected final, train or all")
    if seed < 0 or queries < 0:
        raise InputError(f"--seed {seed} --queries {queries}: expected numbers of at least 0")
    if samples < 2:
        raise InputError(f"--samples {samples}: expected at least 2 samples")
    policy: Literal["subject", "shared"] = "shared" if keys == "shared" else "subject"
    started = time.perf_counter()
    loaded = load("dataset", dataset)
    cell = Cell(
        loaded,
        load("target", target),
        load("scheme", scheme),
        checked_attacks(attack or protocol.SUITE),
        Threat(
            policy,
            not secret_keys,
            "white" if white_box else "black",
            queries,
            samples,
            cast(Literal["final", "train", "all"], versions),
        ),
        seed,
        load("target", judge) if judge else None,
    )
    check_writable(out)
    folder, record = answer_or_run(cell, loaded.load(), out, device, force)
    if as_json:
        typer.echo(json.dumps(record, indent=1, allow_nan=False))
    else:
        from rich.console import Console

        from fowh.report.terminal import print_cell

        paths = {name: folder / name for name in ("report.html", "summary.png", "record.json")}
        print_cell(record, paths | {"took": f"{time.perf_counter() - started:.1f} s"}, Console())
    if record["status"] == "failed":
        raise typer.Exit(1)


@app.command("list")
def list_plugins() -> None:
    """List datasets, targets, schemes and attacks."""
    from fowh.core.registry import Kind, names, summary

    kinds: tuple[Kind, ...] = ("dataset", "target", "scheme", "attack")
    for kind in kinds:
        found = names(kind)
        typer.echo(f"{kind}s")
        for name in found:
            typer.echo(f"  {name:<18} {summary(kind, name)}")


@app.command()
def check(plugin: Annotated[str, typer.Argument(help="a name, or package.module:Class")]) -> None:
    """Run the contract suite on a scheme or an attack, yours included."""
    from fowh.checks.suite import run_checks

    findings = run_checks(plugin)
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.passed else 'FAIL'} {finding.check}: {finding.text}")
    failed = sum(not finding.passed for finding in findings)
    typer.echo(f"{len(findings) - failed} passed, {failed} failed")
    if failed:
        raise typer.Exit(1)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="A folder with records.")] = Path("results"),
) -> None:
    """Draw the reports of every record below FOLDER again, and one page that compares them."""
    from rich.console import Console

    from fowh.core.cache import write_atomically
    from fowh.records import store as records
    from fowh.report import html
    from fowh.report.terminal import print_sweep
    from fowh.run import write_report

    found = records.load_all(folder)
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

    from fowh.report.terminal import print_sweep
    from fowh.run import answer_or_run, check_writable
    from fowh.suite import cell_name, read_suite

    cells = read_suite(suite)
    check_writable(out)
    datasets = {id(cell.dataset): cell.dataset for cell in cells}  # cells share theirs
    samples = {key: dataset.load() for key, dataset in datasets.items()}  # before any work
    done = []
    for number, cell in enumerate(cells, 1):
        name = f"cell {number} of {len(cells)}, {cell_name(cell)}"
        typer.echo(name, err=True)
        try:
            done.append(answer_or_run(cell, samples[id(cell.dataset)], out, device, force)[1])
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    print_sweep(done, Console())
    if any(record["status"] == "failed" for record in done):
        raise typer.Exit(1)


@app.command()
def reproduce(
    table: Annotated[str, typer.Argument(help="table1, table2, section6.3 or protected.")],
    dataset: Annotated[str, typer.Option(help="iris, or lfw:root=..., nd_iris:root=...")] = "iris",
    target: Annotated[str, typer.Option(help="A target that is trained here.")] = "densenet",
    full: Annotated[
        bool, typer.Option("--full", help="500 and 2,000 samples of the attacker, 5 seeds.")
    ] = False,
    samples: Annotated[int, typer.Option(help="Of the attacker; 0: 500, with --full both.")] = 0,
    seeds: Annotated[int, typer.Option(help="Runs of each cell; 0: 3, with --full 5.")] = 0,
    head: Annotated[
        str, typer.Option(help="extractor (f_E), classifier (f_C) or both; the columns.")
    ] = "both",
    jobs: Annotated[int, typer.Option(help="Processes; 0: one per core, or per GPU.")] = 0,
    device: Device = "auto",
    out: Out = Path("results"),
) -> None:
    """Print a table of the paper that the GAN attacks come from, measured here, beside theirs."""
    from fowh.paper.reproduce import reproduce_table
    from fowh.run import check_writable

    check_writable(out)
    reproduce_table(table, dataset, target, full, samples, seeds, head, jobs, device, out)


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
