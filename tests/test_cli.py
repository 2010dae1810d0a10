"""The command line, end to end, as a user meets it."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import fowh
from fowh import cli
from fowh.cells import read_sweep
from fowh.core import registry
from fowh.core.errors import InputError
from fowh.records import store

SMALL = ["--dataset", "gaussian:subjects=12,readings=3,dim=32,within=0.3"]
FAST = [*SMALL, "--attack", "preimage", "--attack", "ridge"]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    code = "from fowh.cli import main; main()"
    command = [sys.executable, "-c", code, *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_evaluate_prints_a_table_and_writes_the_report_then_answers_from_the_record(
    tmp_path: Path,
) -> None:
    done = run("evaluate", "--scheme", "iom:hashes=60", *FAST, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    for word in (
        "preimage",
        "union of attacks",
        "Chance",
        "mean embedding",
        "Verdict",
        "FNMR",
        "report.html",
    ):
        assert word in done.stdout, word
    (folder,) = tmp_path.iterdir()
    names = {file.name for file in folder.iterdir()}
    assert names == {"record.json", "observations.npz", "report.html", "summary.png"}
    before = (folder / "record.json").read_bytes()
    again = run("evaluate", "--scheme", "iom:hashes=60", *FAST, "--out", str(tmp_path))
    assert "answered from the record" in again.stderr
    assert (folder / "record.json").read_bytes() == before


def test_json_puts_the_record_on_stdout_and_nothing_else(tmp_path: Path) -> None:
    done = run("evaluate", "--scheme", "raw", *FAST, "--out", str(tmp_path), "--json")
    record = json.loads(done.stdout)
    assert record["status"] == "ok"
    assert record["spec"]["scheme"] == {"name": "raw", "params": {}}
    assert record["attacks"]["preimage"]["metrics"]["rank1"]["value"] == 1.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--scheme", "ion"], "did you mean iom"),
        (["--scheme", "iom:group=1"], "group"),
        (["--scheme", "iom", "--keys", "many"], "expected subject or shared"),
        (["--scheme", "iom", "--leak", "gossip"], "unknown leak 'gossip'"),
        (["--scheme", "iom", "--leak", "outputs"], "protects templates, not outputs"),
        (["--scheme", "top_label"], "give --leak outputs"),
        (["--scheme", "top_label", "--leak", "outputs"], "name a dataset of samples"),
        (["--scheme", "iom", "--protocol", "afm"], "did you mean afm_"),
        (["--scheme", "iom", "--protocol", "afm_face"], "name a dataset of images"),
        (["--scheme", "iom", "--seed", "-1"], "at least 0"),
        (["--scheme", "iom", "--samples", "1"], "at least 2"),
        (["--scheme", "iom", "--versions", "some"], "final, train or all"),
        (["--scheme", "iom", "--witness", "densenett"], "did you mean densenet"),
        (["--scheme", "iom", "--witness", "resnet"], "leave it out"),
        (["--scheme", "iom", "--target", "densenet", "--dataset", "gaussian"], "leave it out"),
        (["--scheme", "iom", "--device", "abacus"], "--device abacus: expected auto, cpu"),
        (["--scheme", "../schemes/raw"], "unknown scheme"),
        (["--scheme", "iom", "--attack", "gann"], "did you mean gan"),
        (["--scheme", "iom", "--attack", "mlp", "--attack", "mlp:"], "'mlp' is given twice"),
        (["--scheme", "iom", "--attack", "medoid"], "a control of every run"),
        (["--scheme", "iom", "--dataset", "embeddings:path=nowhere.npz"], "nowhere.npz"),
        (["--scheme", "iom", "--dataset", "gaussian:subjects=3"], "at least 4"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2_and_nothing_is_written(
    tmp_path: Path, words: list[str], said: str
) -> None:
    given = words if "--dataset" in words else [*words, *SMALL]
    done = run("evaluate", *given, "--out", str(tmp_path / "out"))
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.splitlines() if not line.startswith("   ")]
    assert len(lines) == 1, done.stderr
    assert said in lines[0]
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_folder_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("evaluate", "--scheme", "raw", *FAST, "--out", str(tmp_path / "file" / "below"))
    assert done.returncode == 2
    assert "choose another folder" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def spoil(record: Path, status: str) -> None:
    """A record as an earlier run might have left it, with a mark that a new run does not make."""
    made = json.loads(record.read_text()) | {"status": status, "old": True}
    record.write_text(json.dumps(store.seal(made, store.load_observations(record.parent))))


def test_only_a_successful_record_answers_and_force_runs_again(tmp_path: Path) -> None:
    data = "gaussian:subjects=6,readings=2,dim=8,within=0.3"
    listed = tmp_path / "sweep.toml"
    listed.write_text(f'scheme = "raw"\nattacks = "ridge"\ndataset = "{data}"\n')
    out = tmp_path / "out"
    words = ["--out", str(out), "--device", "cpu"]
    once = ["evaluate", "--scheme", "raw", "--dataset", data, "--attack", "ridge", *words]
    many = ["sweep", str(listed), *words]
    runner = CliRunner()
    for command, lost in ((once, "report.html"), (many, "summary.png")):
        assert runner.invoke(cli.app, command).exit_code == 0
        (record,) = out.glob("*/record.json")  # both commands speak of one cell
        spoil(record, "ok")
        (record.parent / lost).unlink()  # interrupted while it was drawn
        assert runner.invoke(cli.app, command).exit_code == 0
        assert json.loads(record.read_text())["old"]
        assert (record.parent / lost).stat().st_size > 0
        assert runner.invoke(cli.app, [*command, "--force"]).exit_code == 0
        assert "old" not in json.loads(record.read_text())
        spoil(record, "failed")
        assert runner.invoke(cli.app, command).exit_code == 0
        again = json.loads(record.read_text())
        assert again["status"] == "ok"
        assert "old" not in again


def test_own_embeddings(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    centres = np.repeat(rng.standard_normal((8, 16)), 3, axis=0)
    vectors = centres + 0.2 * rng.standard_normal((24, 16))
    labels = np.repeat([f"person {number}" for number in range(8)], 3)
    np.savez(tmp_path / "mine.npz", embeddings=vectors.astype(np.float32), subjects=labels)
    source = f"embeddings:path={tmp_path / 'mine.npz'}"
    out = str(tmp_path / "out")
    words = ["evaluate", "--scheme", "lsh:bits=128", "--dataset", source, "--attack", "preimage"]
    result = CliRunner().invoke(cli.app, [*words, "--out", out, "--json"])
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["data"]["samples"] == 24
    assert record["spec"]["target"] is None


def test_sweep_resumes_and_report_compares(tmp_path: Path) -> None:
    listed = tmp_path / "sweep.toml"
    listed.write_text(
        'scheme = ["raw", "lsh:bits=64"]\nattacks = ["preimage"]\n'
        'dataset = "gaussian:subjects=12,readings=3,dim=32,within=0.3"\n'
    )
    out = tmp_path / "out"
    runner = CliRunner()
    first = runner.invoke(cli.app, ["sweep", str(listed), "--out", str(out)])
    assert first.exit_code == 0, first.output
    records = sorted(out.glob("*/record.json"))
    assert len(records) == 2
    records[1].unlink()  # as if interrupted before the second cell was whole
    kept = records[0].stat().st_mtime_ns
    assert runner.invoke(cli.app, ["sweep", str(listed), "--out", str(out)]).exit_code == 0
    assert records[0].stat().st_mtime_ns == kept
    assert records[1].exists()
    compared = runner.invoke(cli.app, ["report", str(out)])
    assert compared.exit_code == 0, compared.output
    assert "lsh" in (out / "index.html").read_text(encoding="utf-8")


def test_a_sweep_says_what_a_server_may_do_and_what_is_known(tmp_path: Path) -> None:
    listed = tmp_path / "sweep.toml"
    listed.write_text(
        'scheme = "plain"\ntarget = "mlp"\nleak = "gradients"\nattacks = "lookup"\n'
        'server = ["honest", "malicious"]\ncandidates = [0, 80]\n'
    )
    threats = [cell.threat for cell in read_sweep(listed)]
    given = [(threat.server, threat.candidates) for threat in threats]
    assert given == [("honest", 0), ("honest", 80), ("malicious", 0), ("malicious", 80)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("scheme = [", "no TOML"),
        ('schemes = ["raw"]', "unknown key 'schemes'"),
        ('keys = "subject"', "no scheme"),
        ('scheme = "raw"\nkeys = "many"', "expected subject or shared"),
        ('scheme = "raw"\nseed = true', "seed = True: expected an integer"),
        ('scheme = "raw"\nleak = "outputs"', "protects templates, not outputs"),
        ('scheme = "raw"\nprotocol = "standart"', "did you mean standard"),
        ('scheme = "raw"\nseed = -1', "at least 0"),
        ('scheme = "raw"\nsamples = 1', "at least 2"),
        ('scheme = "raw"\nversions = "some"', "final, train or all"),
        ('scheme = "raw"\nwitness = "resnett"', "did you mean resnet"),
        ('scheme = "raw"\nsecret_keys = "no"', "secret_keys = 'no': expected true or false"),
        ('scheme = "raw"\nwhite_box = 1', "white_box = 1: expected true or false"),
        ('scheme = "raw"\nserver = "evil"', "honest"),
        ('scheme = "raw"\ncandidates = "80"', "candidates = '80': expected an integer"),
        ('scheme = "raw"\nattacks = "gann"', "unknown attack 'gann': did you mean gan"),
        ('scheme = "raw"\nattacks = ["mlp", "mlp"]', "given twice"),
        ('scheme = "raw"\nattacks = ["mean"]', "a control of every run"),
        ('scheme = ["raw", 3]', "scheme = 3: expected text"),
        ("scheme = []", "empty list"),
        ('scheme = "raw"\ndataset = ["orl", "embeddings:path=nowhere.npz"]', "nowhere.npz"),
        (
            'scheme = "raw"\ndataset = "gaussian:subjects=3"\nattacks = ["ridge"]',
            "cell 1 of 1, gaussian:subjects=3",
        ),
    ],
)
def test_a_broken_sweep_is_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    listed = tmp_path / "sweep.toml"
    listed.write_text(text)
    result = CliRunner().invoke(cli.app, ["sweep", str(listed), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, InputError)
    assert said in str(result.exception)
    names_it = str(result.exception).startswith((str(listed), said))  # a dataset names its file
    assert names_it or "cell 1 of" in said
    assert not (tmp_path / "out").exists()


def test_report_of_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli.app, ["report", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "fowh evaluate" in str(result.exception)


def test_a_broken_third_party_does_not_keep_the_others_from_being_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "aimless_scheme.py").write_text(
        "from dataclasses import dataclass\nimport fowh\n@dataclass(frozen=True)\n"
        "class Aimless(fowh.Scheme):\n    def release(self, values, keys, rng):\n        return 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    theirs = {"aimless": EntryPoint("aimless", "aimless_scheme", "fowh.schemes")}
    monkeypatch.setattr(registry, "_third_party", lambda kind: theirs if kind == "scheme" else {})
    done = CliRunner().invoke(cli.app, ["list"])
    assert done.exit_code == 0
    last = done.output.partition("schemes that cannot be loaded")[2]
    assert "aimless" in last and "`protects`" in last
    assert "  iom " in done.output.partition("schemes for templates")[2]


def test_list_doctor_version_and_check() -> None:
    runner = CliRunner()
    listed = runner.invoke(cli.app, ["list"]).output
    for name in ("orl", "dlib", "iom", "fuzzy_commitment", "gan", "afm_iris", "image"):
        assert f"  {name} " in listed
    templates = listed.partition("schemes for templates")[2].partition("protocols")[0]
    answers = listed.partition("schemes for outputs")[2].partition("schemes for templates")[0]
    assert "  iom " in templates and "  top_label " not in templates
    assert "  top_label " in answers and "  iom " not in answers
    doctor = runner.invoke(cli.app, ["doctor"])
    assert doctor.exit_code == 0, doctor.output
    assert "400 photographs" in doctor.output
    assert runner.invoke(cli.app, ["--version"]).output.strip() == fowh.__version__
    checked = runner.invoke(cli.app, ["check", "schemes.raw:Raw"])
    assert checked.exit_code == 0, checked.output
    assert " 0 failed" in checked.output
