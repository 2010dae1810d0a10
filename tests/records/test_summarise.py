"""From raw observations to a record, on findings made by hand: what counts, and on which rows."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

import fowh
from fowh.cells import make_cell
from fowh.core.modality import Columns
from fowh.core.threat import Threat
from fowh.engine.attempt import Attempt
from fowh.engine.cell import Cell
from fowh.engine.findings import Findings
from fowh.engine.judge import Judged
from fowh.engine.observe import observe
from fowh.metrics import BY_NAME
from fowh.records import schema
from fowh.records.summarise import summarise

WORLD = "gaussian:subjects=4,readings=2,dim=8"  # two folds of two victims: four stolen rows each
ROWS = 4


@pytest.fixture(scope="module")
def cell() -> Cell:
    return make_cell(scheme="raw", dataset=WORLD, attacks=["preimage", "ridge", "gan:steps=5"])


@pytest.fixture(scope="module")
def measured(cell: Cell) -> Findings:
    """A real run, with all rows of its table taken out."""
    bare = replace(cell, attacks=())
    found = observe(bare, cell.dataset.load(), "cpu", lambda text, done: None)
    found.rows.clear()
    found.seconds.clear()
    found.queries.clear()
    found.remarks.clear()
    return found


def columns(fold: int, rank1: list[int], type1: list[int]) -> Columns:
    """Observations that are nothing but these successes."""
    near, far = 0.0, 1e6
    whose = np.array([fold, fold, fold + 2, fold + 2])
    return {
        "subject": whose,
        "fold": np.full(ROWS, fold),
        "rank1": np.array(rank1, dtype=bool),
        "distance": np.where(type1, near, far),
        "other_distance": np.full((ROWS, 1), far),
        "accept_score": np.full(ROWS, -far),
        "renewed_score": np.full(ROWS, -far),
        "purity": np.zeros(ROWS),
        "purity_centred": np.zeros(ROWS),
    }


def add(
    found: Findings,
    section: Any,
    name: str,
    *folds: list[int],
    yields: str = "embeddings",
    **likeness: float,
) -> None:
    """A row of the table whose Rank-1 in each fold is given; Type-1 is the same."""
    for fold, rank1 in enumerate(folds):
        shown = {metric: np.full(ROWS, x) for metric, x in likeness.items()}
        judged = Judged(np.zeros((ROWS, 8), np.float32), columns(fold, rank1, rank1), shown)
        found.rows[section, name].append((fold, Attempt(section, name, yields, judged)))


@pytest.fixture
def found(measured: Findings) -> Findings:
    made = copy.deepcopy(measured)
    assert [len(part) for part in made.stolen] == [ROWS, ROWS]
    add(made, "controls", "random", [0, 0, 0, 0], [0, 0, 0, 0])
    add(made, "controls", "mean", [1, 0, 0, 0], [0, 0, 0, 0])
    add(made, "controls", "unprotected", [1, 1, 1, 1], [1, 1, 1, 1])
    add(made, "attacks", "preimage", [1, 1, 0, 0], [1, 1, 1, 0])
    add(made, "attacks", "ridge", [0, 0, 1, 0], [0, 0, 0, 0])
    add(made, "attacks", "gan:steps=5", [1, 1, 0, 1], yields="samples", ssim=0.25)
    return made


def record(cell: Cell, found: Findings) -> dict[str, Any]:
    made, _ = summarise(cell, cell.dataset.load(), found, "cpu")
    return made


def rank1(row: dict[str, Any], metric: str = "rank1") -> tuple[float, int]:
    value = row["metrics"][metric]
    return value["value"], value["n"]


def test_a_record_is_json_of_the_documented_schema(cell: Cell, found: Findings) -> None:
    made = record(cell, found)
    assert made["schema"] == schema.VERSION == 3
    assert schema.problem(json.loads(json.dumps(made, allow_nan=False))) is None


def test_rates_are_over_the_rows_that_were_measured(cell: Cell, found: Findings) -> None:
    made = record(cell, found)
    assert rank1(made["attacks"]["preimage"]) == (5 / 8, 8)
    assert rank1(made["attacks"]["gan:steps=5"]) == (3 / 4, 4)  # it ran on one fold
    assert rank1(made["attacks"]["gan:steps=5"], "ssim") == (0.25, 4)
    assert (made["attacks"]["preimage"]["folds"], made["attacks"]["gan:steps=5"]["folds"]) == (2, 1)
    assert made["data"]["stolen"] == 8 and made["data"]["subjects"] == 4


def test_an_advantage_is_over_the_best_blind_control_on_the_same_rows(
    cell: Cell, found: Findings
) -> None:
    made = record(cell, found)
    # the mean has 1 of 8 in all folds, and 1 of the 4 rows on which pictures were made
    assert rank1(made["attacks"]["preimage"], "advantage_rank1") == (5 / 8 - 1 / 8, 8)
    assert rank1(made["attacks"]["gan:steps=5"], "advantage_rank1") == (3 / 4 - 1 / 4, 4)
    assert "advantage_type1_at_fmr_1e-3" in made["attacks"]["ridge"]["metrics"]
    assert not any("advantage" in name for name in made["controls"]["mean"]["metrics"])


def test_under_white_box_a_row_says_what_the_network_is_worth_to_it(
    cell: Cell, found: Findings
) -> None:
    """Paired with the same attack without it; what would always succeed gains the rest."""
    attacks = make_cell("raw", WORLD, attacks="morph_gan", threat=Threat(box="white")).attacks
    granted = replace(cell, attacks=attacks, threat=Threat(box="white"))
    add(found, "attacks", "morph_gan", [1, 1, 0, 1], yields="samples", transfer_rank1=0.5)
    add(found, "attacks", "morph_gan:descent=0", [1, 0, 1, 0], yields="samples", transfer_rank1=1)
    made = record(granted, found)
    assert schema.problem(made) is None
    said = made["attacks"]["morph_gan"]["black_box"]
    assert said["of"] == "morph_gan:descent=0"
    assert {name: x["value"] for name, x in said["gains"].items()} == {
        "rank1": 1 / 4,
        "type1_at_fmr_1e-3": 1 / 4,
        "transfer_rank1": -1 / 2,
    }
    assert said["room"]["rank1"]["value"] == 2 / 4 and said["room"]["rank1"]["n"] == 4
    assert "black_box" not in made["attacks"]["morph_gan:descent=0"]
    black = record(replace(granted, threat=Threat()), found)
    assert "black_box" not in black["attacks"]["morph_gan"]


def test_pictures_meet_blind_pictures_and_embeddings_do_not(cell: Cell, found: Findings) -> None:
    before = record(cell, found)
    add(found, "controls", "mean_rendered", [1, 1, 1, 0], [1, 1, 1, 1], yields="samples")
    after = record(cell, found)
    assert rank1(after["attacks"]["gan:steps=5"], "advantage_rank1") == (0, 4)
    assert after["attacks"]["preimage"] == before["attacks"]["preimage"]


def test_a_blind_control_that_missed_some_of_the_rows_does_not_count(
    cell: Cell, found: Findings
) -> None:
    del found.rows["controls", "random"]
    add(found, "controls", "medoid", [1, 1, 1, 1])  # on the first fold only
    found.rows["controls", "mean"] = found.rows.pop(("controls", "mean"))  # in either order
    made = record(cell, found)
    assert rank1(made["attacks"]["preimage"], "advantage_rank1") == (4 / 8, 8)
    assert rank1(made["attacks"]["gan:steps=5"], "advantage_rank1") == (-1 / 4, 4)


def test_controls_say_whether_they_are_blind_and_whether_they_are_derived(
    cell: Cell, found: Findings
) -> None:
    for name in ("shuffled", "nearest", "mated_probe", "mean_rendered", "shuffled_rendered"):
        add(found, "controls", name, [0, 0, 0, 0])
    add(found, "controls", "unprotected_rendered", [0, 0, 0, 0])
    said = {n: (row["blind"], row["derived"]) for n, row in record(cell, found)["controls"].items()}
    assert said == {
        **dict.fromkeys(("random", "mean", "mean_rendered"), (True, False)),
        **dict.fromkeys(("shuffled", "shuffled_rendered"), (True, True)),
        **dict.fromkeys(
            ("nearest", "mated_probe", "unprotected", "unprotected_rendered"), (False, False)
        ),
    }


@dataclass(frozen=True)
class First(fowh.Attack):
    """Blind, and no control of the protocol: the first of the attacker's own, for everybody."""

    yields = "embeddings"
    blind = True

    def run(self, view: fowh.View, rng: np.random.Generator) -> np.ndarray:
        return np.repeat(view.embeddings[:1], view.release.samples, axis=0)


