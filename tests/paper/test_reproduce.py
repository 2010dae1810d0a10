"""``fowh reproduce``: a table run, printed and kept, and what it says to bad input."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from attacks._versions import perceptual
from fowh import cli
from fowh.core.errors import InputError
from fowh.paper import experiment, kept, layout
from fowh.paper import jobs as running
from fowh.paper.experiment import BLIND, TABLES, Entry
from fowh.paper.jobs import folders, make_jobs, samples_of
from fowh.paper.reproduce import reproduce_table
from fowh.paper.tally import read_lines
from fowh.records import store
from fowh.targets._trained import TrainedTarget
from tests.paper.common import IRIS, NET, InProcess

TINY = "steps=3,batch=8,base=8"


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Table 2 with attacks that take no time."""
    single = f"gan:{TINY}"
    entries = (
        Entry("single, final", single, paper={"iris": (59, 35, 81)}),
        Entry("srwal, all", f"gan:incorporate=srwal,test=all,{TINY}", paper={"iris": (65, 45, 81)}),
        Entry("ridge to pixels", "image_ridge", control=True),
    )
    for table in ("table1", "section6.3"):
        monkeypatch.setitem(TABLES, table, ())
    monkeypatch.setitem(TABLES, "table2", entries)
    monkeypatch.setattr(experiment, "SINGLE", single)
    monkeypatch.setattr(perceptual, "STEPS", 3)
    monkeypatch.setattr(running, "ProcessPoolExecutor", InProcess)


