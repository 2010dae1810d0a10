"""Run the published experiment: its cells, one record each, and the tables read off the records."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.engine.cell import Cell, Threat, label, spec_of
from fowh.metrics.intervals import Value
from fowh.metrics.seeds import crossed
from fowh.paper import experiment as experiments
from fowh.paper.experiment import HEADS, SCHEMES, SINGLE, TABLES, Row, rows_of
from fowh.protocols.standard import stream
from fowh.records import store as records

METRICS = ("type1", "rank1", "accuracy")


@dataclass(frozen=True)
class Plan:
    """One cell of the experiment in words, so that a worker process can build it.

    Attributes:
        dataset, target: as on the command line, without head and schedule.
        scheme: name; raw is the unprotected database.
        head, schedule: of the target.
        samples: of the attacker.
        seed: of the run.
        protected: whether the attacks are those of the table of protected templates.
    """

    dataset: str
    target: str
    scheme: str
    head: str
    schedule: str
    samples: int
    seed: int
    protected: bool

    def cell(self) -> Cell:
        """The cell itself; its keys are shared, so that slots hold the templates themselves."""
        joint = "," if ":" in self.target else ":"
        target = f"{self.target}{joint}head={self.head},schedule={self.schedule}"
        wanted = experiments.attacks_of(self.schedule, self.head, self.protected)
        return Cell(
            load("dataset", self.dataset),
            load("target", target),
            load("scheme", self.scheme),
            tuple(load("attack", text) for text in wanted),
            Threat(keys="shared", samples=self.samples, versions="all"),
            self.seed,
        )


def plans(
    table: str,
    dataset: str,
    target: str,
    sizes: tuple[int, ...],
    seeds: int,
    heads: tuple[str, ...] = HEADS,
) -> list[Plan]:
    """All cells of a table, in the order in which they are run: seed by seed."""
    heads = heads if table in ("table1", "table2") else HEADS[:1]
    schedules = list(dict.fromkeys(row.schedule for row in TABLES[table]))
    schemes = SCHEMES if table == "protected" else ("raw",)
    return [
        Plan(dataset, target, scheme, head, schedule, size, seed, table == "protected")
        for size in sizes
        for seed in range(seeds)
        for scheme in schemes
        for head in heads
        for schedule in schedules
    ]


def run_all(
    todo: list[Plan], out: Path, device: str, jobs: int, say: Callable[[str], None]
) -> dict[Plan, Path]:
    """Run every cell that is not on record, in parallel processes.

    On a CPU each has one thread; on several GPUs cells take them in turn. Several cells share a
    target: the targets are trained first, so that no two train the same.

    Returns:
        The folder of each cell's record.

    Raises:
        InputError: as ``run.run``; records of finished cells stay.
    """
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: expected at least 1")
    places = _places(device)
    firsts = {(p.head, p.schedule): p for p in todo}
    stages: list[tuple[str, Callable[..., Path], list[Plan]]] = [
        ("target", _train, list(firsts.values())),
        ("cell", _run, todo),
    ]
    found: dict[Plan, Path] = {}
    with ProcessPoolExecutor(jobs, get_context("spawn"), _one_thread, (jobs > 1,)) as pool:
        for what, work, parts in stages:
            tasks = {
                pool.submit(work, part, out, places[number % len(places)]): part
                for number, part in enumerate(parts)
            }
            for done, task in enumerate(as_completed(tasks), 1):
                plan = tasks[task]
                try:
                    found[plan] = task.result()
                except BrokenProcessPool as error:
                    raise InputError(
                        f"a process of --jobs {jobs} was killed, probably for lack of memory; "
                        "run again with fewer: finished cells are kept"
                    ) from error
                except BaseException:
                    pool.shutdown(cancel_futures=True)
                    raise
                words = f"{plan.scheme} {plan.head} {plan.schedule}"
                more = f" {plan.samples} samples, seed {plan.seed}" if what == "cell" else ""
                say(f"{what} {done} of {len(parts)}: {words}{more}")
    return {plan: found[plan] for plan in todo}


def _places(device: str) -> list[str]:
    """The devices that cells take in turn: each GPU where "cuda" means all of them."""
    if device != "cuda":
        return [device]
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def _one_thread(alone: bool) -> None:
    """In a worker: two threads on small layers cost more than they give."""
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    if alone:
        import faiss
        import torch

        torch.set_num_threads(1)
        faiss.omp_set_num_threads(1)


def _train(plan: Plan, out: Path, device: str) -> Path:
    from fowh.engine.plan import make_plan
    from fowh.run import pick_device

    cell = plan.cell()
    samples = cell.dataset.load()
    threat = cell.threat
    device = pick_device(device)
    make_plan(cell.dataset, samples, cell.target, threat.samples, 0, device, lambda *_: None)
    return out


def _run(plan: Plan, out: Path, device: str) -> Path:
    from fowh.run import answer_or_run

    cell = plan.cell()
    return answer_or_run(cell, cell.dataset.load(), out, device, False, quiet=True)[0]


@dataclass(frozen=True)
class Line:
    """One line of a table as measured.

    Attributes:
        row: what it is.
        samples: of the attacker.
        scheme: of the cell.
        values: metric -> value over seeds and subjects; empty where not measured.
        versus_single: paired difference in Rank-1 (accuracy for classifiers) by head.
        runs: runs behind the values, the fewest of all heads.
        of: runs of these cells; more than ``runs`` where an attack failed or cannot run.
    """

    row: Row
    samples: int
    scheme: str
    values: dict[str, Value]
    versus_single: dict[str, Value]
    runs: int
    of: int


def lines(table: str, found: dict[Plan, Path]) -> list[Line]:
    """Read a table off the records of its cells."""
    blind = tuple(Row(name, name, control=True) for name in experiments.BLIND)
    made = []
    for samples in sorted({plan.samples for plan in found}):
        for scheme in dict.fromkeys(plan.scheme for plan in found):
            mine = {p: f for p, f in found.items() if (p.samples, p.scheme) == (samples, scheme)}
            loaded = {p: records.load_observations(f) for p, f in mine.items()}
            made += [_line(row, samples, scheme, loaded) for row in (*rows_of(table), *blind)]
    return made


def _line(row: Row, samples: int, scheme: str, loaded: dict[Plan, Any]) -> Line:
    values: dict[str, Value] = {}
    gains: dict[str, Value] = {}
    fewest, of = 10**9, 0
    for head in HEADS:
        cells = [a for p, a in loaded.items() if (p.head, p.schedule) == (head, row.schedule)]
        for metric in ("accuracy",) if head == "classifier" else ("type1", "rank1"):
            of = max(of, len(cells))
            runs = [part for part in (_column(a, row.attack, metric) for a in cells) if part]
            fewest = min(fewest, len(runs)) if cells else fewest
            if not runs:
                continue
            rng = stream(0, "table", row.name, head, metric)
            values[metric] = crossed([c for c, _ in runs], [s for _, s in runs], rng)
            both = [(_column(a, row.attack, metric), _column(a, SINGLE, metric)) for a in cells]
            pairs = [(mine, base) for mine, base in both if mine and base]  # of one run each
            if metric != "type1" and pairs and row.attack != SINGLE:
                gain = [mine[0] - base[0] for mine, base in pairs]
                gains[head] = crossed(gain, [m[1] for m, _ in pairs], rng, limits=(-1.0, 1.0))
    return Line(row, samples, scheme, values, gains, fewest if of else 0, of)


def _column(
    arrays: Any, attack: str, metric: str
) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    """Per-template success of an attack or a blind control, and whose each template is."""
    section = "control" if attack in experiments.BLIND else "attack"
    head = f"{section}.{label(load('attack', attack))}."
    if f"{head}rank1" not in arrays:
        return None
    whose = arrays[f"{head}subject"]
    if metric == "type1":
        success = arrays[f"{head}distance"] <= arrays["t_embedding.1e-2"]
    else:
        success = arrays[f"{head}{'correct' if metric == 'accuracy' else 'rank1'}"]
    return success.astype(np.float64), whose


def alignment_effect(found: dict[Plan, Path], samples: int) -> Value | None:
    """SRwAL minus SR, both tested with the final version, paired by template: Rank-1 of f_E."""
    gains, subjects = [], []
    for plan, folder in found.items():
        if (plan.head, plan.schedule, plan.samples) != ("extractor", "upslope", samples):
            continue
        arrays = records.load_observations(folder)
        pair = [_column(arrays, f"gan:incorporate={name}", "rank1") for name in ("srwal", "sr")]
        if pair[0] is not None and pair[1] is not None:
            gains.append(pair[0][0] - pair[1][0])
            subjects.append(pair[0][1])
    if not gains:
        return None
    return crossed(gains, subjects, stream(0, "alignment effect"), limits=(-1.0, 1.0))


def folders(todo: list[Plan], out: Path) -> dict[Plan, Path]:
    """Where the records of these cells are, without running anything."""
    samples = {plan.dataset: load("dataset", plan.dataset).load() for plan in todo}
    return {p: records.folder(out, spec_of(p.cell(), samples[p.dataset])) for p in todo}