def test_a_blind_attack_that_was_asked_for_stands_among_the_controls() -> None:
    record = fowh.evaluate("raw", dataset=WORLD, attacks=["ridge", First()], device="cpu").record
    assert schema.problem(record) is None
    (name,) = (
        record["controls"].keys()
        - record["attacks"].keys()
        - {*("random", "mean", "medoid", "unprotected", "nearest", "mated_probe", "shuffled")}
    )
    assert name.endswith(":First")
    assert [*record["attacks"]] == ["ridge"]


def test_the_worst_case_is_the_best_attack_on_each_row(cell: Cell, found: Findings) -> None:
    add(found, "rendered", "preimage", [0, 0, 0, 1], yields="samples", ssim=0.5)
    worst = record(cell, found)["worst"]
    # fold 1: preimage has two rows, ridge the third, pictures the fourth; fold 2: three of four
    assert rank1(worst) == (7 / 8, 8)
    assert worst["of"] == ["preimage", "ridge", "gan:steps=5", "preimage > rendered"]
    assert worst["folds"] == 2
    assert {BY_NAME[name].role for name in worst["metrics"]} == {"success"}  # no likeness


def test_the_best_single_attack_is_chosen_on_the_other_fold(cell: Cell, found: Findings) -> None:
    """Pre-image has 2 of 4 and 3 of 4, ridge 1 of 4 and none; pictures were made of one fold."""
    best = record(cell, found)["best"]
    assert best["chosen"]["rank1"] == ["preimage", "preimage"]
    assert rank1(best) == (5 / 8, 8)
    add(found, "rendered", "preimage", [1, 0, 0, 0], [1, 1, 1, 1], yields="samples", ssim=0.5)
    best = record(cell, found)["best"]
    assert best["chosen"]["rank1"] == ["preimage > rendered", "preimage"]  # 4 against 3; 2 to 1
    assert rank1(best) == ((1 + 3) / 8, 8)
    assert "ssim" not in best["metrics"] and "fold" not in best["metrics"]