def test_the_command_runs_prints_and_keeps_the_table(
    tiny: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["reproduce", "table2", "--dataset", IRIS, "--target", NET, "--samples", "30"]
    command += ["--seeds", "1", "--jobs", "1", "--device", "cpu", "--out", str(tmp_path)]
    done = CliRunner().invoke(cli.app, command)
    assert done.exit_code == 0, done.output
    records = [store.load(path.parent) for path in tmp_path.glob("*/record.json")]
    assert [record["status"] for record in records] == ["ok", "ok"]
    assert sorted(record["spec"]["leak"]["name"] for record in records) == ["outputs", "templates"]
    table = (tmp_path / "table2-iris-30.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    names = ["single, final", "srwal, all", "ridge to pixels (control)"]
    assert [row[0] for row in rows[2:]] == [
        *names,
        *(f"{name} (control)" for name in (*BLIND, "unprotected")),
    ]
    assert [rows[2][1], rows[2][3], rows[2][5]] == ["59", "35", "81"]
    assert rows[0][-2:] == ["Rank-1 minus single", "accuracy minus single"]
    assert all(cell for cell in rows[3])  # a number in every column
    assert (tmp_path / "table2-iris-30.png").read_bytes().startswith(b"\x89PNG")
    for text in ("table2-iris-30.md", "table2-iris-30.png", "2 cells in 1 processes", "srwal, all"):
        assert text in done.output
    # The table is what the records say.
    where = folders(make_jobs("table2", IRIS, NET, "afm_iris", (30,), 1), tmp_path)
    assert all((folder / "record.json").exists() for folder in where.values())
    samples = samples_of(list(where))[IRIS]
    read = {job: kept.of_record(job, samples, folder) for job, folder in where.items()}
    assert table == layout.markdown(read_lines("table2", read), "iris") + "\n"

    def refuse(*_: Any) -> Any:
        raise AssertionError("a cell on record was run again")

    monkeypatch.setattr("fowh.run.run", refuse)
    again = CliRunner().invoke(cli.app, command)
    assert again.exit_code == 0, again.output
    assert (tmp_path / "table2-iris-30.md").read_text(encoding="utf-8") == table
    # What is kept answers where there is no record at all, cell by cell.
    monkeypatch.setattr(kept, "HERE", tmp_path / "kept")
    for job, one in read.items():
        kept.write(kept.HERE, job, one)
    command[-1] = str(tmp_path / "elsewhere")
    third = CliRunner().invoke(cli.app, command)
    assert third.exit_code == 0, third.output
    assert "2 of 2 cells are kept" in third.output
    assert (tmp_path / "elsewhere/table2-iris-30.md").read_text(encoding="utf-8") == table
    assert not list((tmp_path / "elsewhere").glob("*/record.json"))


def test_cells_in_which_an_attack_failed_are_named(
    tiny: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And the library says what it says to ``say`` alone."""
    broken = Entry("broken", f"gan:{TINY},incorporate=rand")
    monkeypatch.setitem(TABLES, "table2", (TABLES["table2"][2], broken))
    monkeypatch.setattr("attacks.gan.Gan.run", lambda self, view, rng: 1 / 0)
    said: list[str] = []
    options: dict[str, Any] = {"samples": 30, "seeds": 1, "jobs": 1, "device": "cpu"}
    made = reproduce_table(
        *("table2", IRIS, NET), **options, head="classifier", out=tmp_path, say=said.append
    )
    assert made.failed == list(made.cells.values())
    assert made.files["table"] == tmp_path / "table2-iris-30-classifier.md"
    (line,) = [line for line in made.lines if line.entry.name == "broken"]
    assert (line.runs, line.of) == (0, 1)
    assert said[0].startswith("1 cells in 1 processes")
    assert said[-1].startswith("cell 1 of 1: outputs full_scores upslope, target 0, 30 samples")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "")


@pytest.mark.parametrize(
    ("dataset", "reason"),
    [
        ("iris:people=2,readings=2,side=32", "subjects"),
        ("gaussian:subjects=12,readings=3,dim=8", "embeddings"),
    ],
)
def test_what_no_worker_could_do_is_refused_before_one_starts(
    dataset: str,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from fowh.paper import reproduce

    def never(*_: Any) -> None:
        raise AssertionError("a worker was started")

    monkeypatch.setattr(reproduce, "run_all", never)
    given = ("table2", dataset, NET)
    with pytest.raises(InputError, match=reason):
        reproduce_table(*given, protocol="afm_iris", device="cpu", out=tmp_path, say=len)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("dataset", "protocol", "family"),
    [
        (IRIS, "afm_iris", "iris"),
        ("nd_iris:root=/nowhere", "afm_iris", "iris"),
        ("orl", "afm_face", "face"),
    ],
)
def test_the_protocol_follows_the_dataset(
    dataset: str, protocol: str, family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fowh.paper import reproduce

    monkeypatch.setattr(reproduce, "run_all", lambda todo, *_: dict.fromkeys(todo, tmp_path))
    monkeypatch.setattr(reproduce, "samples_of", lambda todo, note: {dataset: None})
    monkeypatch.setattr(reproduce, "check", lambda todo, samples: None)
    monkeypatch.setattr(kept, "of_record", lambda *_: None)
    monkeypatch.setattr(reproduce, "read_lines", lambda table, cells: [])
    monkeypatch.setattr(store, "load_observations", lambda folder: {})
    made = reproduce_table("protected", dataset, NET, device="cpu", out=tmp_path, say=len)
    assert {job.protocol for job in made.cells} == {protocol}
    assert made.family == family
    asked = reproduce_table(
        *("protected", dataset, NET), protocol="afm_face", device="cpu", out=tmp_path, say=len
    )
    assert {job.protocol for job in asked.cells} == {"afm_face"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["table3"], "expected one of table1, table2"),
        (["table2", "--target", "dlib"], "keeps no versions"),
        (["table2", "--target", "resnett"], "did you mean resnet"),
        (["table2", "--jobs", "-1"], "--jobs -1"),
        (["table2", "--seeds", "-2"], "--seeds -2"),
        (["table2", "--seeds", "10"], "at most 9"),
        (["table2", "--samples", "-3"], "--samples -3"),
        (["table2", "--samples", "1"], "--samples 1"),
        (["table2", "--head", "both_"], "--head both_"),
        (["table2", "--dataset", "gaussian"], "holds embeddings"),
        (["table2", "--protocol", "standard"], "expected one of afm_iris, afm_face"),
        (["table2", "--target", "densenet:head=classifier"], "head"),
        (["table2", "--target", "densenet:schedule=update"], "schedule twice"),
        (["table2", "--target", "densenet:seed=3"], "seed twice"),
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
    monkeypatch.setattr(running, "ProcessPoolExecutor", InProcess)
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


def test_a_library_caller_gets_the_same_error() -> None:
    with pytest.raises(InputError, match="keeps no versions"):
        reproduce_table("table2", IRIS, "dlib", out=Path("out"), say=len)
