"""What is kept of a cell: written, read again, and for which jobs it answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.paper import kept
from fowh.paper.jobs import Job, samples_of
from fowh.paper.kept import Kept
from tests.paper.common import IRIS, jobs_of

ROWS = {"gan": {"rank1": "0110", "type1_at_fmr_1e-2": "1111"}, "mean": {"rank1": "0000"}}


@pytest.fixture(scope="module")
def samples() -> Samples:
    return samples_of(jobs_of("slots"))[IRIS]


def made(job: Job, samples: Samples) -> Kept:
    whose = np.array([3, 3, 8, 8])
    return Kept("ab12", kept.what(job, samples), "c0ffee", {"numpy": "2"}, whose, ROWS, "7ea1")


def test_what_was_written_is_read_again(tmp_path: Path, samples: Samples) -> None:
    job = jobs_of("slots")[0]
    file = kept.write(tmp_path, job, made(job, samples))
    assert file.name.endswith("-t0r0.json")
    assert file.read_bytes().count(b"\n") == 1
    named, read = kept.read(file)
    assert named == job
    for name in ("spec", "what", "commit", "versions", "rows", "target"):
        assert getattr(read, name) == getattr(made(job, samples), name)
    success = read.success("gan", "rank1")
    assert success is not None
    np.testing.assert_array_equal(success, ([0, 1, 1, 0], [3, 3, 8, 8]))
    assert read.success("gan", "named") is read.success("srwal", "rank1") is None


def test_a_file_kept_before_targets_were_noted_is_read(tmp_path: Path, samples: Samples) -> None:
    job = jobs_of("slots")[0]
    file = kept.write(tmp_path, job, made(job, samples))
    given = json.loads(file.read_text())
    del given["target"]
    file.write_text(json.dumps(given))
    assert kept.read(file)[1].target == ""
    assert list(kept.answers(tmp_path, [job], {IRIS: samples})) == [job]


def test_every_job_has_a_file_of_its_own(tmp_path: Path) -> None:
    tables = ("table1", "protected", "slots", "dropout", "alignment")
    todo = [job for table in tables for job in jobs_of(table, (500, 2000), seeds=9)]
    todo += [dataclasses.replace(job, target="resnet", protocol="afm_face") for job in todo]
    names = {kept.path(tmp_path, job).name for job in todo}
    assert len(names) == len(todo)
    assert all(name.isascii() and not set(name) & set(":/=, ") for name in names)


def test_a_file_answers_for_its_job_alone(tmp_path: Path, samples: Samples) -> None:
    first, second = (job for job in jobs_of("slots", seeds=2) if job.scheme == "raw")
    kept.write(tmp_path, first, made(first, samples))
    assert list(kept.answers(tmp_path, [first, second], {IRIS: samples})) == [first]
    assert kept.answers(tmp_path / "nowhere", [first], {IRIS: samples}) == {}
    # A file that was renamed by hand, or of other parameters than today's.
    kept.path(tmp_path, first).rename(kept.path(tmp_path, second))
    assert kept.answers(tmp_path, [second], {IRIS: samples}) == {}
    other = dataclasses.replace(made(second, samples), what="0" * 64)
    kept.write(tmp_path, second, other)
    assert kept.answers(tmp_path, [second], {IRIS: samples}) == {}


def test_another_default_of_an_attack_is_another_cell_and_other_code_is_not(
    samples: Samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = jobs_of("slots")[0]
    before = kept.what(job, samples)
    real = kept.spec_of
    with monkeypatch.context() as patched:
        patched.setattr(kept, "spec_of", lambda *given: real(*given) | {"code": "changed"})
        assert kept.what(job, samples) == before

    def slower(*given: object) -> dict[str, object]:
        spec = real(*given)  # type: ignore[arg-type]
        spec["attacks"][0]["params"]["steps"] = 1
        return spec

    with monkeypatch.context() as patched:
        patched.setattr(kept, "spec_of", slower)
        assert kept.what(job, samples) != before
    assert kept.what(dataclasses.replace(job, seed=1), samples) != before


@pytest.mark.parametrize(
    ("key", "value"),
    [("format", 2), ("subjects", [1]), ("rows", {"gan": {"rank1": "01x0"}}), ("job", {"a": 1})],
)
def test_a_damaged_file_is_one_line(
    key: str, value: object, tmp_path: Path, samples: Samples
) -> None:
    job = jobs_of("slots")[0]
    file = kept.write(tmp_path, job, made(job, samples))
    file.write_text(json.dumps(json.loads(file.read_text()) | {key: value}))
    with pytest.raises(InputError, match="cannot read") as caught:
        kept.read(file)
    assert "\n" not in str(caught.value)
    file.write_text("{")
    with pytest.raises(InputError, match="restore or delete"):
        kept.answers(tmp_path, [job], {IRIS: samples})