def test_blind_guesses_are_stated_by_their_number_and_kept_turn_by_turn(
    cell: Cell, found: Findings
) -> None:
    turns = np.array([1, 2, 10, 11])
    found.tries = [{"rank1": turns.astype(float)}, {"rank1": np.array([3, 1000, 1001, np.inf])}]
    made, arrays = summarise(cell, cell.dataset.load(), found, "cpu")
    shares = {count: value["value"] for count, value in made["guesses"]["rank1"].items()}
    assert shares == {"1": 1 / 8, "10": 4 / 8, "100": 5 / 8, "1000": 6 / 8}
    assert arrays["guesses.rank1"].tolist() == [1, 2, 10, 11, 3, 1000, 1001, np.inf]
    # three rows of attacks: as many guesses beside their union
    assert made["worst"]["of"] == ["preimage", "ridge", "gan:steps=5"]
    assert rank1({"metrics": made["worst"]["blind"]}) == (3 / 8, 8)


def test_of_several_candidates_it_is_stated_how_often_one_of_the_first_is_right(
    cell: Cell, found: Findings
) -> None:
    for (fold, attempt), turns in zip(
        found.rows["attacks", "ridge"], ([1, 2, 3, np.inf], [np.inf, 10, 10, 2]), strict=True
    ):
        assert attempt.judged is not None and fold in (0, 1)
        attempt.judged.columns["tries_rank1"] = np.array(turns, dtype=float)
    made = record(cell, found)
    row = made["attacks"]["ridge"]
    assert rank1(row, "rank1_within_2") == (3 / 8, 8)
    assert rank1(row, "rank1_within_10") == (6 / 8, 8)
    assert not any("tries" in name for name in row["metrics"])
    assert "rank1_within_2" not in made["attacks"]["preimage"]["metrics"]
    assert schema.problem(made) is None


