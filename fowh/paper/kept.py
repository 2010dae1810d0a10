"""What a table needs of a cell, small enough to be committed: successes, row by row, as text.

A campaign of hours goes on from these files on another machine, and the pages are written from
them alone. A file answers for its job as long as that evaluates the same: dataset, target,
protocol, threat, every attack with every parameter. Code may have changed since; the file says
which commit measured it, and is deleted where it has to be measured again.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import Arrays, digest
from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.files import write_atomically
from fowh.core.registry import load
from fowh.engine.cell import row_name, spec_of
from fowh.paper.experiment import BLIND, MEASURED, REFERENCE, as_run, attacks_of
from fowh.paper.jobs import Job
from fowh.records import store

Success = tuple[NDArray[np.float64], NDArray[np.int64]]  # success by row, and whose each row is
FORMAT = 1
SAID = ("utility", "chance", "data", "guesses", "flags", "environment")
SAID_OF_EACH = ("remarks", "queries", "seconds", "status")
HERE = Path(__file__).parents[2] / "bench" / "records" / "paper"  # of a checkout


@dataclass(frozen=True, eq=False)
class Kept:
    """What is kept of a cell.

    Attributes:
        spec: id of the record that it was taken from.
        what: digest of what was evaluated, code left out.
        commit: of the code that measured; "+" behind it where files had changed since.
        versions: of Python and packages.
        subjects: (n,) int64, whose each stolen row is.
        rows: attack (as on the command line) -> metric -> n times 0 or 1. Attacks and metrics that
            were not measured are missing.
        target: digest of the target as it was trained; empty in files kept before it was noted.
        said: what else the record says (``SAID``), and of each attack what it told, asked and took.
    """

    spec: str
    what: str
    commit: str
    versions: Mapping[str, str]
    subjects: NDArray[np.int64]
    rows: Mapping[str, Mapping[str, str]]
    target: str = ""
    said: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def success(self, attack: str, metric: str) -> Success | None:
        """Success by stolen row, and whose each row is; None where not measured."""
        text = self.rows.get(attack, {}).get(metric)
        if text is None:
            return None
        return np.frombuffer(text.encode(), np.uint8).astype(np.float64) - ord("0"), self.subjects


def what(job: Job, samples: Samples) -> str:
    """Digest of what a job evaluates; the digests of code in its spec do not count."""
    spec = spec_of(job.cell(), samples)
    del spec["code"], spec["target"]["sha256"]
    return digest(spec)


def of_record(job: Job, samples: Samples, folder: Path) -> Kept:
    """What is kept of a cell on record.

    Args:
        job: the cell.
        samples: of its dataset.
        folder: of its record.

    Raises:
        InputError: no such record, or one that cannot be read.
    """
    record = store.load(folder)
    if record is None:
        raise InputError(f"no record in {folder}: expected one that `fowh reproduce` wrote")
    env, observed = record["environment"], store.load_observations(folder)
    subjects, rows = of_observations(job, observed)
    commit, versions = store.commit_of(env), env["versions"]
    target = record["data"].get("target_sha256") or ""
    said = {name: record[name] for name in SAID}
    said["attacks"] = {
        name: {part: row[part] for part in SAID_OF_EACH} for name, row in record["attacks"].items()
    }
    return Kept(record["id"], what(job, samples), commit, versions, subjects, rows, target, said)


def of_observations(
    job: Job, observed: Arrays
) -> tuple[NDArray[np.int64], dict[str, dict[str, str]]]:
    """Whose each stolen row is, and the successes of every attack that has some.

    Raises:
        ValueError: attacks of one cell differ in the rows that they attacked.
    """
    subjects = np.empty(0, np.int64)
    rows: dict[str, dict[str, str]] = {}
    term = _below(observed, "term.")
    attacks = attacks_of(job.schedule, job.leak, job.part)
    plugins = {attack: load("attack", as_run(attack, job.leak)) for attack in attacks}
    names = {attack: f"attack.{row_name(plugin)}." for attack, plugin in plugins.items()}
    for attack, name in (names | {c: f"control.{c}." for c in (*BLIND, REFERENCE)}).items():
        seen = _below(observed, name)
        if not seen:
            continue
        whose = np.asarray(seen["subject"], np.int64)
        if len(subjects) and not np.array_equal(subjects, whose):
            raise ValueError(f"{attack} attacked other rows than the attacks before it")
        subjects, success = whose, load("leak", job.leak).successes(seen, term)
        rows[attack] = {
            metric: "".join("1" if hit else "0" for hit in success[metric])
            for metric in MEASURED[job.leak]
            if np.isin(success[metric], (0, 1)).all()  # NaN where there is no threshold
        }
    return subjects, rows


def _below(arrays: Arrays, head: str) -> Arrays:
    return {name[len(head) :]: a for name, a in arrays.items() if name.startswith(head)}


def path(folder: Path, job: Job) -> Path:
    """The file of a job: what it is in words, and a digest where words would be too long."""
    words = [job.part, job.dataset, job.leak, job.scheme, job.schedule, str(job.samples)]
    plain = "".join(c if c.isalnum() or c in "_.-" else "_" for c in "-".join(words))
    rest = digest(job.target, job.protocol)[:6]
    return folder / f"{plain}-{rest}-t{job.draw}r{job.seed}.json"


def write(folder: Path, job: Job, kept: Kept) -> Path:
    """Write a job's file, whole or not at all; returns where."""
    given = dataclasses.asdict(kept) | {"subjects": kept.subjects.tolist()}
    whole = {"format": FORMAT, "job": dataclasses.asdict(job), **given}
    text = json.dumps(whole, separators=(",", ":"), sort_keys=True) + "\n"
    file = path(folder, job)
    write_atomically(file, lambda partial: partial.write_text(text, encoding="utf-8"))
    return file


def read(file: Path) -> tuple[Job, Kept]:
    """A job and what is kept of it.

    Raises:
        InputError: no such file, or not in this format.
    """
    try:
        given: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if given["format"] != FORMAT:
            raise ValueError(f"format {given['format']}, expected {FORMAT}")
        fields = [item.name for item in dataclasses.fields(Kept)]
        given = {"target": "", "said": {}} | given  # files kept before they were noted
        job, kept = Job(**given["job"]), Kept(**{name: given[name] for name in fields})
        texts = [text for row in kept.rows.values() for text in row.values()]
        if any(len(text) != len(kept.subjects) or {*text} - {*"01"} for text in texts):
            raise ValueError("successes that are not one 0 or 1 for each subject's row")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"cannot read {file}: {error}; restore or delete it") from error
    return job, dataclasses.replace(kept, subjects=np.array(kept.subjects, np.int64))


def answers(folder: Path, jobs: list[Job], samples: Mapping[str, Samples]) -> dict[Job, Kept]:
    """The jobs for which a file in the folder answers.

    Args:
        folder: of kept files; need not exist.
        jobs: which are wanted.
        samples: by the name of the dataset.
    """
    found = {}
    for job in jobs:
        file = path(folder, job)
        if file.exists():
            named, kept = read(file)
            if named == job and kept.what == what(job, samples[job.dataset]):
                found[job] = kept
    return found
