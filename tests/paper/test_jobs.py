"""The published experiment as data, and its cells: which there are, and how they are run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.engine.cell import row_name
from fowh.metrics import BY_NAME
from fowh.paper import jobs as running
from fowh.paper.experiment import (
    FAMILIES,
    HEADS,
    LONGER,
    MEASURED,
    PROTOCOLS,
    SCHEMES,
    SHARED,
    TABLES,
    UNPROTECTED,
    USUAL_PROTOCOL,
    as_run,
    attacks_of,
    part_of,
)
from fowh.paper.jobs import Job, run_all
from fowh.records import store
from tests.paper.common import FEWER, IRIS, NET, InProcess, jobs_of


def quiet(text: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(
    ("table", "cells", "kinds"),
    [
        ("table1", 2 * 3, {("templates", "raw"), ("outputs", "full_scores")}),
        ("table2", 2, {("templates", "raw"), ("outputs", "full_scores")}),
        ("section6.3", 1, {("templates", "raw")}),
        ("protected", 4, {("templates", scheme) for scheme in SCHEMES}),
        ("slots", 2, {("templates", "raw"), ("outputs", "full_scores")}),
        ("dropout", 2, {("templates", "raw"), ("outputs", "full_scores")}),
        ("alignment", 2, {("templates", "raw"), ("outputs", "full_scores")}),
    ],
)
def test_cells_of_each_table(table: str, cells: int, kinds: set[tuple[str, str]]) -> None:
    made = jobs_of(table, (500, 2000), seeds=3)
    assert len(made) == len(set(made)) == cells * 2 * 3
    assert {job.samples for job in made} == {500, 2000}
    assert [job.seed for job in made] == sorted([0, 1, 2] * cells) * 2  # seed by seed
    assert {(job.leak, job.scheme) for job in made} == kinds
    assert [job.draw for job in made] == [job.seed for job in made]
    assert {job.part for job in made} == {"published" if table in SHARED else table}


def test_runs_are_balanced_and_nine_are_all_pairs() -> None:
    made = jobs_of("section6.3", seeds=9)
    pairs = [(job.draw, job.seed) for job in made]
    assert sorted(pairs) == [(draw, seed) for draw in range(3) for seed in range(3)]
    for count in (3, 6, 9):
        for side in (0, 1):
            assert [[p[side] for p in pairs[:count]].count(k) for k in range(3)] == [count // 3] * 3
    assert jobs_of("section6.3", seeds=2) == made[:2]


@pytest.mark.parametrize("table", TABLES)
def test_every_entry_is_an_attack_that_its_cell_runs(table: str) -> None:
    entries = TABLES[table]
    assert len({entry.name for entry in entries}) == len(entries)
    for entry in entries:
        load("attack", entry.attack)
        assert entry.attack in attacks_of(entry.schedule, "templates", part_of(table))
        assert entry.control or table not in SHARED or entry.paper
    texts = [(entry.attack, entry.schedule) for entry in entries]
    assert len(set(texts)) == len(texts)


def test_what_the_experiment_names_is_there() -> None:
    for leak in HEADS.values():
        assert load("scheme", UNPROTECTED[leak]).protects == leak
        assert {BY_NAME[metric].role for metric in MEASURED[leak]} == {"success"}
    for scheme in SCHEMES:
        assert load("scheme", scheme).protects == "templates"
    for dataset, protocol in PROTOCOLS.items():
        load("dataset", dataset if dataset == "iris" else f"{dataset}:root=/nowhere")
        assert FAMILIES[protocol] == "iris"
    for protocol in (*FAMILIES, USUAL_PROTOCOL):
        load("protocol", protocol)


def test_tables_share_their_cells() -> None:
    """What table 1 has run on upslope is not run again for table 2."""
    assert set(jobs_of("table2")) <= set(jobs_of("table1"))
    assert set(jobs_of("section6.3")) <= set(jobs_of("table2"))


@pytest.mark.parametrize("target", ["densenet", "densenet:epochs=4"])
def test_a_job_becomes_a_cell(target: str) -> None:
    job = Job(IRIS, target, "afm_iris", "outputs", "top_label", "downslope", 30, 1, 2, "published")
    made = job.cell()
    assert (made.target.schedule, made.target.epochs) == ("downslope", 4 if ":" in target else 8)
    assert made.target.seed == 1
    assert (made.threat.keys, made.threat.samples, made.threat.versions) == ("shared", 30, "all")
    plugins = (made.dataset, made.protocol, made.leak, made.scheme)
    assert [type(each).__name__ for each in plugins] == ["Iris", "AfmIris", "Outputs", "TopLabel"]
    assert made.seed == 2
    given = [row_name(attack) for attack in made.attacks]
    assert given == [
        row_name(load("attack", as_run(t, "outputs")))
        for t in attacks_of("downslope", "outputs", "published")
    ]
    assert len(set(given)) == len(given)


def test_targets_are_trained_once_and_before_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, Job]] = []
    said: list[str] = []

    def train(number: int, job: Job, out: Path, device: str) -> Path:
        calls.append(("target", job))
        return out

    def run(number: int, job: Job, out: Path, device: str) -> Path:
        calls.append(("cell", job))
        return out / str(job.seed)

    monkeypatch.setattr(running, "ProcessPoolExecutor", InProcess)
    monkeypatch.setattr(running, "_train", train)
    monkeypatch.setattr(running, "_run", run)
    todo = jobs_of("table1", seeds=2)
    found = run_all(todo, Path("out"), "cpu", 1, said.append)
    assert [stage for stage, _ in calls] == ["target"] * 12 + ["cell"] * 12
    trained = {(j.leak, j.schedule, j.draw) for stage, j in calls if stage == "target"}
    assert len(trained) == 12
    assert [job for stage, job in calls if stage == "cell"] == todo
    assert found == {job: Path("out") / str(job.seed) for job in todo}
    assert len(said) == 24
    assert said[11].startswith("target 12 of 12: ")
    assert said[-1].startswith("cell 12 of 12: ")
    for words in ("outputs full_scores downslope", "templates raw update"):
        assert sum(text.endswith(f": {words}, target 1, 500 samples, seed 1") for text in said) == 1


def test_an_error_of_one_cell_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(number: int, job: Job, out: Path, device: str) -> Path:
        raise InputError("the dataset is too small")

    monkeypatch.setattr(running, "ProcessPoolExecutor", InProcess)
    monkeypatch.setattr(running, "_train", fail)
    with pytest.raises(InputError, match="too small"):
        run_all(jobs_of("table2"), Path("out"), "cpu", 1, quiet)
    with pytest.raises(InputError, match="--jobs 0"):
        run_all([], Path("out"), "cpu", 0, quiet)


BEGUN = """
import json, os, sys, warnings
from fowh.paper.jobs import _start
_start(None)
import numpy, scipy.linalg, sklearn
from threadpoolctl import threadpool_info
warnings.warn("said in\\nseveral lines")
print(json.dumps({each["filepath"]: each["num_threads"] for each in threadpool_info()}))
"""


def test_a_worker_has_one_thread_of_everything_and_one_line_for_a_warning() -> None:
    """Of what it loads before it starts, and of what comes later."""
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    env |= {"OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", BEGUN], env=env, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert len(found) > 2 and {*found.values()} == {1}, found
    assert done.stderr == "note: said in several lines\n"


@pytest.mark.slow
def test_real_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells cross a process boundary, each with all attacks; their trainings are short."""
    (tmp_path / "sitecustomize.py").write_text(FEWER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    job = Job(IRIS, NET, "afm_iris", "templates", "raw", "update", 30, 0, 0, "published")
    found = run_all([job], tmp_path, "cpu", 1, quiet)
    assert list(found) == [job]
    record = store.load(found[job])
    assert record is not None
    assert record["status"] == "ok"


def test_what_leaks_answers_is_learned_for_longer() -> None:
    """Its held-out error says that twice as many updates are needed; of templates it does not."""
    assert as_run("gan", "outputs") == f"gan:steps={LONGER['outputs']}"
    assert as_run("gan:incorporate=sr", "outputs").startswith("gan:incorporate=sr,steps=")
    for attack in ("gan", "gan:incorporate=sr", "dictionary"):
        assert as_run(attack, "templates") == attack
    assert as_run("dictionary", "outputs") == "dictionary"
