"""The published experiment: its cells, the tables read off records, and the command."""

from __future__ import annotations

import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from attacks._versions import perceptual
from fowh import cli
from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.engine.cell import label
from fowh.metrics.intervals import Value
from fowh.paper import cells as reproduce
from fowh.paper import experiment as experiments
from fowh.paper.cells import Line, Plan, alignment_effect, lines, plans, run_all
from fowh.paper.experiment import HEADS, SCHEMES, TABLES, Row, attacks_of
from fowh.records import store as records
from fowh.report import paper
from fowh.targets._trained import TrainedTarget

IRIS, NET = "iris:people=12,readings=6", "densenet:epochs=4"


@pytest.mark.parametrize(
    ("table", "cells"), [("table1", 2 * 3), ("table2", 2), ("section6.3", 1), ("protected", 4)]
)
def test_cells_of_each_table(table: str, cells: int) -> None:
    made = plans(table, IRIS, NET, (500, 2000), 3)
    assert len(made) == len(set(made)) == cells * 2 * 3
    assert {plan.samples for plan in made} == {500, 2000}
    assert [plan.seed for plan in made] == sorted([0, 1, 2] * cells) * 2  # seed by seed
    assert {plan.head for plan in made} == set(HEADS if cells in (2, 6) else HEADS[:1])
    assert {plan.scheme for plan in made} == set(SCHEMES if table == "protected" else ("raw",))
    assert {plan.protected for plan in made} == {table == "protected"}


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_an_attack_that_its_cell_runs(table: str) -> None:
    rows = TABLES[table]
    assert len({row.name for row in rows}) == len(rows)
    for row in rows:
        load("attack", row.attack)
        head = HEADS[0]
        assert row.attack in attacks_of(row.schedule, head, table == "protected")
        assert row.control or table == "protected" or row.paper
    texts = [(row.attack, row.schedule) for row in rows]
    assert len(set(texts)) == len(texts)


def test_tables_share_their_cells() -> None:
    """What table 1 has run on upslope is not run again for table 2."""
    first = plans("table1", IRIS, NET, (500,), 1)
    second = plans("table2", IRIS, NET, (500,), 1)
    assert set(second) <= set(first)
    assert set(plans("section6.3", IRIS, NET, (500,), 1)) <= set(second)


@pytest.mark.parametrize("target", ["densenet", "densenet:epochs=4"])
def test_a_plan_becomes_a_cell(target: str) -> None:
    plan = Plan(IRIS, target, "lsh", "classifier", "downslope", 30, 2, False)
    made = plan.cell()
    assert (made.target.head, made.target.schedule) == ("classifier", "downslope")
    assert made.target.epochs == (4 if ":" in target else 8)
    assert (made.threat.keys, made.threat.samples, made.threat.versions) == ("shared", 30, "all")
    assert (type(made.scheme).__name__, made.seed) == ("Lsh", 2)
    given = [label(attack) for attack in made.attacks]
    assert given == [label(load("attack", t)) for t in attacks_of("downslope", "classifier", False)]
    assert len(set(given)) == len(given)


# Observations written by hand: two subjects with two templates each, three runs.
SUBJECTS = np.array([0, 0, 1, 1])
RANK1 = {  # by attack, run by run
    "gan": ([1, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0]),
    "gan:incorporate=sr": ([1, 0, 0, 1], [1, 1, 0, 0], [1, 0, 0, 0]),
    "gan:incorporate=srwal": ([1, 1, 0, 1], [1, 1, 1, 0], [1, 0, 0, 0]),
}
DISTANCE = [0.2, 0.4, 0.6, 0.8]
LIMITS = (0.1, 0.5, 0.7)  # of Type-1, run by run: 0, 2 and 3 of 4


def observations(plan: Plan) -> dict[str, np.ndarray]:
    made: dict[str, np.ndarray] = {"t_embedding.1e-2": np.full(4, LIMITS[plan.seed])}
    for name, runs in RANK1.items():
        head = f"attack.{name}."
        made[f"{head}rank1"] = np.array(runs[plan.seed], dtype=bool)
        made[f"{head}correct"] = 1.0 - made[f"{head}rank1"]
        made[f"{head}distance"] = np.array(DISTANCE)
        made[f"{head}subject"] = SUBJECTS
    for column, values in (("rank1", [0, 0, 0, 1]), ("correct", [0] * 4), ("distance", [9] * 4)):
        made[f"control.mean.{column}"] = np.array(values, dtype=float)
    made["control.mean.subject"] = SUBJECTS
    return made


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[Plan, Path]:
    todo = plans("table2", IRIS, NET, (500,), 3)
    where = {plan: Path(str(number)) for number, plan in enumerate(todo)}
    by_folder = {folder: observations(plan) for plan, folder in where.items()}
    monkeypatch.setattr(records, "load_observations", by_folder.__getitem__)
    return where


