"""Reproduce a table of the published experiment: its cells run, its lines, as text and picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fowh.core.errors import InputError
from fowh.core.files import write_atomically
from fowh.core.registry import load, split
from fowh.core.target import Progress, quiet
from fowh.paper import kept, layout
from fowh.paper.experiment import (
    FAMILIES,
    FULL_SEEDS,
    HEADS,
    PROTOCOLS,
    RUNS,
    SEEDS,
    SIZES,
    TABLES,
    USUAL_PROTOCOL,
)
from fowh.paper.jobs import Job, Say, check, make_jobs, run_all, samples_of
from fowh.paper.kept import Kept
from fowh.paper.tally import TableLine, differences, read_lines, shown_by
from fowh.records import store
from fowh.run import check_writable, pick_device

if TYPE_CHECKING:
    from rich.table import Table

MOST_JOBS = 256  # processes; each holds a network and its pictures


@dataclass(frozen=True, eq=False)
class Reproduced:
    """A table as measured.

    Attributes:
        title: what it is of.
        family: whose numbers of the paper stand beside ours: iris or face.
        lines: its lines.
        remarks: what else was measured, in words.
        cells: the folder of the record of each cell that no kept file answered for.
        files: what was written beside them, by what it is (table; pictures where there are any).
        failed: folders of cells in which an attack failed; they run again next time.
    """

    title: str
    family: str
    lines: list[TableLine]
    remarks: list[str]
    cells: dict[Job, Path]
    files: dict[str, Path]
    failed: list[Path]

    def table(self) -> Table:
        """The table, for rich to print."""
        return layout.rich_table(self.lines, self.family, self.title)


def reproduce_table(
    table: str,
    dataset: str,
    target: str,
    *,
    protocol: str = "",
    full: bool = False,
    samples: int = 0,
    seeds: int = 0,
    head: str = "both",
    jobs: int = 0,
    device: str = "auto",
    out: Path,
    say: Say,
    note: Progress = quiet,
) -> Reproduced:
    """Run what is not on record yet, read the table off the records, and write it beside them.

    A cell for which a file in ``kept.HERE`` answers is not run.

    Args:
        table: one of ``experiment.TABLES``.
        dataset: as on the command line.
        target: likewise, without schedule and seed.
        protocol: afm_iris or afm_face; "" for the one that the dataset is for.
        full: both sizes and all runs.
        samples: instead of the sizes that ``full`` decides; 0: as it decides.
        seeds: runs, each of another seed of target or attacker (``experiment.RUNS``), instead of
            as many as ``full`` decides; 0: as it decides.
        head: extractor, classifier or both; which columns are measured.
        jobs: processes; 0: one per core on a CPU, one per GPU.
        device: as on the command line.
        out: folder of the records; the table goes there too.
        say: is told what is being done.
        note: is told how far that is.

    Raises:
        InputError: unknown table, a target that is not trained here, or as ``run.answer_or_run``.
    """
    usual = PROTOCOLS.get(split(dataset)[0], USUAL_PROTOCOL)
    protocol = protocol or usual
    _check(table, target, protocol, samples, seeds, head, jobs)
    out = check_writable(out)
    device = pick_device(device)
    heads = list(HEADS) if head == "both" else [head]
    sizes = (samples,) if samples else SIZES if full else SIZES[:1]
    runs = seeds or (FULL_SEEDS if full else SEEDS)
    leaks = tuple(HEADS[name] for name in heads)
    todo = make_jobs(table, dataset, target, protocol, sizes, runs, leaks)
    samples_by = samples_of(todo, note)
    check(todo, samples_by)  # bad input is found before anything starts
    known = kept.answers(kept.HERE, todo, samples_by)
    if known:
        commits = ", ".join(sorted({each.commit for each in known.values()}))
        say(f"{len(known)} of {len(todo)} cells are kept in {kept.HERE}, measured at {commits}")
    missing = [job for job in todo if job not in known]
    workers = jobs or _workers(device)
    say(f"{len(missing)} cells in {workers} processes; those on record are not run again")
    cells = run_all(missing, out, device, workers, say, note) if missing else {}
    fresh = {job: kept.of_record(job, samples_by[job.dataset], cells[job]) for job in cells}
    found = {job: known[job] if job in known else fresh[job] for job in todo}
    lines = read_lines(table, found)
    words = [table, split(dataset)[0].rpartition(":")[2], *map(str, sizes)]
    words += heads if len(heads) == 1 else []
    words += [protocol] if protocol != usual else []
    return Reproduced(
        title=f"{table}: {dataset}, {runs} runs, percent",
        family=FAMILIES[protocol],
        lines=lines,
        remarks=_remarks(table, found, sizes),
        cells=cells,
        files=_written(out / "-".join(words), table, lines, FAMILIES[protocol], cells),
        failed=[folder for folder in cells.values() if _failed(folder)],
    )


def _check(
    table: str, target: str, protocol: str, samples: int, seeds: int, head: str, jobs: int
) -> None:
    if table not in TABLES:
        raise InputError(f"unknown table {table!r}: expected one of {', '.join(TABLES)}")
    if protocol not in FAMILIES:
        raise InputError(f"--protocol {protocol}: expected one of {', '.join(FAMILIES)}")
    if min(samples, seeds, jobs) < 0:
        raise InputError(
            f"--samples {samples} --seeds {seeds} --jobs {jobs}: expected numbers of at least 0"
        )
    if jobs > MOST_JOBS:
        raise InputError(f"--jobs {jobs}: expected at most {MOST_JOBS} processes, or 0 for a guess")
    if seeds > len(RUNS):
        raise InputError(
            f"--seeds {seeds}: expected at most {len(RUNS)}, all pairs of three seeds of the "
            "target and three of the attacker"
        )
    if samples == 1:
        raise InputError("--samples 1: expected at least 2 samples, or 0 for the default")
    if head not in (*HEADS, "both"):
        raise InputError(f"--head {head}: expected {', '.join(HEADS)} or both")
    if not hasattr(load("target", target), "schedule"):
        raise InputError(
            f"--target {target} keeps no versions: expected one that is trained here, such as "
            "densenet"
        )


def _workers(device: str) -> int:
    """One process per GPU, or per core."""
    if device == "cuda":
        import torch

        return torch.cuda.device_count()
    return 1 if device.startswith("cuda") else os.cpu_count() or 1


def _remarks(table: str, found: dict[Job, Kept], sizes: tuple[int, ...]) -> list[str]:
    """What the table's rows differ by, for each number of samples."""
    return [
        f"{layout.VERSUS[each.leak]} at {size} samples, {each.contrast.name}: "
        f"{layout.percent(each.value, signed=True)} points, {each.runs} runs: {each.verdict}"
        for size in sizes
        for each in differences(table, {j: k for j, k in found.items() if j.samples == size})
    ]


def _written(
    place: Path, table: str, lines: list[TableLine], family: str, cells: dict[Job, Path]
) -> dict[str, Path]:
    """The files of the table; their names begin with ``place``."""
    text, pictures = Path(f"{place}.md"), Path(f"{place}.png")
    words = layout.markdown(lines, family) + "\n"
    write_atomically(text, lambda file: file.write_text(words, encoding="utf-8"))
    drawn = _picture(table, cells)
    if drawn is None:
        return {"table": text}
    write_atomically(pictures, lambda file: file.write_bytes(drawn))
    return {"table": text, "pictures": pictures}


def _picture(table: str, cells: dict[Job, Path]) -> bytes | None:
    """Pictures of the first cell that holds the table's GANs; None if all failed, or none ran."""
    job = next((job for job in cells if job.schedule == "upslope"), None)
    observed = store.load_observations(cells[job]) if job else {}
    if job is None or "shown.original" not in observed:
        return None
    return layout.grid(observed, shown_by(table, job.leak))


def _failed(folder: Path) -> bool:
    record = store.load(folder)
    return record is not None and record["status"] == "failed"
