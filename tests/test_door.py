"""The Python door: one cell from Python, with the arguments of the command line."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import fowh

WORLD = "gaussian:subjects=8,readings=3,dim=16,within=0.3"


@pytest.fixture(scope="module")
def result() -> fowh.Result:
    return fowh.evaluate("lsh:bits=64", dataset=WORLD, attacks=["preimage", "ridge"], device="cpu")


def test_a_result_holds_the_record_and_what_it_was_measured_from(result: fowh.Result) -> None:
    assert result.record["status"] == "ok"
    rank1 = result.record["attacks"]["preimage"]["metrics"]["rank1"]
    observed = result.observations["attack.preimage.rank1"]
    assert rank1["n"] == len(observed) == 24
    assert rank1["value"] == observed.mean()
    assert set(result.flags) == {flag["flag"] for flag in result.record["flags"]}
    assert result.pictures == {}  # vectors have none


def test_texts_and_objects_say_the_same(result: fowh.Result) -> None:
    again = fowh.evaluate(
        fowh.load("scheme", "lsh:bits=64"),
        dataset=fowh.load("dataset", WORLD),
        attacks=[fowh.load("attack", "preimage"), "ridge"],
        device="cpu",
    )
    assert again.record["id"] == result.record["id"]
    for name, values in result.observations.items():
        np.testing.assert_array_equal(again.observations[name], values, err_msg=name)


def test_it_is_shown_on_a_terminal_and_in_a_notebook(result: fowh.Result) -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(result.table())
    assert "preimage" in console.export_text()
    page = result._repr_html_()
    assert "preimage" in page and "<table" in page
    assert "lsh" in repr(result)


def test_it_is_saved_as_the_command_line_saves_it(result: fowh.Result, tmp_path: Path) -> None:
    folder = result.save(tmp_path / "cell")
    names = {file.name for file in folder.iterdir()}
    assert names == {"record.json", "observations.npz", "report.html", "summary.png"}


def test_a_folder_answers_a_cell_on_record(tmp_path: Path) -> None:
    first = fowh.evaluate("raw", dataset=WORLD, attacks="preimage", out=tmp_path, device="cpu")
    (record,) = tmp_path.glob("*/record.json")
    written = record.stat().st_mtime_ns
    again = fowh.evaluate("raw", dataset=WORLD, attacks="preimage", out=tmp_path, device="cpu")
    assert again.record == first.record
    assert record.stat().st_mtime_ns == written


def test_the_threat_is_given_by_its_axes() -> None:
    told: list[tuple[str, float]] = []
    made = fowh.evaluate(
        "lsh:bits=16",
        dataset=WORLD,
        attacks="ridge",
        keys="shared",
        leaked=False,
        device="cpu",
        progress=lambda text, done: told.append((text, done)),
    )
    threat = made.record["spec"]["threat"]
    assert (threat["keys"], threat["leaked"]) == ("shared", False)
    assert told and all(0 <= done <= 1 for _, done in told)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"scheme": "ion"}, "did you mean iom"),
        ({"scheme": "raw", "judge": "dlib"}, "unknown argument 'judge'"),
        ({"scheme": "raw", "keys": "many"}, "expected subject or shared"),
        ({"scheme": "raw", "leak": "outputs"}, "protects templates, not outputs"),
        ({"scheme": "raw", "seed": -1}, "at least 0"),
        ({"scheme": "raw", "seed": "1"}, "an integer"),
        ({"scheme": "raw", "leaked": "no"}, "True or False"),
        ({"scheme": 3}, "a text as on the command line"),
        ({"scheme": fowh.load("attack", "ridge")}, "an object of fowh.Scheme"),
        ({"scheme": "raw", "out": "/dev/null/below"}, "choose another folder"),
    ],
)
def test_bad_input_is_one_line(given: dict[str, object], said: str) -> None:
    with pytest.raises(fowh.InputError) as caught:
        fowh.evaluate(**{"dataset": WORLD, **given})  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_plugin_is_checked() -> None:
    findings = fowh.check("raw")
    assert len(findings) > 10
    assert [finding for finding in findings if not finding.passed] == []


@pytest.mark.parametrize(
    "name",
    [
        *("Scheme", "CodeScheme", "TemplateScheme", "OutputScheme", "Attack", "View", "Target"),
        *("Dataset", "Samples", "Leak", "Protocol", "Fold", "Modality", "Release", "Threat"),
        "key_stream",
    ],
)
def test_what_plugins_need_comes_from_the_package_itself(name: str) -> None:
    assert name in fowh.__all__
    assert getattr(fowh, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'judge'"):
        _ = fowh.judge  # type: ignore[attr-defined]


def test_importing_fowh_imports_nothing_heavy() -> None:
    code = "import sys, fowh; print(sorted({'numpy', 'torch', 'typer', 'faiss'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
