"""Lines of a table, read off observations that are written here by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fowh.core.cache import Arrays
from fowh.metrics.intervals import Value
from fowh.paper import jobs as running
from fowh.paper.contrasts import CONTRASTS
from fowh.paper.experiment import BLIND, SCHEMES, TABLES, as_run
from fowh.paper.jobs import Job, run_all
from fowh.paper.kept import Kept, of_observations
from fowh.paper.tally import Difference, TableLine, by_lot, differences, read_lines
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
        row = as_run(name, job.leak)
        made |= {f"attack.{row}.{key}": values for key, values in columns.items()}
    blind = judged(job.leak, [0, 0, 0, 1], [9.0] * 4, SUBJECTS)
    made |= {f"control.mean.{key}": values for key, values in blind.items()}
    if job.leak == "templates":
        made["term.t_embedding.1e-2"] = np.full(4, LIMITS[job.seed])
    return made


def kept(job: Job, observed: Arrays) -> Kept:
    return Kept("", "", "", {}, *of_observations(job, observed))


@pytest.fixture
def found() -> dict[Job, Kept]:
    """Table 2 in three runs."""
    return {job: kept(job, observations(job)) for job in jobs_of("table2", seeds=3)}


def line(measured: list[TableLine], name: str) -> TableLine:
    (only,) = [line for line in measured if line.entry.name == name]
    return only


def test_lines_by_hand(found: dict[Job, Kept]) -> None:
    measured = read_lines("table2", found)
    names = [*(entry.name for entry in TABLES["table2"]), *BLIND, "unprotected"]
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


def test_blind_controls_and_methods_without_a_record(found: dict[Job, Kept]) -> None:
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
    found: dict[Job, Kept],
) -> None:
    for job in found:
        if job.seed == 2:
            lost = observations(job)
            for name in [name for name in lost if name.startswith("attack.gan:incorporate=sr.")]:
                del lost[name]
            found[job] = kept(job, lost)
    sr = line(read_lines("table2", found), "sr, final")
    assert (sr.runs, sr.of) == (2, 3)
    assert sr.values["rank1"].value == pytest.approx((2 / 4 + 2 / 4) / 2)
    assert sr.versus_single["templates"].value == pytest.approx((1 / 4 + 0) / 2)  # of these runs


def test_a_line_for_each_size_and_scheme() -> None:
    todo = jobs_of("protected", (500, 30))
    hits = {job: np.arange(4) < SCHEMES.index(job.scheme) for job in todo}
    cells = {job: kept(job, observations(job) | {"attack.gan.rank1": hits[job]}) for job in todo}
    lines = read_lines("protected", cells)
    measured = [part for part in lines if part.entry.name == "single, final"]
    seen = [(part.samples, part.scheme, part.values["rank1"].value) for part in measured]
    rates = list(zip(SCHEMES, (0, 1 / 4, 2 / 4, 3 / 4), strict=True))
    assert seen == [(size, scheme, rate) for size in (30, 500) for scheme, rate in rates]


def test_the_order_in_which_cells_finish_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes finish in any order; what they made comes back in the order of the jobs."""
    todo = jobs_of("table2", seeds=3)
    monkeypatch.setattr(running, "ProcessPoolExecutor", InProcess)
    monkeypatch.setattr(running, "_train", lambda number, job, out, device: out)
    monkeypatch.setattr(
        running, "_run", lambda number, job, out, device: Path(str(todo.index(job)))
    )
    monkeypatch.setattr(running.Ears, "completed", lambda self, tasks, *_: reversed(list(tasks)))
    backwards = run_all(todo, Path("out"), "cpu", 1, lambda text: None)
    assert list(backwards) == todo
    assert [str(folder) for folder in backwards.values()] == [str(n) for n in range(len(todo))]


