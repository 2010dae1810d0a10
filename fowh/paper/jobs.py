"""The cells of the published experiment: a job each, run in parallel processes, on record."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from fowh.cells import make_cell
from fowh.core.dataset import Samples, read
from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.core.target import Progress, quiet
from fowh.core.threat import Threat
from fowh.core.told import note as warned
from fowh.engine.cell import Cell, spec_of
from fowh.engine.plan import make_plan
from fowh.kit.parallel import end_with_parent, spare_the_cores, unsignalled
from fowh.kit.parts import within
from fowh.paper import experiment
from fowh.paper.experiment import HEADS, NAMING, RUNS, SCHEMES, TABLES, UNPROTECTED
from fowh.paper.heard import Ears, listen, teller
from fowh.records import store
from fowh.run import answer_or_run, pick_device

Say = Callable[[str], None]
LEAKS = tuple(HEADS.values())
TRAINING = 0.1  # fraction of all work that goes into targets, as far as progress is concerned


@dataclass(frozen=True)
class Job:
    """One cell of the experiment in words, so that a worker process can build it.

    Attributes:
        dataset, protocol, scheme: as on the command line.
        target: likewise, without schedule and seed.
        leak: templates (of the paper's f_E) or outputs (of its f_C).
        schedule: of the target's versions.
        samples: of the attacker.
        draw: seed of the target, which also decides who is attacked.
        seed: of the run.
        part: whose attacks: those of the paper's tables ("published"), or of a table of ours.
    """

    dataset: str
    target: str
    protocol: str
    leak: str
    scheme: str
    schedule: str
    samples: int
    draw: int
    seed: int
    part: str

    def cell(self) -> Cell:
        """The cell itself; its keys are shared, so that slots hold the templates themselves.

        Raises:
            InputError: as ``cells.make_cell``.
        """
        joint = "," if ":" in self.target else ":"
        return make_cell(
            scheme=self.scheme,
            dataset=self.dataset,
            target=f"{self.target}{joint}schedule={self.schedule},seed={self.draw}",
            attacks=[
                experiment.as_run(attack, self.leak)
                for attack in experiment.attacks_of(self.schedule, self.leak, self.part)
            ],
            leak=self.leak,
            protocol=self.protocol,
            threat=Threat(keys="shared", samples=self.samples, versions="all"),
            seed=self.seed,
        )


def make_jobs(
    table: str,
    dataset: str,
    target: str,
    protocol: str,
    sizes: tuple[int, ...],
    seeds: int,
    leaks: tuple[str, ...] = LEAKS,
) -> list[Job]:
    """All cells of a table, in the order in which they are run: run by run.

    ``seeds`` counts runs, each a pair of ``experiment.RUNS``.
    """
    leaks = leaks if table in NAMING else LEAKS[:1]
    schedules = list(dict.fromkeys(entry.schedule for entry in TABLES[table]))
    part = experiment.part_of(table)
    return [
        Job(dataset, target, protocol, leak, scheme, schedule, size, draw, seed, part)
        for size in sizes
        for draw, seed in RUNS[:seeds]
        for leak in leaks
        for scheme in (SCHEMES if table == "protected" else (UNPROTECTED[leak],))
        for schedule in schedules
    ]


def samples_of(todo: list[Job], note: Progress = quiet) -> dict[str, Samples]:
    """The samples of these cells' datasets, by name."""
    names = dict.fromkeys(job.dataset for job in todo)
    made = {}
    for number, name in enumerate(names):
        note(f"loading {name}", number / len(names))
        done = number / len(names)
        made[name] = read(load("dataset", name), note, done)
    return made


def check(todo: list[Job], samples: dict[str, Samples]) -> None:
    """Refuse what no worker could do, before one starts.

    Args:
        todo: the cells.
        samples: of their datasets, by name.

    Raises:
        InputError: a cell that cannot be, or a dataset that its protocol cannot split.
    """
    for job in todo:
        mine = samples[job.dataset]
        cell = job.cell().on(mine)
        closed = cell.leak.closed_set
        cell.protocol.lessons(mine, cell.target, closed)
        cell.protocol.folds(mine, cell.target, closed, cell.threat, cell.seed)


def folders(todo: list[Job], out: Path) -> dict[Job, Path]:
    """Where the records of these cells are, without running anything."""
    samples = samples_of(todo)
    return {job: store.folder(out, spec_of(job.cell(), samples[job.dataset])) for job in todo}


def run_all(
    todo: list[Job], out: Path, device: str, workers: int, say: Say, note: Progress = quiet
) -> dict[Job, Path]:
    """Run every cell that is not on record, in parallel processes.

    Each has one thread, beside those of a training; on several GPUs cells take them in turn.
    Several cells share a target: the targets are trained first, so that no two train the same.

    Args:
        todo: the cells.
        out: folder of all records.
        device: as ``run.pick_device`` gives it; "cuda" means every GPU.
        workers: number of processes.
        say: is told what is done.
        note: is told what is going on, and the fraction of the whole that is done.

    Returns:
        The folder of each cell's record, in the order of ``todo``.

    Raises:
        InputError: as ``run.answer_or_run``; records of finished cells stay.
    """
    workers = min(workers, max(1, len(todo)))
    if workers < 1:
        raise InputError(f"--jobs {workers}: expected at least 1")
    places = _places(device)
    firsts = {(job.leak, job.schedule, job.draw): job for job in todo}
    stages: list[tuple[str, Callable[..., Path], list[Job]]] = [
        ("target", _train, list(firsts.values())),
        ("cell", _run, todo),
    ]
    found: dict[Job, Path] = {}
    ears = Ears()
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _start, (ears.told,))
    try:
        for what, work, parts in stages:
            ends = (0.0, TRAINING) if what == "target" else (TRAINING, 1.0)
            with unsignalled():
                tasks = {
                    pool.submit(work, number, part, out, places[number % len(places)]): part
                    for number, part in enumerate(parts)
                }
            for done, task in enumerate(ears.completed(tasks, within(note, *ends), what), 1):
                job = tasks[task]
                try:
                    found[job] = task.result()
                except BrokenProcessPool as error:
                    raise InputError(
                        f"a process of --jobs {workers} was killed, probably for lack of memory; "
                        "run again with fewer: finished cells are kept"
                    ) from error
                words = f"{job.leak} {job.scheme} {job.schedule}, target {job.draw}"
                more = f", {job.samples} samples, seed {job.seed}" if what == "cell" else ""
                say(f"{what} {done} of {len(parts)}: {words}{more}")
    except Exception:
        pool.shutdown(cancel_futures=True)  # those that have begun are finished, and kept
        raise
    except BaseException:  # told to end: at once
        for process in list(pool._processes.values()):
            process.kill()
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()
    return {job: found[job] for job in todo}


def _places(device: str) -> list[str]:
    """The devices that cells take in turn: each GPU where "cuda" means all of them."""
    if device != "cuda":
        return [device]
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def _start(told: Any) -> None:
    """In a worker: one thread, however many there are, so that their number alters no record.

    Beside others, two threads on small layers cost more than they give. A training has its own.
    """
    end_with_parent()
    listen(told)
    spare_the_cores()
    warnings.showwarning = warned
    for library in ("OMP", "OPENBLAS"):  # of what is loaded later
        os.environ[f"{library}_NUM_THREADS"] = "1"
    import faiss
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    faiss.omp_set_num_threads(1)
    threadpool_limits(1)  # NumPy's own, and whatever else is loaded by now


def _train(number: int, job: Job, out: Path, device: str) -> Path:
    """Leave the job's target in the cache, and what it says of the dataset."""
    cell = job.cell()
    samples = cell.dataset.load()
    make_plan(cell.on(samples), samples, pick_device(device), teller(number))
    return out


def _run(number: int, job: Job, out: Path, device: str) -> Path:
    cell = job.cell()
    return answer_or_run(cell, cell.dataset.load(), out, device, False, teller(number)).folder