def line(measured: list[Line], name: str) -> Line:
    (only,) = [line for line in measured if line.row.name == name]
    return only


def test_lines_by_hand(found: dict[Plan, Path]) -> None:
    measured = lines("table2", found)
    assert [part.row.name for part in measured] == [
        *(row.name for row in TABLES["table2"]),
        *experiments.BLIND,
    ]
    single, srwal = line(measured, "single, final"), line(measured, "srwal, final")
    assert single.values["rank1"].value == pytest.approx((1 / 4 + 2 / 4 + 0) / 3)
    assert srwal.values["rank1"].value == pytest.approx((3 / 4 + 3 / 4 + 1 / 4) / 3)
    assert srwal.values["accuracy"].value == pytest.approx((1 / 4 + 1 / 4 + 3 / 4) / 3)
    assert srwal.values["type1"].value == pytest.approx((0 + 2 / 4 + 3 / 4) / 3)
    assert srwal.values["rank1"].n == 12
    gain = srwal.versus_single
    assert gain["extractor"].value == pytest.approx((2 / 4 + 1 / 4 + 1 / 4) / 3)
    assert gain["classifier"].value == pytest.approx(-(2 / 4 + 1 / 4 + 1 / 4) / 3)
    assert single.versus_single == {}  # it is itself
    for part in measured:
        for value in (*part.values.values(), *part.versus_single.values()):
            assert value.ci_low <= value.value <= value.ci_high


def test_blind_controls_and_rows_without_a_record(found: dict[Plan, Path]) -> None:
    measured = lines("table2", found)
    mean = line(measured, "mean")
    assert mean.values["rank1"].value == pytest.approx(1 / 4)
    assert mean.values["type1"].value == 0
    assert mean.row.control
    assert mean.versus_single["extractor"].value == pytest.approx(1 / 4 - 1 / 4)
    for absent in ("concat, all", "random"):
        assert line(measured, absent).values == line(measured, absent).versus_single == {}


def test_a_line_for_each_size_and_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    todo = plans("protected", IRIS, NET, (500, 30), 1)
    where = {plan: Path(str(number)) for number, plan in enumerate(todo)}
    hits = {plan: np.arange(4) < SCHEMES.index(plan.scheme) for plan in todo}

    def loaded(folder: Path) -> dict[str, np.ndarray]:
        plan = todo[int(str(folder))]
        return observations(plan) | {"attack.gan.rank1": hits[plan]}

    monkeypatch.setattr(records, "load_observations", loaded)
    measured = [part for part in lines("protected", where) if part.row.name == "single, final"]
    seen = [(part.samples, part.scheme, part.values["rank1"].value) for part in measured]
    rates = list(zip(SCHEMES, (0, 1 / 4, 2 / 4, 3 / 4), strict=True))
    assert seen == [(size, scheme, rate) for size in (30, 500) for scheme, rate in rates]


