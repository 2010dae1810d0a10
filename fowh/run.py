"""A cell's run as the command line does it: observe, summarise, save, draw."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import typer

from fowh.core.cache import write_atomically
from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.engine.cell import Cell, observe, spec_of
from fowh.progress import progress
from fowh.records import store as records
from fowh.records.store import Record
from fowh.records.summarise import summarise

REPORT = ("report.html", "summary.png")


def check_writable(out: Path) -> None:
    """Refuse a folder that cannot be written to, without making it: bad input leaves no trace.

    Raises:
        InputError: the nearest part of the path that exists is no writable folder.
    """
    whole = out.absolute()
    nearest = next(path for path in (whole, *whole.parents) if os.path.lexists(path))
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"--out {out}: {nearest} is no writable folder; choose another folder")


def answer_or_run(
    cell: Cell, samples: Samples, out: Path, device: str, force: bool, quiet: bool = False
) -> tuple[Path, Record]:
    """The cell's record of an earlier run if that succeeded, else of a run now.

    Args:
        cell: what to evaluate.
        samples: of its dataset, loaded.
        out: folder of all records.
        device: as on the command line; looked at only if there is something to run.
        force: run again although recorded.
        quiet: without progress on stderr.

    Returns:
        The cell's folder, with report, and its record.

    Raises:
        InputError: as ``run`` and ``pick_device``, or an unreadable record.
    """
    folder = records.folder(out, spec_of(cell, samples))
    record = None if force else records.load(folder)
    if record is None or record["status"] != "ok":  # what failed may work now
        return folder, run(cell, samples, folder, pick_device(device), quiet)
    if not quiet:
        typer.echo(f"answered from the record of an earlier run: {folder}", err=True)
    if not all((folder / name).exists() for name in REPORT):  # interrupted after the record
        write_report(folder, record)
    return folder, record


def run(cell: Cell, samples: Samples, folder: Path, device: str, quiet: bool = False) -> Record:
    """Evaluate a cell, with progress on stderr; write its record, observations and report.

    Args:
        cell: what to evaluate.
        samples: of its dataset, loaded.
        folder: where its files go.
        device: torch device name.
        quiet: without progress.

    Returns:
        The record as written.

    Raises:
        InputError: the dataset does not fit the protocol, the target or the scheme.
    """
    with nullcontext(_silent) if quiet else progress() as note:
        found = observe(cell, samples, device, note)
        note("metrics", 1.0)
        record, observations = summarise(cell, samples, found, device)
        note("report", 1.0)
        records.save(folder, record, observations)
        write_report(folder, record)
    return record


def _silent(text: str, fraction: float) -> None:
    """Progress that nobody looks at."""


def write_report(folder: Path, record: Record) -> None:
    """Draw the page and the picture of a cell on record, from its raw observations."""
    from fowh.report import html, plots

    observations = records.load_observations(folder)
    page = html.render(record, observations)
    write_atomically(folder / "report.html", lambda file: file.write_text(page, encoding="utf-8"))
    picture = plots.summary(record, observations)
    write_atomically(folder / "summary.png", lambda file: file.write_bytes(picture))


def pick_device(asked: str) -> str:
    """The torch device asked for; "auto" is a CUDA device where there is one.

    Raises:
        InputError: there is no such device.
    """
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=asked)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"--device {asked}: {reason}; try --device cpu") from error
    return asked