def test_success_that_was_not_measured_is_none() -> None:
    """Without a threshold there is no Type-1, and Rank-1 stays."""
    columns = judged("templates", [1, 0], [0.1, 0.9], np.array([4, 7]))
    arrays = {f"attack.gan.{key}": values for key, values in columns.items()}
    arrays["term.t_embedding.1e-2"] = np.full(2, np.nan)
    made = kept(jobs_of("table2")[0], arrays)
    assert made.success("gan", "type1_at_fmr_1e-2") is None
    assert made.success("image_ridge", "rank1") is None
    rank1 = made.success("gan", "rank1")
    assert rank1 is not None
    np.testing.assert_array_equal(rank1, ([1, 0], [4, 7]))


def test_attacks_on_other_rows_are_no_pair() -> None:
    job = jobs_of("table2")[0]
    observed = observations(job)
    observed["attack.gan:incorporate=sr.subject"] = SUBJECTS[::-1]
    with pytest.raises(ValueError, match="other rows"):
        of_observations(job, observed)


def test_differences_by_hand(found: dict[Job, Kept]) -> None:
    measured = {(d.leak, d.contrast.name): d for d in differences("table2", found)}
    assert {name for _, name in measured} == {"SRwAL above SR", "SRwAL above Single"}
    effect = measured["templates", "SRwAL above SR"]
    assert effect.value.value == pytest.approx((1 / 4 + 1 / 4 + 0) / 3)
    assert (effect.value.n, effect.runs) == (12, 3)
    assert -1 <= effect.value.ci_low <= effect.value.value <= effect.value.ci_high
    mirrored = measured["outputs", "SRwAL above SR"]  # named where Rank-1 misses
    assert mirrored.value.value == pytest.approx(-effect.value.value)


@pytest.mark.parametrize(
    ("claim", "gain", "verdict"),
    [
        ("above", 1, "holds"),
        ("above", 0, "not separable"),
        ("above", -1, "reversed"),
        ("near", 0, "not separable"),  # forty people say no more than 5 points
        ("near", -1, "differ"),
    ],
)
def test_verdicts(claim: str, gain: int, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty people, of whom the left attack gets one, none or minus one more than the right."""
    whose = np.arange(40)
    left, right = (("1" if side else "0") * 40 for side in (gain > 0, gain < 0))
    rows = {"gan": {"rank1": left}, "mean": {"rank1": right}}
    made = {
        job: Kept("", "", "", {}, whose, rows) for job in jobs_of("slots") if job.scheme == "raw"
    }
    contrast = CONTRASTS["slots"][0]._replace(left="gan", right="mean", claim=claim)
    monkeypatch.setitem(CONTRASTS, "slots", (contrast,))
    (only,) = differences("slots", made)
    assert only.value.value == gain
    assert only.verdict == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.02, 0.02, "within 2 points"),
        (0.01, 0.015, "within 2 points"),  # without zero, and near all the same
        (-0.03, 0.01, "not separable"),
        (0.01, 0.021, "not separable"),
        (-0.9, 0.9, "not separable"),  # little data is no evidence of nearness
        (0.021, 0.04, "differ"),
        (-0.04, -0.021, "differ"),
    ],
)
def test_near_is_within_a_margin(low: float, high: float, verdict: str) -> None:
    contrast = CONTRASTS["slots"][0]._replace(claim="near")
    value = Value((low + high) / 2, low, high, 100)
    assert Difference(contrast, "templates", value, 3).verdict == verdict


def test_chance_of_rank_1_by_hand() -> None:
    """Of four readings one is stolen; of the other three, two are mates of the first person's."""
    made = Kept("", "", "", {}, np.array([5, 5, 5, 9]), {})
    assert by_lot(made) == pytest.approx((3 * 2 / 3 + 0) / 4)
    assert by_lot(Kept("", "", "", {}, np.array([5]), {})) == 0


@pytest.mark.parametrize("table", CONTRASTS)
def test_contrasts_are_between_rows_of_one_cell(table: str) -> None:
    there = {entry.attack for entry in TABLES[table] if entry.schedule == "upslope"}
    names = [contrast.name for contrast in CONTRASTS[table]]
    assert len(set(names)) == len(names)
    for contrast in CONTRASTS[table]:
        assert {contrast.left, contrast.right} <= there
        assert contrast.left != contrast.right
