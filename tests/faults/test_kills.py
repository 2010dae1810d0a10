"""The kill driver: however and whenever a run is ended, nothing is lost, wrong or left over.

The default run ends quick parts of runs at steps on the disk; ``--run-slow`` ends whole commands at
more of them, and at any time: some 210 ends in all. ``FOWH_THOROUGH=1`` ends each at every step.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fowh.core import files
from tests.faults.forking import Ended, Forks
from tests.paper.common import FEWER

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}
WORLD = "gaussian:subjects=6,readings=2,dim=8,within=0.3"
EVALUATE = ["evaluate", "--scheme", "lsh:bits=16", "--dataset", WORLD, "--attack", "preimage"]
GAN = ["evaluate", "--scheme", "raw", "--dataset", "iris:people=8,readings=3,side=32"]
GAN += ["--target", "densenet:epochs=1,dimension=8,side=32", "--protocol", "afm_iris"]
GAN += ["--attack", "gan:steps=20,batch=4,base=4,perceptual=0"]
COMMANDS = {
    "evaluate": [*EVALUATE, "--out", "r"],
    "sweep": ["sweep", "sweep.toml", "--out", "r"],
    "gan": [*GAN, "--out", "r"],
}
SWEEP = f"""
scheme = ["lsh:bits=16", "raw"]
dataset = "{WORLD}"
attacks = ["preimage", "mlp:steps=20"]
"""
QUICK = {"cache": 2, "train": 4, "record": 36}  # every so-many-th step of each
THOROUGH = "FOWH_THOROUGH" in os.environ


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    made = Forks(tmp_path_factory.mktemp("log"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def targets(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has all that the cell of ``gan`` needs, but for what the attack trains."""
    folder = tmp_path_factory.mktemp("targets")
    blind = [*GAN[:-1], "random_image", "--out", "r"]
    done = forks.run(blind, folder)
    assert done.code == 0, done.err
    return folder / "cache"


def words(what: str, cell: Path) -> list[str]:
    if what in COMMANDS:
        return COMMANDS[what]
    return [f":{what}", str(cell)] if what == "record" else [f":{what}"]


def untimed(record: dict[str, Any]) -> dict[str, Any]:
    """A record without what differs from run to run: seconds and speeds, and their digest."""
    made = {key: record[key] for key in record.keys() - {"stats", "cost", "environment"}}
    made["digests"] = record["digests"]["observations"]
    made["attacks"] = {n: {**a, "seconds": 0} for n, a in record["attacks"].items()}
    return made


def content(folder: Path) -> dict[str, Any]:
    """All that lies in a folder, by name; records without what differs from run to run."""
    found: dict[str, Any] = {}
    for file in sorted(folder.rglob("*")):
        name = str(file.relative_to(folder))
        if file.name == "record.json":
            found[name] = untimed(json.loads(file.read_text()))
        elif file.suffix == ".npz":
            with np.load(file) as stored:
                arrays = {key: stored[key] for key in stored.files}
            found[name] = {k: (a.dtype, a.shape, a.tobytes()) for k, a in arrays.items()}
        elif file.is_file() and file.suffix != ".lock":  # empty, and taken over by the next
            found[name] = file.suffix  # pages name seconds
    return found


def one_line(ended: Ended, number: signal.Signals) -> None:
    """It ended as that signal ends a run, with one line that says so."""
    assert ended.code == CODES[number], ended.err
    assert ended.left == 0
    said = [line for line in ended.err.splitlines() if "fowh:" in line or "Traceback" in line]
    expected = [] if number == signal.SIGKILL else [f"fowh: ended by {number.name};"]
    assert [line.partition(" what")[0] for line in said] == expected, ended.err


