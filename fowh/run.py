"""A cell from its spec to its record and page: observe, summarise, save, draw. Prints nothing."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from fowh.core.dataset import Samples
from fowh.core.errors import InputError, printable, reason
from fowh.core.files import lost, write_atomically
from fowh.core.target import Progress, quiet
from fowh.core.texts import path_of
from fowh.engine.cell import Cell, spec_of
from fowh.engine.observe import observe
from fowh.kit.parts import counting, within
from fowh.records import store
from fowh.records.store import Record
from fowh.records.summarise import summarise

MEASURED = 0.85  # fraction of a run, as far as progress is concerned; the rest sums up
REPORT = ("report.html", "summary.png")


@dataclass(frozen=True)
class Done:
    """A cell on record.

    Attributes:
        folder: its files.
        record: as written.
        answered: whether an earlier run's record answered.
    """

    folder: Path
    record: Record
    answered: bool


def check_writable(out: Path) -> Path:
    """Refuse a folder that cannot be written to, without making it: bad input leaves no trace.

    Returns:
        The folder, whatever becomes the working directory; ``~`` is the user's home.

    Raises:
        InputError: the nearest part of the path that exists is no writable folder.
    """
    whole = path_of(str(out), "--out with a folder").absolute()
    nearest = next(path for path in (whole, *whole.parents) if os.path.lexists(path))
    try:
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise InputError(
            f"--out {out}: {nearest} is no writable folder ({error.strerror}); choose another "
            "folder"
        ) from error
    return whole


def answer_or_run(
    cell: Cell, samples: Samples, out: Path, device: str, force: bool, note: Progress
) -> Done:
    """The cell's record of an earlier run if that succeeded, else of a run now.

    Args:
        cell: what to evaluate.
        samples: of its dataset, loaded.
        out: folder of all records.
        device: as on the command line; looked for only if there is something to run.
        force: run again although recorded.
        note: is told what is going on, and which fraction of the run is done.

    Returns:
        The cell on record, its page drawn.

    Raises:
        InputError: as ``run`` and ``pick_device``, or an unreadable record.
    """
    check_device(device)
    spec = spec_of(cell, samples)
    folder = check_writable(store.folder(check_writable(out), spec))  # before hours are spent
    for name in ("observations.npz", *REPORT):
        if (folder / name).is_dir():
            raise InputError(f"{folder / name} is a folder; expected a file or none: remove it")
    record = None if force else store.load(folder, spec)
    if record is None or record["status"] != "ok":  # what failed may work now
        return Done(folder, run(cell, samples, folder, pick_device(device), note), False)
    if not all((folder / name).exists() for name in REPORT):  # interrupted after the record
        write_report(folder, record)
    return Done(folder, record, True)


def run(cell: Cell, samples: Samples, folder: Path, device: str, note: Progress) -> Record:
    """Evaluate a cell; write its record, observations and report.

    Args:
        cell: what to evaluate.
        samples: of its dataset, loaded.
        folder: where its files go.
        device: torch device name.
        note: is told what is going on.

    Returns:
        The record as written.

    Raises:
        InputError: the dataset does not fit the protocol, the target, the leak or the scheme.
    """
    found = observe(cell, samples, device, within(note, 0.0, MEASURED))
    record, observations = summarise(cell, samples, found, device, within(note, MEASURED, 0.98))
    note("report", 0.98)
    store.save(folder, record, observations)
    write_report(folder, record)
    return record


def write_report(folder: Path, record: Record) -> None:
    """Draw the page and the picture of a cell on record, from its raw observations."""
    from fowh.report import html, plots

    observations, shown = store.load_observations(folder), printable(record)
    page = html.render(shown, observations).encode()
    write_atomically(folder / "report.html", lambda file: file.write_bytes(page))
    picture = plots.summary(shown, observations)
    write_atomically(folder / "summary.png", lambda file: file.write_bytes(picture))


def draw_all(out: Path, note: Progress = quiet) -> tuple[list[tuple[Path, Record]], list[str]]:
    """Draw every record below a folder again; one that is bad does not hide the others.

    Args:
        out: the folder.
        note: is told how many are drawn.

    Returns:
        Folders and records that were drawn, for the eye (``printable``); and of each other one a
        line that says what is wrong with it.

    Raises:
        InputError: no folder, or no record below it.
        OSError: nothing more can be written there.
    """
    found: list[tuple[Path, Record]] = []
    folders, bad = store.folders(out)
    if not folders and not bad:
        raise InputError(f"no record below {out}: run `fowh evaluate` first")
    say = counting(note, "drawing records")
    for number, folder in enumerate(folders):
        say(number, len(folders))
        try:
            record = store.load(folder)
            if record is not None:
                write_report(folder, record)
                found.append((folder, printable(record)))
        except InputError as error:
            bad.append(str(error))
        except OSError as error:  # the place's fault and not the record's
            if lost(error):
                raise
            bad.append(
                f"{folder}: cannot be drawn, {error.strerror} ({error.filename}); expected a "
                "folder and files that can be read and written: see to them"
            )
        except Exception as error:  # values that the schema admits and no page can show
            bad.append(f"{folder}: cannot be drawn, {reason(error)}; delete it and run again")
    return found, bad


def check_device(asked: str) -> None:
    """Refuse what is the name of no device, whether or not one is needed.

    Raises:
        InputError: says which names there are.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,3})?|mps", asked):
        raise InputError(f"--device {asked}: expected auto, cpu, mps, cuda or cuda:1, cuda:2 ...")


def pick_device(asked: str) -> str:
    """The torch device asked for; "auto" is a CUDA device where there is one.

    Raises:
        InputError: there is no such device.
    """
    import torch

    check_device(asked)
    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=asked)
    except Exception as error:  # each kind of device has errors of its own
        raise InputError(f"--device {asked}: {reason(error)}; try --device cpu") from error
    return asked
