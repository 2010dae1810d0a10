"""What docs/paper-*.md and docs/results.md are: nothing but what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import paper, results, steps
from fowh.paper.experiment import TABLES
from fowh.paper.jobs import make_jobs
from fowh.paper.kept import Kept


def test_the_pages_of_the_paper_are_what_is_written_from_its_files() -> None:
    """Or ``python -m bench.paper write`` was forgotten."""
    for name, text in paper.pages().items():
        assert (paper.DOCS / f"{name}.md").read_text("utf-8") == text, name


def test_the_page_of_results_is_what_is_written_from_its_records() -> None:
    """Or ``python -m bench.results write`` was forgotten."""
    assert (results.DOCS / "results.md").read_text("utf-8") == results.whole(results.read_kept())


def test_every_table_has_a_title() -> None:
    assert set(paper.TITLES) == set(TABLES)


def test_files_of_several_commits_are_no_page() -> None:
    jobs = make_jobs("table1", "iris", "densenet", "afm_iris", (500,), 2, ("templates",))
    whose, rows = np.repeat(np.arange(4), 5), {"gan": {"rank1": "01" * 10}}
    cells = [Kept("", "", commit, {}, whose, rows) for commit in ("abc", "abc", "def")]
    found = dict(zip(jobs, cells[:2], strict=False))
    assert "Measured at abc." in paper.page("A page", ("table1",), ("extractor",), found)
    found[jobs[3]] = cells[2]
    with pytest.raises(SystemExit, match="of commits abc, def; expected one"):
        paper.page("A page", ("table1",), ("extractor",), found)


def test_chance_is_said_where_all_of_the_test_set_was_attacked() -> None:
    job, *_ = make_jobs("table1", "iris", "densenet", "afm_iris", (500,), 1, ("templates",))
    whose = np.repeat(np.arange(4), 5)
    cell = Kept("", "", "", {}, whose, {}, said={"chance": {"named": 1 / 356}})
    said = paper.chance([(job, cell)])
    assert said.startswith("\nChance of Rank-1: 21.05 % in a gallery of 20 readings of 4 people")
    outputs = (replace(job, leak="outputs"), cell)
    assert paper.chance([outputs]) == "\nChance of accuracy: 0.28 %, one class of all."
    assert paper.chance([]) == ""


def test_success_within_so_many_guesses_has_the_attack_and_the_blind() -> None:
    record = next(iter(results.read_kept().values()))[1]
    attack, blind = results.followed(record).splitlines()[2:]
    assert attack.startswith("| best single attack, then blind guesses | 100.0 [")
    assert blind.startswith("| blind guesses | 4.8 [") and blind.count("|") == 6
    assert results.followed(record | {"best": {}}) == ""


def test_the_page_of_steps_has_every_method_and_setting(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(steps, "KEPT", tmp_path / "steps.json")
    monkeypatch.setattr(steps, "PAGE", tmp_path / "steps.md")
    tried = steps.settings("srwal")
    kept = {
        "lengths": {"sr": {"commit": "abc", "said": [[300, 0.5], None]}},
        "weights": {
            "sr": {"commit": "abc", "said": [[100, 0.75]] * len(steps.settings("sr"))},
            "srwal": {"commit": "abc+", "said": [[100 + n, 0.5] for n in range(len(tried))]},
        },
    }
    steps.KEPT.write_text(json.dumps(kept))
    steps.write()
    text = steps.PAGE.read_text()
    assert "| sr | 0.500 (after 300) | - |" in text
    assert "| as it was | 0.750 (after 100) | 0.500 (after 100) | 0.625 |" in text
    assert f"| alignment 0.3 | - | 0.500 (after {99 + len(tried)}) | - |" in text
    assert text.endswith("Measured at abc, abc+.\n")


def test_the_page_of_steps_is_what_is_written_from_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(steps, "PAGE", tmp_path / "steps.md")
    steps.write()
    assert steps.PAGE.read_text() == (paper.DOCS / "paper-steps.md").read_text("utf-8")
