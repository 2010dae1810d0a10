"""``fowh reproduce``: run a table's cells, print it, and keep it as Markdown and a picture."""

from __future__ import annotations

import os
import time
from pathlib import Path

import typer

from fowh.core.cache import write_atomically
from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.engine.cell import label
from fowh.metrics.intervals import Value
from fowh.paper.cells import Plan, alignment_effect, lines, plans, run_all
from fowh.paper.experiment import FULL_SEEDS, HEADS, SEEDS, SIZES, TABLES
from fowh.records import store as records
from fowh.targets._trained import TrainedTarget

FAMILY = {"afm-iris": "iris", "afm-face": "face"}


def reproduce_table(
    table: str,
    dataset: str,
    target: str,
    full: bool,
    samples: int,
    seeds: int,
    head: str,
    jobs: int,
    device: str,
    out: Path,
) -> None:
    """Run what is not on record yet, then print and write the table.

    Args:
        table: one of ``experiments.TABLES``.
        dataset: as on the command line.
        target: likewise, without head and schedule.
        full: both sizes and five seeds.
        samples: instead of the sizes that ``full`` decides; 0: as it decides.
        seeds: instead of the seeds that ``full`` decides; 0: as it decides.
        head: extractor, classifier or both; which columns are measured.
        jobs: processes; 0: one per core on a CPU, one per GPU.
        device: as on the command line.
        out: folder of the records; the table goes there too.

    Raises:
        InputError: unknown table, a target that is not trained here, or as ``run.run``.
    """
    from rich.console import Console

    from fowh.report import paper
    from fowh.run import pick_device

    if table not in TABLES:
        raise InputError(f"unknown table {table!r}: expected one of {', '.join(TABLES)}")
    if min(samples, seeds, jobs) < 0:
        raise InputError(
            f"--samples {samples} --seeds {seeds} --jobs {jobs}: expected numbers of at least 0"
        )
    if samples == 1:
        raise InputError("--samples 1: expected at least 2 samples, or 0 for the default")
    if head not in (*HEADS, "both"):
        raise InputError(f"--head {head}: expected extractor, classifier or both")
    if not isinstance(load("target", target), TrainedTarget):
        raise InputError(f"--target {target} keeps no versions: expected one that is trained here")
    sizes = (samples,) if samples else SIZES if full else SIZES[:1]
    device = pick_device(device)
    workers = jobs or _workers(device)
    heads = HEADS if head == "both" else (head,)
    runs = seeds or (FULL_SEEDS if full else SEEDS)
    todo = plans(table, dataset, target, sizes, runs, heads)
    started = time.perf_counter()

    def say(text: str) -> None:
        typer.echo(f"{time.perf_counter() - started:7.0f} s  {text}", err=True)

    say(f"{len(todo)} cells in {workers} processes; those on record are not run again")
    found = run_all(todo, out, device, workers, say)
    family = FAMILY[load("dataset", dataset).published]
    measured = lines(table, found)
    title = f"{table}: {dataset}, {len({plan.seed for plan in todo})} seeds, percent"
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, 150)  # a log has no width
    console.print(paper.rich_table(measured, family, title))
    for size in sizes if table == "table2" else ():
        effect = alignment_effect(found, size)
        if effect is not None:
            typer.echo(f"alignment loss at {size} samples, {_effect(effect)}")
    words = (table, dataset.partition(":")[0], *map(str, sizes), *heads[: len(heads) % 2])
    name = "-".join(words)  # one head alone is named
    _write(out / f"{name}.md", paper.markdown(measured, family))
    picture = _picture(table, found)
    typer.echo(f"table    {out / f'{name}.md'}")
    if picture is not None:
        write_atomically(out / f"{name}.png", lambda file: file.write_bytes(picture))
        typer.echo(f"pictures {out / f'{name}.png'}")
    typer.echo(f"took     {(time.perf_counter() - started) / 60:.1f} min")
    for path in found.values():
        record = records.load(path)
        if record is not None and record["status"] == "failed":
            typer.echo(f"failed in part: {path}; run again to try again", err=True)
            raise typer.Exit(1)


def _workers(device: str) -> int:
    """One process per GPU, or per core."""
    if device == "cuda":
        import torch

        return torch.cuda.device_count()
    return 1 if device.startswith("cuda") else os.cpu_count() or 1


def _effect(effect: Value) -> str:
    from fowh.paper.layout import percent

    return f"srwal minus sr in Rank-1, paired: {percent(effect, signed=True)} points"


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write_text(text + "\n", encoding="utf-8"))


def _picture(table: str, found: dict[Plan, Path]) -> bytes | None:
    """Pictures of the first cell that holds the table's GANs; None if all of them failed."""
    from fowh.report import paper

    plan = next(p for p in found if p.schedule == "upslope")
    names = [
        (row.name, f"image.attack.{label(load('attack', row.attack))}")
        for row in TABLES[table]
        if row.schedule == "upslope"
    ]
    observed = records.load_observations(found[plan])
    return paper.grid(observed, names) if "image.original" in observed else None