def kill_and_finish(
    forks: Forks, work: list[str], folder: Path, whole: dict[str, Any], how: dict[str, Any]
) -> bool:
    """End work, do it again, and compare with what it leaves when nobody ends it.

    Returns:
        Whether it was ended: what is ended after a while may be done by then.
    """
    ended = forks.run(work, folder, **how)
    assert ended.code != 0 or how.get("after") is not None, "nobody ended it"
    if ended.code:
        one_line(ended, how["number"])
    for file in folder.rglob("record.json"):
        json.loads(file.read_text())  # whole, or not there
    again = forks.run(work, folder)
    assert again.code == 0, again.err
    assert "is damaged" not in again.err
    assert content(folder) == whole
    assert not list(folder.rglob(f".*{files.PARTIAL}"))
    return ended.code != 0


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("what", QUICK)
def test_what_was_ended_at_a_step_on_the_disk_is_finished_by_the_same_command(
    what: str, number: signal.Signals, forks: Forks, cell: Path, tmp_path: Path
) -> None:
    work = words(what, cell)
    (tmp_path / "whole").mkdir()
    done = forks.run(work, tmp_path / "whole")
    assert done.code == 0 and done.changes >= 5, done.err
    whole = content(tmp_path / "whole")
    step = QUICK[what]  # the three signals take turns
    for at in range(SIGNALS.index(number) * step // len(SIGNALS), done.changes, step):
        folder = tmp_path / str(at)
        folder.mkdir()
        kill_and_finish(forks, work, folder, whole, {"number": number, "at": at})


def test_an_attack_that_is_ended_amid_its_training_goes_on_from_there(
    forks: Forks, targets: Path, tmp_path: Path
) -> None:
    """By each signal in turn, a few checkpoints further each time; the record is the same."""
    for name in ("whole", "ended"):
        shutil.copytree(targets, tmp_path / name / "cache")
    work, training = COMMANDS["gan"], "cache/training"
    done = forks.run(work, tmp_path / "whole", below=training)
    assert done.code == 0, done.err
    step = done.changes // 5
    seen = []
    for number in SIGNALS:
        ended = forks.run(work, tmp_path / "ended", number, at=step, below=training)
        one_line(ended, number)
        assert not list((tmp_path / "ended").rglob("record.json"))
        (file,) = (tmp_path / "ended" / training).glob("*.npz")
        seen.append(file.read_bytes())
    assert len({*seen}) == len(SIGNALS)
    last = forks.run(work, tmp_path / "ended", below=training)
    assert last.code == 0 and "is damaged" not in last.err, last.err
    assert last.changes < done.changes - 2 * step  # it did not begin again
    assert content(tmp_path / "ended") == content(tmp_path / "whole")


@pytest.mark.parametrize(("grace", "again"), [(0.5, False), (600, True)])
def test_a_second_signal_or_a_stubborn_library_does_not_keep_a_run_alive(
    grace: float, again: bool
) -> None:
    """What a handler raises never arrives in the main thread: a while, or until told again."""
    code = f"""
import signal, time
from fowh.cli import _ending
_ending.GRACE = {grace}
with _ending.interruptible():
    signal.signal(signal.SIGTERM, lambda *given: None)
    print("ready", flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    if again:
        time.sleep(0.5)
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 143
    assert said.count("\n") == 1 and said.startswith("fowh: ended by SIGTERM;")


def _alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _gone(numbers: set[int], seconds: float = 30) -> bool:
    """Whether all of these processes end within that time."""
    until = time.monotonic() + seconds
    while any(map(_alive, numbers)) and time.monotonic() < until:
        time.sleep(0.1)
    left = {number for number in numbers if _alive(number)}
    for number in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    return not left


def _below(number: int) -> set[int]:
    """All processes that a process started, however indirectly."""
    found: set[int] = set()
    todo = [number]
    while todo:
        for task in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            fresh = {*map(int, task.read_text().split())} - found
            found |= fresh
            todo += fresh
    return found


THEIRS = """
import time
from dataclasses import dataclass
import fowh

@dataclass(frozen=True)
class Endless(fowh.Attack):
    yields = "embeddings"
    def run(self, view, rng):
        print("endless", flush=True)
        while True:
            pass
"""
APART = """
import sys
from fowh.cli import main
main()
"""
WORKERS = """
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from fowh.cli._ending import interruptible
from fowh.kit.parallel import end_with_parent, unsignalled
if __name__ == "__main__":
    with interruptible():
        pool = ProcessPoolExecutor(2, get_context("spawn"), end_with_parent)
        with unsignalled():
            tasks = [pool.submit(time.sleep, 600) for _ in range(2)]
        print("ready", flush=True)
        tasks[0].result()
"""


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    (tmp_path / "begin.py").write_text(WORKERS)
    process = subprocess.Popen(
        [sys.executable, str(tmp_path / "begin.py")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    until = time.monotonic() + 60
    while len(mine := _below(process.pid)) < 3 and time.monotonic() < until:
        time.sleep(0.1)  # two workers, and what keeps track of semaphores
    assert len(mine) == 3
    process.kill()
    process.wait(timeout=30)
    assert _gone(mine)


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS[:2], ids=lambda number: number.name)
def test_a_plug_in_s_process_ends_with_the_testbed_even_amid_its_work(
    number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "theirs.py").write_text(THEIRS)
    given = [*EVALUATE, "--attack", "theirs:Endless", "--out", str(tmp_path / "r")]
    process = subprocess.Popen(
        [sys.executable, "-c", APART, *given],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *filter(None, sys.path)])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said = []
    while not any("endless" in line for line in said):
        said.append(process.stderr.readline())
        assert said[-1], said
    mine = _below(process.pid)
    assert len(mine) >= 2  # the nursery and the plug-in's
    process.send_signal(number)
    left = process.stderr.read().splitlines()
    assert process.wait(timeout=60) == (-9 if number == signal.SIGKILL else 143)
    assert _gone(mine)
    assert [line for line in left if "Traceback" in line or "Error" in line] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("what", [*QUICK, *COMMANDS])
def test_work_may_end_at_any_step(
    what: str, number: signal.Signals, forks: Forks, cell: Path, targets: Path, tmp_path: Path
) -> None:
    def begin(name: str) -> Path:
        (tmp_path / name).mkdir()
        (tmp_path / name / "sweep.toml").write_text(SWEEP)
        if what == "gan":
            shutil.copytree(targets, tmp_path / name / "cache")
        return tmp_path / name

    work = words(what, cell)
    done = forks.run(work, begin("whole"))
    assert done.code == 0, done.err
    whole = content(tmp_path / "whole")
    step = 1
    if what in COMMANDS:  # they take long: every step is some signal's
        step = len(SIGNALS)
    if not THOROUGH:  # seven of each, the three signals in turn
        step = max(step, done.changes // 7)
    steps = range(SIGNALS.index(number) * step // len(SIGNALS), done.changes, step)
    assert len(steps) >= 6 or step == 1
    for at in steps:
        how = {"number": number, "at": at}
        kill_and_finish(forks, work, begin(str(at)), whole, how)
        shutil.rmtree(tmp_path / str(at))


@pytest.mark.slow
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_whole_command_may_end_at_any_time(
    number: signal.Signals, forks: Forks, tmp_path: Path
) -> None:
    work = [*EVALUATE, "--attack", "mlp:steps=50", "--out", "r"]
    took = 0.0
    for name in ("first", "whole"):  # the first one may be slower than all others
        (tmp_path / name).mkdir()
        started = time.monotonic()
        assert forks.run(work, tmp_path / name).code == 0
        took = time.monotonic() - started
    whole = content(tmp_path / "whole")
    ended, times = 0, 20 if THOROUGH else 6
    for at, part in enumerate(np.random.default_rng(number).uniform(0.02, 0.6, times)):
        (tmp_path / str(at)).mkdir()
        how = {"number": number, "after": part * took}
        ended += kill_and_finish(forks, work, tmp_path / str(at), whole, how)
    assert ended >= times // 2


@pytest.mark.slow
def test_reproduce_may_end_at_any_time(tmp_path: Path) -> None:
    """With its workers; the cells that were finished answer, and the rest are as if nothing was.

    Trainings are short in every process: what reads ``sitecustomize`` are the workers too.
    """
    (tmp_path / "sitecustomize.py").write_text(FEWER)
    place = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    given = ["reproduce", "table2", "--dataset", "iris:people=16,readings=6,side=32"]
    given += ["--target", "densenet:epochs=2,dimension=16,side=32", "--samples", "30"]
    given += ["--seeds", "1", "--head", "extractor", "--jobs", "2", "--out", "r"]

    def run(folder: Path, number: int = 0, after: float = 0.0) -> tuple[int, str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "fowh.cli", *given],
            cwd=folder,
            env={**os.environ, "FOWH_CACHE_DIR": str(folder / "cache"), "PYTHONPATH": place},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        mine: set[int] = set()
        if after:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=after)
            mine = _below(process.pid)
            process.send_signal(number)
        _, said = process.communicate()
        assert _gone(mine)
        return process.returncode, said

    (tmp_path / "whole").mkdir()
    started = time.monotonic()
    code, said = run(tmp_path / "whole")
    assert code == 0, said
    took = time.monotonic() - started
    records = content(tmp_path / "whole" / "r")
    rounds = [zip(SIGNALS, (0.2, 0.35, 0.5), strict=True)]  # each goes on from the one before
    if THOROUGH:
        rounds += [zip([number] * 4, (0.2, 0.35, 0.5, 0.65), strict=True) for number in SIGNALS]
    for at, ends in enumerate(rounds):
        folder, ended = tmp_path / str(at), 0
        folder.mkdir()
        for number, part in ends:
            code, said = run(folder, number, part * took)
            ended += code != 0
            assert code in (0, CODES[number]) and "Traceback" not in said, said
        assert ended >= 2
        assert run(folder)[0] == 0
        assert content(folder / "r") == records
        assert not list(folder.rglob(f".*{files.PARTIAL}"))