def test_what_only_the_target_believes_is_not_in_the_worst_case(
    cell: Cell, found: Findings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four people say nothing surely: their intervals are taken for points here."""

    def points(row: dict[str, Any], metric: str, part: str = "value") -> float | None:
        value: float | None = row.get("metrics", {}).get(metric, {}).get("value")
        return value

    add(found, "controls", "unprotected_rendered", [1, 1, 1, 1], [1, 1, 1, 1], yields="samples")
    for row, x in ((("attacks", "gan:steps=5"), 0.0), (("controls", "unprotected_rendered"), 1.0)):
        for _, made in found.rows[row]:
            assert made.judged is not None
            made.judged.likeness["transfer_rank1"] = np.full(ROWS, x)
    assert record(cell, found)["worst"]["of"] == ["preimage", "ridge", "gan:steps=5"]
    monkeypatch.setattr("fowh.records.witnessed.value_of", points)
    made = record(cell, found)
    assert "adversarial" in [flag["flag"] for flag in made["flags"]]
    assert made["worst"]["of"] == ["preimage", "ridge"]
    assert rank1(made["worst"]) == (6 / 8, 8)
    assert "gan:steps=5" not in made["best"]["chosen"]["rank1"]


def test_what_failed_counts_for_nothing_anywhere(cell: Cell, found: Findings) -> None:
    found.failed["preimage"] = "Traceback: out of memory"
    made = record(cell, found)
    row = made["attacks"]["preimage"]
    assert (row["status"], row["folds"], row["metrics"]) == ("failed", 0, {})
    assert row["reason"] == made["reason"] == "Traceback: out of memory"
    assert made["status"] == "failed"
    assert made["worst"]["of"] == ["ridge", "gan:steps=5"]


def test_what_was_skipped_says_why_and_is_no_failure(cell: Cell, found: Findings) -> None:
    del found.rows["attacks", "ridge"]
    found.skipped["ridge"] = "there are no keys"
    made = record(cell, found)
    row = made["attacks"]["ridge"]
    assert (row["status"], row["reason"], row["metrics"]) == ("skipped", "there are no keys", {})
    assert made["status"] == "ok" and made["reason"] is None


def test_without_a_single_attack_there_is_no_worst_case(cell: Cell, found: Findings) -> None:
    for key in [key for key in found.rows if key[0] != "controls"]:
        del found.rows[key]
    found.skipped.update(dict.fromkeys(("preimage", "ridge", "gan:steps=5"), "not today"))
    made = record(cell, found)
    assert made["worst"] == {"metrics": {}, "folds": 0, "of": [], "blind": {}}
    assert made["best"] == {"metrics": {}, "chosen": {}, "followed": {}, "likeness": {}}
    assert schema.problem(made) is None


def test_what_an_attack_cost_and_said(cell: Cell, found: Findings) -> None:
    found.seconds |= {"ridge": 1.5, "embed": 0.5}
    found.queries |= {"ridge": 7, "rendering": 2}
    found.exhausted.add("ridge")
    found.remarks["ridge"] = {"one": None, "two": None}
    made = record(cell, found)
    row = made["attacks"]["ridge"]
    assert (row["seconds"], row["queries"], row["exhausted"]) == (1.5, 7, True)
    assert row["remarks"] == ["one", "two"]
    assert row["learned"] and not row["closed_form"]
    assert made["attacks"]["preimage"]["closed_form"]
    assert made["attacks"]["preimage"]["queries"] == 0
    assert made["stats"] == {"seconds": {"ridge": 1.5, "embed": 0.5}, "queries": 9}
    assert "budget-exhausted" in [flag["flag"] for flag in made["flags"]]


def test_the_headline_is_the_leak_s(cell: Cell, found: Findings) -> None:
    line = record(cell, found)["headline"]
    assert line["success"] == ["rank1", "type1_at_fmr_1e-3"]
    assert (line["utility"], line["scenario"]) == ("fnmr_at_fmr_1e-2", "stolen_key")
    assert list(line["scenarios"]) == ["unprotected", "own_key", "stolen_key", "renewed"]


def test_one_row_more_changes_no_other(cell: Cell, found: Findings) -> None:
    """Intervals are drawn by name: another attack beside it moves no number."""
    before = record(cell, found)
    add(found, "controls", "nearest", [0, 1, 0, 1], [0, 0, 0, 0])
    after = record(cell, found)
    assert after["attacks"] == before["attacks"]
    assert after["utility"] == before["utility"]
    for name in ("worst", "best", "guesses"):
        assert after[name] == before[name]
