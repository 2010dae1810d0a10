"""A cell's run as the command line does it: observe, summarise, save, draw."""

from __future__ import annotations

from pathlib import Path

from fowh import records
from fowh.cache import write_atomically
from fowh.dataset import Samples
from fowh.errors import InputError
from fowh.evaluate import Cell, observe
from fowh.progress import progress
from fowh.records import Record
from fowh.summarise import summarise


def run(cell: Cell, samples: Samples, folder: Path, device: str) -> Record:
    """Evaluate a cell, with progress on stderr; write its record, observations and report.

    Args:
        cell: what to evaluate.
        samples: of its dataset, loaded.
        folder: where its files go.
        device: torch device name.

    Returns:
        The record as written.

    Raises:
        InputError: the dataset does not fit the protocol, the target or the scheme.
    """
    with progress() as note:
        found = observe(cell, samples, device, note)
        note("metrics", 1.0)
        record, observations = summarise(cell, samples, found, device)
        note("report", 1.0)
        records.save(folder, record, observations)
        write_report(folder, record)
    return record


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