def test_the_order_in_which_cells_finish_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes finish in any order; the intervals must not depend on it."""
    todo = plans("table2", IRIS, NET, (500,), 3)

    def loaded(folder: Path) -> dict[str, np.ndarray]:
        number = int(str(folder))
        hit = np.random.default_rng(number).random(90) < 0.1 + 0.2 * todo[number].seed
        whose = np.repeat(np.arange(30), 3)
        return {
            "attack.gan.rank1": hit,
            "attack.gan.subject": whose,
            "attack.gan.correct": hit,
            "attack.gan.distance": 1.0 - hit,
            "t_embedding.1e-2": np.full(90, 0.5),
        }

    monkeypatch.setattr(records, "load_observations", loaded)
    monkeypatch.setattr(reproduce, "ProcessPoolExecutor", InProcess)
    monkeypatch.setattr(reproduce, "_train", lambda plan, out, device: out)
    monkeypatch.setattr(reproduce, "_run", lambda plan, out, device: Path(str(todo.index(plan))))
    monkeypatch.setattr(reproduce, "as_completed", lambda tasks: reversed(list(tasks)))
    backwards = run_all(todo, Path("out"), "cpu", 1, lambda text: None)
    forwards = {plan: Path(str(number)) for number, plan in enumerate(todo)}
    assert lines("table2", backwards) == lines("table2", forwards)
    assert list(backwards) == todo  # the picture is of the first cell that was asked for


def test_alignment_effect_by_hand(found: dict[Plan, Path]) -> None:
    effect = alignment_effect(found, 500)
    assert effect is not None
    assert effect.value == pytest.approx((1 / 4 + 1 / 4 + 0) / 3)
    assert effect.n == 12  # of the extractor only
    assert -1 <= effect.ci_low <= effect.value <= effect.ci_high
    assert alignment_effect(found, 2000) is None


def value(rate: float, low: float | None, high: float | None) -> Value:
    return Value(rate, low, high, 8)


def test_markdown_by_hand() -> None:
    row = Row("ours", "gan", paper={"iris": (59, None, 81)})
    control = Row("nothing", "mean", control=True)
    full = {
        "type1": value(0.5, 0.25, 0.75),
        "rank1": value(0.125, 0.0, None),
        "accuracy": value(1.0, 0.9, 1.0),
    }
    gains = {"extractor": value(0.05, -0.1, 0.2), "classifier": value(-0.25, -0.5, 0.0)}
    measured = [
        Line(row, 500, "raw", full, gains, 3, 3),
        Line(control, 500, "raw", {"rank1": value(0, 0, 0.1)}, {}, 2, 3),
        Line(Row("no such cell", "gan"), 500, "raw", {}, {}, 0, 0),
    ]
    heads = (
        "method | f_E Type-1, paper | f_E Type-1, here | f_E Rank-1, paper | f_E Rank-1, here | "
        "f_C accuracy, paper | f_C accuracy, here | Rank-1 minus single | accuracy minus single"
    )
    assert paper.markdown(measured, "iris").splitlines() == [
        f"| {heads} |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| ours | 59 | 50.0 [25, 75] |  | 12.5 [0, ?] | 81 | 100.0 [90, 100] "
        "| +5.0 [-10, +20] | -25.0 [-50, +0] |",
        "| nothing (control), 2 of 3 runs: the others failed or cannot do it "
        "|  |  |  | 0.0 [0, 10] |  |  |  |  |",
    ]
    faces = paper.markdown(measured, "face").splitlines()
    assert faces[2].startswith("| ours |  | 50.0 [25, 75] |  | 12.5")  # no numbers for faces


def test_markdown_names_size_and_scheme_only_where_they_differ() -> None:
    rank1 = {"rank1": value(0.5, 0.4, 0.6)}
    one = Line(Row("ours", "gan"), 500, "raw", rank1, {}, 1, 1)
    two = Line(Row("ours", "gan"), 2000, "lsh", rank1, {}, 1, 1)
    assert paper.markdown([one], "iris").splitlines() == [
        "| method | f_E Rank-1, here |",
        "| --- | ---: |",
        "| ours | 50.0 [40, 60] |",
    ]
    assert paper.markdown([one, two], "iris").splitlines()[0].startswith("| scheme | samples | m")
    assert paper.markdown([one, two], "iris").splitlines()[3].startswith("| lsh | 2000 | ours |")


def test_pictures_side_by_side() -> None:
    import io

    from PIL import Image

    pictures = np.zeros((2, 16, 16), np.uint8)
    given = {"image.original": pictures, "image.attack.gan": pictures + 255}
    names = [("single", "image.attack.gan"), ("absent", "image.attack.none")]
    drawn = Image.open(io.BytesIO(paper.grid(given, names)))
    assert drawn.format == "PNG"
    seen = np.asarray(drawn.convert("L"))
    left, right = np.array_split(seen[seen.shape[0] // 2 :], 2, axis=1)
    assert (left == 0).mean() > 0.5
    assert (right == 0).mean() < 0.05


class InProcess:
    """An executor that works in this process, in the order of submission."""

    def __init__(self, *_: Any) -> None:
        self.cancelled = False

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: Any, *given: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*given))
        except Exception as error:
            done.set_exception(error)
        return done

    def shutdown(self, cancel_futures: bool) -> None:
        self.cancelled = cancel_futures


def test_targets_are_trained_once_and_before_all_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, Plan]] = []
    said: list[str] = []

    def train(plan: Plan, out: Path, device: str) -> Path:
        calls.append(("target", plan))
        return out

    def run(plan: Plan, out: Path, device: str) -> Path:
        calls.append(("cell", plan))
        return out / str(plan.seed)

    monkeypatch.setattr(reproduce, "ProcessPoolExecutor", InProcess)
    monkeypatch.setattr(reproduce, "_train", train)
    monkeypatch.setattr(reproduce, "_run", run)
    todo = plans("table1", IRIS, NET, (500,), 2)
    found = run_all(todo, Path("out"), "cpu", 1, said.append)
    stages = [stage for stage, _ in calls]
    assert stages == ["target"] * 6 + ["cell"] * 12
    trained = [(plan.head, plan.schedule) for stage, plan in calls if stage == "target"]
    assert len(set(trained)) == 6
    assert [plan for stage, plan in calls if stage == "cell"] == todo
    assert found == {plan: Path("out") / str(plan.seed) for plan in todo}
    assert len(said) == 18
    assert said[5].startswith("target 6 of 6: raw ")
    assert said[-1].startswith("cell 12 of 12: raw ")


def test_an_error_of_one_cell_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(plan: Plan, out: Path, device: str) -> Path:
        raise InputError("the dataset is too small")

    monkeypatch.setattr(reproduce, "ProcessPoolExecutor", InProcess)
    monkeypatch.setattr(reproduce, "_train", fail)
    with pytest.raises(InputError, match="too small"):
        run_all(plans("table2", IRIS, NET, (500,), 1), Path("out"), "cpu", 1, lambda text: None)
    with pytest.raises(InputError, match="--jobs 0"):
        run_all([], Path("out"), "cpu", 0, lambda text: None)


TINY = "steps=3,batch=8,base=8"
COMMAND = ["reproduce", "table2", "--dataset", IRIS, "--target", NET, "--samples", "30"]
COMMAND += ["--seeds", "1", "--jobs", "1", "--device", "cpu"]


def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table with attacks that take no time."""
    single = f"gan:{TINY}"
    rows = (
        Row("single, final", single, paper={"iris": (59, 35, 81)}),
        Row("srwal, all", f"gan:incorporate=srwal,test=all,{TINY}", paper={"iris": (65, 45, 81)}),
        Row("ridge to pixels", "image_ridge", control=True),
    )
    for table in ("table1", "section6.3"):
        monkeypatch.setitem(TABLES, table, ())
    monkeypatch.setitem(TABLES, "table2", rows)
    monkeypatch.setattr(experiments, "SINGLE", single)
    monkeypatch.setattr(perceptual, "STEPS", 3)
    monkeypatch.setattr(reproduce, "ProcessPoolExecutor", InProcess)


