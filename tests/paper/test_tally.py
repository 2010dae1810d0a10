"""Lines of a table, read off observations that are written here by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fowh.core.cache import Arrays
from fowh.paper import jobs as running
from fowh.paper.experiment import BLIND, SCHEMES, TABLES
from fowh.paper.jobs import Job, run_all
from fowh.paper.tally import TableLine, alignment_effect, read_lines, success_of
from fowh.records import store
from tests.paper.common import InProcess, jobs_of

# Two subjects with two rows each, three runs.
SUBJECTS = np.array([0, 0, 1, 1])
HITS = {  # by attack, run by run
    "gan": ([1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]),
    "gan:incorporate=sr": ([1, 0, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0]),
    "gan:incorporate=srwal": ([1, 1, 0, 1], [1, 1, 1, 0], [1, 0, 0, 0]),
}
DISTANCE = [0.2, 0.4, 0.6, 0.8]
LIMITS = (0.1, 0.5, 0.7)  # of Type-1, run by run: 0, 2 and 3 of 4


def judged(leak: str, hit: list[int], distance: list[float], subject: np.ndarray) -> Arrays:
    """What a system observes of one attack; outputs are named where Rank-1 misses."""
    if leak == "outputs":
        return {"correct": 1.0 - np.array(hit), "subject": subject}
    unknown = np.full(len(hit), np.nan)
    alone = ("accept_score", "renewed_score", "purity", "purity_centred", "fold")
    return {
        "rank1": np.array(hit, dtype=bool),
        "distance": np.array(distance),
        "subject": subject,
        "other_distance": unknown[:, None],
        **dict.fromkeys(alone, unknown),
    }


def observations(job: Job) -> Arrays:
    made: Arrays = {}
    for name, runs in HITS.items():
        columns = judged(job.leak, runs[job.seed], DISTANCE, SUBJECTS)
        made |= {f"attack.{name}.{key}": values for key, values in columns.items()}
    blind = judged(job.leak, [0, 0, 0, 1], [9.0] * 4, SUBJECTS)
    made |= {f"control.mean.{key}": values for key, values in blind.items()}
    if job.leak == "templates":
        made["term.t_embedding.1e-2"] = np.full(4, LIMITS[job.seed])
    return made


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[Job, Path]:
    """Table 2 in three runs, on record."""
    todo = jobs_of("table2", seeds=3)
    where = {job: Path(str(number)) for number, job in enumerate(todo)}
    by_folder = {folder: observations(job) for job, folder in where.items()}
    monkeypatch.setattr(store, "load_observations", by_folder.__getitem__)
    return where


def line(measured: list[TableLine], name: str) -> TableLine:
    (only,) = [line for line in measured if line.entry.name == name]
    return only


def test_lines_by_hand(found: dict[Job, Path]) -> None:
    measured = read_lines("table2", found)
    names = [*(entry.name for entry in TABLES["table2"]), *BLIND]
    assert [part.entry.name for part in measured] == names
    single, srwal = line(measured, "single, final"), line(measured, "srwal, final")
    assert single.values["rank1"].value == pytest.approx((1 / 4 + 2 / 4 + 0) / 3)
    assert srwal.values["rank1"].value == pytest.approx((3 / 4 + 3 / 4 + 1 / 4) / 3)
    assert srwal.values["named"].value == pytest.approx((1 / 4 + 1 / 4 + 3 / 4) / 3)
    assert srwal.values["type1_at_fmr_1e-2"].value == pytest.approx((0 + 2 / 4 + 3 / 4) / 3)
    assert srwal.values["rank1"].n == 12
    gain = srwal.versus_single
    assert gain["templates"].value == pytest.approx((2 / 4 + 1 / 4 + 1 / 4) / 3)
    assert gain["outputs"].value == pytest.approx(-(2 / 4 + 1 / 4 + 1 / 4) / 3)
    assert single.versus_single == {}  # it is itself
    assert (srwal.runs, srwal.of) == (3, 3)
    for part in measured:
        for value in (*part.values.values(), *part.versus_single.values()):
            assert value.ci_low <= value.value <= value.ci_high


def test_blind_controls_and_methods_without_a_record(found: dict[Job, Path]) -> None:
    measured = read_lines("table2", found)
    mean = line(measured, "mean")
    assert mean.values["rank1"].value == pytest.approx(1 / 4)
    assert mean.values["named"].value == pytest.approx(3 / 4)
    assert mean.values["type1_at_fmr_1e-2"].value == 0
    assert mean.entry.control
    assert mean.versus_single["templates"].value == pytest.approx(1 / 4 - 1 / 4)
    for absent in ("concat, all", "random"):
        gone = line(measured, absent)
        assert gone.values == gone.versus_single == {}
        assert (gone.runs, gone.of) == (0, 3)


def test_a_run_whose_attack_failed_is_not_counted_and_the_line_says_so(
    found: dict[Job, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    last = [found[job] for job in found if job.seed == 2]
    whole = store.load_observations

    def loaded(folder: Path) -> Arrays:
        lost = "attack.gan:incorporate=sr." if folder in last else "nothing"
        return {name: a for name, a in whole(folder).items() if not name.startswith(lost)}

    monkeypatch.setattr(store, "load_observations", loaded)
    sr = line(read_lines("table2", found), "sr, final")
    assert (sr.runs, sr.of) == (2, 3)
    assert sr.values["rank1"].value == pytest.approx((2 / 4 + 2 / 4) / 2)
    assert sr.versus_single["templates"].value == pytest.approx((1 / 4 + 0) / 2)  # of these runs


def test_a_line_for_each_size_and_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    todo = jobs_of("protected", (500, 30))
    where = {job: Path(str(number)) for number, job in enumerate(todo)}
    hits = {job: np.arange(4) < SCHEMES.index(job.scheme) for job in todo}

    def loaded(folder: Path) -> Arrays:
        job = todo[int(str(folder))]
        return observations(job) | {"attack.gan.rank1": hits[job]}

    monkeypatch.setattr(store, "load_observations", loaded)
    lines = read_lines("protected", where)
    measured = [part for part in lines if part.entry.name == "single, final"]
    seen = [(part.samples, part.scheme, part.values["rank1"].value) for part in measured]
    rates = list(zip(SCHEMES, (0, 1 / 4, 2 / 4, 3 / 4), strict=True))
    assert seen == [(size, scheme, rate) for size in (30, 500) for scheme, rate in rates]


def test_the_order_in_which_cells_finish_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes finish in any order; the intervals must not depend on it."""
    todo = jobs_of("table2", seeds=3)

    def loaded(folder: Path) -> Arrays:
        number = int(str(folder))
        hit = np.random.default_rng(number).random(90) < 0.1 + 0.2 * todo[number].seed
        whose = np.repeat(np.arange(30), 3)
        columns = judged(todo[number].leak, list(hit), list(1.0 - hit), whose)
        made = {f"attack.gan.{key}": values for key, values in columns.items()}
        return made | {"term.t_embedding.1e-2": np.full(90, 0.5)}

    monkeypatch.setattr(store, "load_observations", loaded)
    monkeypatch.setattr(running, "ProcessPoolExecutor", InProcess)
    monkeypatch.setattr(running, "_train", lambda job, out, device: out)
    monkeypatch.setattr(running, "_run", lambda job, out, device: Path(str(todo.index(job))))
    monkeypatch.setattr(running, "as_completed", lambda tasks: reversed(list(tasks)))
    backwards = run_all(todo, Path("out"), "cpu", 1, lambda text: None)
    forwards = {job: Path(str(number)) for number, job in enumerate(todo)}
    assert read_lines("table2", backwards) == read_lines("table2", forwards)
    assert list(backwards) == todo  # the picture is of the first cell that was asked for


def test_success_that_was_not_measured_is_none() -> None:
    """Without a threshold there is no Type-1, and Rank-1 stays."""
    columns = judged("templates", [1, 0], [0.1, 0.9], np.array([4, 7]))
    arrays = {f"attack.gan.{key}": values for key, values in columns.items()}
    arrays["term.t_embedding.1e-2"] = np.full(2, np.nan)
    assert success_of(arrays, "templates", "gan", "type1_at_fmr_1e-2") is None
    rank1 = success_of(arrays, "templates", "gan", "rank1")
    assert rank1 is not None
    np.testing.assert_array_equal(rank1, ([1, 0], [4, 7]))


def test_alignment_effect_by_hand(found: dict[Job, Path]) -> None:
    effect = alignment_effect(found, 500)
    assert effect is not None
    assert effect.value == pytest.approx((1 / 4 + 1 / 4 + 0) / 3)
    assert effect.n == 12  # of templates only
    assert -1 <= effect.ci_low <= effect.value <= effect.ci_high
    assert alignment_effect(found, 2000) is None
