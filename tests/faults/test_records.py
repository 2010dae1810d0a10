"""One bad record hides no good one, and long-tailed data are measured as far as they go."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest

from fowh.core.errors import LINE, InputError, one_line
from fowh.records import store
from tests.faults import broken, driver


def spoilt() -> dict[str, Any]:
    """What may lie in place of a record, by name: each makes it from a good one's folder.

    Arrays are those that the record's digest is of, where they are sealed: no digest catches them.
    """

    def text(words: str) -> Any:
        return lambda folder: (folder / "record.json").write_text(words, encoding="utf-8")

    def pipe(name: str) -> Any:
        def make(folder: Path) -> None:
            (folder / name).unlink()
            os.mkfifo(folder / name)

        return make

    def arrays(sealed: bool = True, **others: Any) -> Any:
        def make(folder: Path) -> None:
            (folder / "observations.npz").write_bytes(broken.npz(**others))
            if sealed:
                broken.reseal(folder)

        return make

    return {
        "empty": text(""),
        "no JSON": text("{"),
        "a list": text("[]"),
        "deep": text("[" * 100_000),
        "digits": text("9" * 5000),
        "earlier": text('{"schema": 1}'),
        "a pipe": pipe("record.json"),
        "arrays are a pipe": pipe("observations.npz"),
        "no arrays": lambda folder: (folder / "observations.npz").unlink(),
        "other arrays": arrays(sealed=False, a=np.zeros(3)),
        "a picture of another shape": arrays(
            **{"shown.original": np.zeros((2, 3, 4, 5, 6)), "shown.subject": np.zeros(2, int)}
        ),
        "scores of another kind": arrays(
            **{
                "utility.stolen_key.score": np.zeros(3),
                "utility.stolen_key.mated": np.array([True, False]),
            }
        ),
    }


def test_report_skips_what_is_bad_names_it_and_shows_the_rest(cell: Path, tmp_path: Path) -> None:
    shutil.copytree(cell, tmp_path / "a good one: 100 % #1?")
    bad = spoilt()
    for name, make in bad.items():
        shutil.copytree(cell, tmp_path / name)
        make(tmp_path / name)
    seen = driver.run(["report", "."], tmp_path)
    assert seen.code == 2
    assert "lsh" in seen.out
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    links = re.findall(r'<a href="([^"]+)"', page)
    assert "a good one: 100 % #1?/report.html" in map(unquote, links)
    for link in links:
        assert not re.search(r"[ ?#:\x00-\x1f]", link)
        assert (tmp_path / unquote(link)).is_file()
    skipped = [line for line in seen.lines if line.startswith("skipped: ")]
    assert {name for name in bad for line in skipped if name in line} == {*bad}
    assert any("cannot be drawn" in line for line in skipped)
    assert seen.lines[-1].startswith("fowh: ") and "Traceback" not in seen.err


def mutations(whole: str, seed: int, count: int) -> list[str]:
    """Records in which one value somewhere is another."""
    odd = (
        None,
        True,
        -1,
        2**70,
        1e308,
        "",
        "x" * 2000,
        "\x1b[31m",
        "\udcff",
        [],
        {},
        [[]],
        {"": 0},
    )
    stream, made = random.Random(seed), []
    for _ in range(count):
        record = json.loads(whole)
        at: Any = record
        while True:
            keys = [*at] if isinstance(at, dict) else [*range(len(at))]
            key = stream.choice(keys)
            inner = at[key]
            if not isinstance(inner, dict | list) or not inner or stream.random() < 0.15:
                break
            at = inner
        if isinstance(at, dict) and stream.random() < 0.2:
            del at[key]
        else:
            at[key] = stream.choice(odd)
        made.append(json.dumps(record))
    return made


def test_a_mutated_record_is_shown_or_skipped_in_one_line(
    cell: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each carries the digests of what it says now; those that are read at all are drawn."""
    many, drawn = (3000, 50) if request.config.getoption("--run-slow") else (210, 1)
    drawn = 300 if "FOWH_THOROUGH" in os.environ else drawn
    file = Path(shutil.copytree(cell, tmp_path / "cell")) / "record.json"
    whole, read = file.read_text(encoding="utf-8"), []
    for text in map(broken.resealed, mutations(whole, 1, many)):
        file.write_text(text, encoding="utf-8")
        try:
            store.load(file.parent)
        except InputError as error:
            assert 15 < len(one_line(str(error))) <= LINE
        else:
            read.append(text)
    assert len(read) > many // 4
    for text in read[:drawn]:
        file.write_text(text, encoding="utf-8")
        seen = driver.run(["report", "."], tmp_path)
        wrong = driver.violations(seen, 0, 2)
        wrong = [each for each in wrong if not each.startswith("left")]
        assert not wrong, f"{wrong}\n{seen.err}"


TAILS = {
    "one has three": [1] * 14 + [3],
    "two have two": [1] * 12 + [2, 2],
    "one has all": [6] + [1] * 11,
    "few": [1, 1, 1, 2],
    "seven": [1] * 6 + [2],
}


@pytest.mark.parametrize(
    ("tail", "scheme"),
    [
        ("one has three", "raw"),
        pytest.param("one has all", "lsh:bits=32", marks=pytest.mark.slow),
        pytest.param("two have two", "salted_hash", marks=pytest.mark.slow),
        pytest.param("few", "iom:hashes=20", marks=pytest.mark.slow),
        pytest.param("seven", "raw", marks=pytest.mark.slow),
        pytest.param("two have two", "fuzzy_commitment", marks=pytest.mark.slow),
    ],
)
def test_long_tailed_data_are_measured_as_far_as_they_go(
    tail: str, scheme: str, tmp_path: Path
) -> None:
    """As in LFW, most people have one photograph: what has no comparison is "not measured"."""
    rng = np.random.default_rng(0)
    whose = np.repeat(np.arange(len(TAILS[tail])), TAILS[tail])
    centres = rng.standard_normal((len(TAILS[tail]), 8))
    values = centres[whose] + 0.2 * rng.standard_normal((len(whose), 8))
    np.savez(tmp_path / "tail.npz", embeddings=values.astype("f4"), subjects=whose)
    words = ["--dataset", "embeddings:path=tail.npz", "--attack", "ridge", "--device", "cpu"]
    if tail == "few":  # too few to split
        driver.run(["evaluate", "--scheme", scheme, *words], tmp_path)
    driver.check(["evaluate", "--scheme", scheme, *words], tmp_path, 0)
    (folder,) = (tmp_path / "results").iterdir()
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    assert record["status"] == "ok"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "None" not in page and "nan" not in re.sub(r"\w*nan\w+|\w+nan\w*", "", page)
    driver.check(["report", "results"], tmp_path, 0)
