"""The best single attack, all together, and blind guesses, on tables made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fowh.cells import make_cell
from fowh.core.randomness import stream
from fowh.core.threat import Threat
from fowh.engine.attempt import Attempt
from fowh.engine.cell import row_name
from fowh.engine.findings import Findings, Row
from fowh.engine.judge import Judged
from fowh.records import strongest

NAN = np.nan
PEOPLE = np.arange(6)
FOLDS = np.array([0, 0, 1, 1, 2, 2])  # two victims in each of three folds


def streams(*stage: str) -> np.random.Generator:
    return stream(0, *stage)


def table(*, folds: Any = FOLDS, **attacks: Any) -> dict[Row, dict[str, np.ndarray]]:
    """Rank-1 of each attack on every stolen row."""
    made: dict[Row, dict[str, np.ndarray]] = {}
    for name, rank1 in attacks.items():
        values = np.asarray(rank1, dtype=float)
        made["attacks", name] = {
            "fold": np.where(np.isnan(values), NAN, folds),
            "rank1": values,
            "tries_named": np.ones(len(values)),  # no metric: states nothing
        }
    return made


def no_gain(*_: object) -> None:
    """As where no blind control is comparable."""


def best(
    given: dict[Row, dict[str, np.ndarray]], subjects: np.ndarray = PEOPLE
) -> tuple[float | None, int, list[str]]:
    found = strongest.best(given, list(given), subjects, streams, no_gain, {})
    assert set(found["metrics"]) == set(found["chosen"]) == {"rank1"}
    value = found["metrics"]["rank1"]
    return value["value"], value["n"], found["chosen"]["rank1"]


def test_each_fold_is_counted_with_what_does_best_on_the_others() -> None:
    """Every attack wins on a fold of its own, and on the other folds another one does.

    Hits of a, b and c by fold: 2 0 1, 0 2 0 and 1 1 2. Of fold 0 c is chosen (0+1, 2+0 and 1+2),
    of fold 1 a or c (2+1, 0+0, 1+2: the first), of fold 2 a, b and c tie at 2 (the first).
    """
    found = best(table(a=[1, 1, 0, 0, 0, 1], b=[0, 0, 1, 1, 0, 0], c=[0, 1, 1, 0, 1, 1]))
    assert found == (pytest.approx((1 + 0 + 1) / 6), 6, ["c", "a", "a"])


def test_the_best_is_never_what_it_is_by_the_rows_that_it_is_counted_on() -> None:
    """Three attacks, each of which hits one fold and nothing else: nobody can know which."""
    found = best(table(a=[1, 1, 0, 0, 0, 0], b=[0, 0, 1, 1, 0, 0], c=[0, 0, 0, 0, 1, 1]))
    assert found[0] == 0.0  # their union is 1, the largest of their rates a third
    assert found[2] == ["b", "a", "a"]


def test_what_did_not_run_on_a_fold_is_not_chosen_for_it() -> None:
    found = best(table(a=[1, 0, 0, 0, 0, 0], b=[NAN, NAN, 1, 1, 1, 1]))
    assert found == (pytest.approx(5 / 6), 6, ["a", "b", "b"])


def test_the_first_attack_need_not_have_run_everywhere() -> None:
    """It says nothing about which folds there are."""
    found = best(table(b=[1, 1, NAN, NAN, NAN, NAN], a=[0, 1, 1, 0, 0, 0]))
    # b ran on one fold only, so that nothing speaks for it elsewhere
    assert found == (pytest.approx(2 / 6), 6, ["a", "a", "a"])


def test_a_row_that_was_not_measured_counts_for_nobody() -> None:
    found = best(table(a=[1, NAN, 1, 1, 1, 0], b=[0, 0, 0, 0, 0, 0]))
    assert found == (pytest.approx(4 / 5), 5, ["a", "a", "a"])


def test_a_fold_where_nothing_ran_has_no_choice() -> None:
    found = best(table(a=[1, 1, 0, 1, NAN, NAN], b=[0, 1, 0, 0, NAN, NAN]))
    assert found == (pytest.approx(3 / 4), 4, ["a", "a"])


def test_of_a_single_fold_each_half_of_its_people_is_counted_with_the_other_s_best() -> None:
    """Which halves is drawn; people are never parted, and the rule can be followed by hand."""
    subjects = np.repeat(np.arange(6), 2)
    draw = np.random.default_rng(0)
    a, b = draw.integers(2, size=(2, 12)).astype(float)
    half = stream(0, "best", "halves").permutation(6)[:3]
    parts = np.isin(subjects, half)
    expected = np.zeros(12)
    chosen = []
    for part in (False, True):
        elsewhere = parts != part
        better = "a" if a[elsewhere].mean() >= b[elsewhere].mean() else "b"
        expected[~elsewhere] = {"a": a, "b": b}[better][~elsewhere]
        chosen.append(better)
    found = best(table(folds=0, a=a, b=b), subjects)
    assert found == (pytest.approx(expected.mean()), 12, chosen)


def test_a_single_attack_is_the_best_without_a_choice() -> None:
    found = best(table(folds=0, a=[1, 0]), np.array([3, 3]))  # one person: no halves either
    assert found == (0.5, 2, ["a"])


def test_one_person_s_best_of_several_is_unknown() -> None:
    found = best(table(folds=0, a=[1, 0], b=[1, 1]), np.array([3, 3]))
    assert found == (None, 0, [])


def test_rendered_rows_are_told_apart() -> None:
    assert strongest.named(("attacks", "ridge")) == "ridge"
    assert strongest.named(("rendered", "ridge")) == "ridge > rendered"


def findings(*turns: Any) -> Findings:
    found = Findings()
    found.tries = [{"rank1": np.asarray(part, dtype=float)} for part in turns]
    for name in "abc":
        judged = Judged(np.ones((1, 2), np.float32), {}, {})
        attempt = Attempt("attacks", name, "embeddings", judged)
        found.rows["attacks", name] += [(fold, attempt) for fold in range(3)]
    return found


def test_the_union_is_beside_as_many_blind_guesses() -> None:
    given = table(a=[1, 0, 0, 0, 0, 0], b=[0, 1, 0, 0, 0, 0], c=[1, 0, 1, 0, 0, NAN])
    found = findings([1, 2], [3, 4], [np.inf, 1])
    for count, hits in ((1, 2), (2, 3), (3, 4)):
        rows = list(given)[:count]
        worst = strongest.worst(given, rows, found, PEOPLE, streams)
        assert worst["of"] == ["a", "b", "c"][:count] and worst["folds"] == 3
        assert worst["metrics"]["rank1"]["value"] == pytest.approx(count / 6)
        assert worst["blind"]["rank1"]["value"] == pytest.approx(hits / 6)
        assert set(worst["metrics"]) == {"rank1"}


def test_blind_guesses_of_a_metric_that_no_attack_has_are_not_beside_the_union() -> None:
    found = findings([1, 2], [3, 4], [5, 6])
    for part in found.tries:
        part["named"] = np.ones(2)
    given = table(a=[1, 0, 0, 0, 0, 0])
    assert set(strongest.worst(given, list(given), found, PEOPLE, streams)["blind"]) == {"rank1"}


def test_guesses_by_how_many_are_made() -> None:
    found = strongest.guesses(findings([1, 10], [11, 100], [101, np.inf]), PEOPLE, streams)
    shares = {count: value["value"] for count, value in found["rank1"].items()}
    assert shares == pytest.approx({"1": 1 / 6, "10": 2 / 6, "100": 4 / 6, "1000": 5 / 6})
    assert all(value["n"] == 6 for value in found["rank1"].values())


def test_without_attacks_there_is_nothing() -> None:
    assert strongest.best({}, [], PEOPLE, streams, no_gain, {}) == {
        "metrics": {},
        "chosen": {},
        "followed": {},
        "likeness": {},
    }
    nothing = strongest.worst({}, [], findings([1]), PEOPLE, streams)
    assert nothing == {"metrics": {}, "folds": 0, "of": [], "blind": {}}


def test_who_is_informed_counts_in_no_headline() -> None:
    """Of two attacks on the same rows the look-up hits all; it is named nowhere."""
    cell = make_cell(
        "plain",
        target="mlp",
        leak="gradients",
        attacks=["first_layer", "lookup"],
        threat=Threat(candidates=80),
    )
    names = [row_name(attack) for attack in cell.attacks]
    given = table(**{names[0]: [0, 1, 0, 0, 0, 0], names[1]: [1] * 6})
    sections: dict[str, Any] = {"attacks": {}, "rendered": {}, "controls": {}}
    kept = strongest.counted(cell, given, sections, {})
    assert kept == [("attacks", names[0])]


def test_the_advantage_of_the_best_is_that_of_what_was_chosen() -> None:
    """Of the first test: hits 1 0 0 1 ... of c, a and a, handed to whoever compares it."""
    seen: list[Any] = []

    def gain(metric: str, column: np.ndarray, of: list[Row]) -> dict[str, Any]:
        seen.extend([metric, column.tolist(), [name for _, name in of]])
        return {"value": 0.5}

    given = table(a=[1, 1, 0, 0, 0, 1], b=[0, 0, 1, 1, 0, 0], c=[0, 1, 1, 0, 1, 1])
    found = strongest.best(given, list(given), PEOPLE, streams, gain, {})
    assert seen == ["rank1", [0, 1, 0, 0, 0, 1], ["c", "a", "a"]]
    assert found["metrics"]["advantage_rank1"] == {"value": 0.5}
    assert "advantage_rank1" not in found["chosen"]


def test_likeness_of_the_best_is_that_of_what_was_chosen() -> None:
    """Of the same choices, c, a and a: where one of them hands in no samples nothing is said."""

    def gain(*_: object) -> dict[str, Any]:
        return {"value": 0.5}

    given = table(a=[1, 1, 0, 0, 0, 1], b=[0, 0, 1, 1, 0, 0], c=[0, 1, 1, 0, 1, 1])
    for name, ssim in {"a": 0.1, "b": 0.5, "c": 0.7}.items():
        given["attacks", name]["ssim"] = np.full(6, ssim)
    given["attacks", "a"]["psnr"] = np.full(6, 20.0)
    found = strongest.best(given, list(given), PEOPLE, streams, gain, {})["likeness"]
    assert set(found) == {"rank1"} and set(found["rank1"]) == {"ssim"}
    assert found["rank1"]["ssim"]["value"] == pytest.approx((2 * 0.7 + 4 * 0.1) / 6)
    assert found["rank1"]["ssim"]["n"] == 6
    assert strongest.best(given, list(given), PEOPLE, streams, no_gain, {})["likeness"] == {}


def test_an_attack_may_be_followed_by_blind_guesses() -> None:
    """Hits on two of six; of the others a blind list finds one at once, one on its ninth turn."""
    given = table(a=[1, 0, 0, 0, 0, 1])
    turns = np.array([5, 1, 9, 10, 2000, np.inf])
    found = strongest.best(given, list(given), PEOPLE, streams, no_gain, {"rank1": turns})
    values = {count: part["value"] for count, part in found["followed"]["rank1"].items()}
    # With ten guesses nine are blind: the tenth turn comes too late.
    assert values == pytest.approx({"1": 2 / 6, "10": 4 / 6, "100": 5 / 6, "1000": 5 / 6})
    few = strongest.best(given, list(given), PEOPLE, streams, no_gain, {"rank1": -turns})
    assert few["followed"]["rank1"]["10"]["value"] is None  # not that many were judged


def test_own_candidates_come_before_blind_guesses() -> None:
    """Two candidates a row: success within two is theirs alone, then blind guesses begin."""
    given = table(a=[1, 0, 0, 0, 0, NAN])
    turns = np.array([9, 9, 1, 9, 10, 1])
    given["attacks", "a"] |= {
        "tries_rank1": np.array([1, 2, np.inf, np.inf, np.inf, NAN]),
        "candidates": np.array([2, 2, 2, 2, 2, NAN]),
    }
    found = strongest.best(given, list(given), PEOPLE, streams, no_gain, {"rank1": turns})
    values = {count: part["value"] for count, part in found["followed"]["rank1"].items()}
    # Of ten guesses two are his: the ninth blind turn is the eleventh.
    assert values == pytest.approx({"1": 1 / 5, "10": 3 / 5, "100": 1.0, "1000": 1.0})
    few = strongest.best(given, list(given), PEOPLE, streams, no_gain, {"rank1": turns * -1.0})
    assert few["followed"]["rank1"]["1"]["value"] == pytest.approx(1 / 5)
    assert few["followed"]["rank1"]["10"]["value"] is None


def test_candidates_are_counted_for_each_fold_s_own_choice() -> None:
    """Folds 0 and 2 are given ten candidates of one attack, fold 1 a single one of another."""
    given = table(a=[0, 0, 1, 1, 0, 0], b=[1, 0, 0, 0, 1, 1])
    given["attacks", "a"] |= {
        "tries_rank1": np.array([np.inf, 10, 1, 1, 3, 11]),
        "candidates": np.full(6, 10.0),
    }
    found = strongest.best(
        given, list(given), PEOPLE, streams, no_gain, {"rank1": np.array([1, 1, 10, 9, 1, 1])}
    )
    assert found["chosen"]["rank1"] == ["a", "b", "a"]
    values = {count: part["value"] for count, part in found["followed"]["rank1"].items()}
    # Within ten: a's own candidates at rows 1 and 4, and b with nine blind guesses at row 3.
    assert values["1"] == 0.0
    assert values["10"] == pytest.approx(3 / 6)
    assert values["100"] == 1.0