def test_the_command_runs_prints_and_keeps_the_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_steps(monkeypatch)
    command = [*COMMAND, "--out", str(tmp_path)]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    assert len(list(tmp_path.glob("*/record.json"))) == 2  # heads
    table = (tmp_path / "table2-iris-30.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    names = ["single, final", "srwal, all", "ridge to pixels (control)"]
    assert [row[0] for row in rows[2:]] == [*names, *(f"{n} (control)" for n in experiments.BLIND)]
    assert "35" in rows[2]
    assert (tmp_path / "table2-iris-30.png").read_bytes().startswith(b"\x89PNG")
    for text in ("table2-iris-30.md", "2 cells in 1 processes"):
        assert text in done.output
    for record in (records.load(path.parent) for path in tmp_path.glob("*/record.json")):
        assert record is not None
        assert record["status"] == "ok"
    # The table is what the records say.
    cells = plans("table2", IRIS, NET, (30,), 1)
    where = reproduce.folders(cells, tmp_path)
    assert all((folder / "record.json").exists() for folder in where.values())
    assert table == paper.markdown(lines("table2", where), "iris") + "\n"

    def refuse(*_: Any) -> Any:
        raise AssertionError("a cell on record was run again")

    monkeypatch.setattr("fowh.run.run", refuse)
    again = CliRunner().invoke(cli.app, command)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "table2-iris-30.md").read_text(encoding="utf-8") == table


@pytest.mark.slow
def test_real_processes(tmp_path: Path) -> None:
    """Cells cross a process boundary: nothing is patched, so the ridge's cell has all attacks."""
    plan = Plan(IRIS, NET, "raw", "extractor", "update", 30, 0, False)
    found = run_all([plan], tmp_path, "cpu", 1, lambda text: None)
    assert list(found) == [plan]
    record = records.load(found[plan])
    assert record is not None
    assert record["status"] == "ok"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["table3"], "expected one of table1, table2"),
        (["table2", "--target", "dlib"], "keeps no versions"),
        (["table2", "--target", "resnett"], "did you mean resnet"),
        (["table2", "--jobs", "-1"], "--jobs -1"),
        (["table2", "--seeds", "-2"], "--seeds -2"),
        (["table2", "--samples", "-3"], "--samples -3"),
        (["table2", "--samples", "1"], "--samples 1"),
        (["table2", "--head", "both_"], "--head both_"),
        (["table2", "--dataset", "gaussian"], "images"),
        (["table2", "--target", "densenet:head=classifier"], "head"),
        (["table2", "--device", "abacus"], "--device abacus"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2_and_nothing_is_written(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: Any) -> Any:
        raise AssertionError("a target was trained")

    monkeypatch.setattr(TrainedTarget, "fit", refuse)
    monkeypatch.setattr(reproduce, "ProcessPoolExecutor", InProcess)
    given = words if "--dataset" in words else [*words, "--dataset", IRIS]
    monkeypatch.setattr(sys, "argv", ["fowh", "reproduce", *given, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    printed = capsys.readouterr()
    (error,) = [text for text in printed.err.splitlines() if text.startswith("fowh: ")]
    assert said in error
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []
