"""What docs/paper-*.md and docs/results.md are: nothing but what is kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench import paper, results, steps
from fowh.paper.experiment import TABLES


@pytest.mark.parametrize("name", ["paper-extractor", "paper-design"])
def test_a_page_of_the_paper_is_what_is_written_from_its_files(name: str) -> None:
    """Or ``python -m bench.paper write`` was forgotten."""
    assert (paper.DOCS / f"{name}.md").read_text("utf-8") == paper.pages()[name]


def test_the_page_of_results_is_what_is_written_from_its_records() -> None:
    """Or ``python -m bench.results write`` was forgotten."""
    assert (results.DOCS / "results.md").read_text("utf-8") == results.whole(results.read_kept())


def test_every_table_has_a_title() -> None:
    assert set(paper.TITLES) == set(TABLES)


def test_chance_is_said_where_all_of_the_test_set_was_attacked() -> None:
    cells = [(job, cell) for job, cell in paper.read_all().items() if job.leak == "templates"]
    said = paper.chance([(job, cell) for job, cell in cells if len(cell.subjects) < 2000])
    assert "Chance of Rank-1: 0.2" in said and "1,661 readings of" in said
    named = {"said": {"chance": {"named": 1 / 356}}}
    (job, cell), *_ = cells
    outputs = (replace(job, leak="outputs"), replace(cell, **named))
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
        "errors": {"sr": {"commit": "abc", "said": [[300, 0.5], [900, 0.25], None]}},
        "weights": {
            "sr": {"commit": "abc", "said": [[100, 0.75]] * len(steps.settings("sr"))},
            "srwal": {"commit": "abc+", "said": [[100 + n, 0.5] for n in range(len(tried))]},
        },
    }
    steps.KEPT.write_text(json.dumps(kept))
    steps.write()
    text = steps.PAGE.read_text()
    assert "| sr | 0.500 (after 300) | 0.250 (after 900) | - |" in text
    assert "| as it is | 0.750 (after 100) | 0.500 (after 100) | 0.625 |" in text
    assert f"| alignment 0.3 | - | 0.500 (after {99 + len(tried)}) | - |" in text
    assert text.endswith("Measured at abc, abc+.\n")
