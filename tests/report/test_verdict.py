"""The verdict's rules, case by case."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from fowh.report.summary import rows
from fowh.report.verdict import at_goal, blind, gains, short_verdict, verdict
from tests.report.cells import broken, ran, recognition, resisting, success, value

Record = dict[str, Any]


def _leaking() -> Record:
    """Rank 1 of 21 % against a blind 2 %, and nothing else."""
    record = resisting()
    record["attacks"]["ridge"]["metrics"]["rank1"] = value(0.21)
    record["worst"]["metrics"]["rank1"] = value(0.22)
    return record


def _type1_only() -> Record:
    record = resisting()
    record["attacks"]["ridge"]["metrics"]["type1_at_fmr_1e-3"] = value(0.9)
    record["worst"]["metrics"]["type1_at_fmr_1e-3"] = value(0.93)
    return record


def _only_a_face() -> Record:
    record = resisting()
    record["faces"] = {"ridge": ran(success(0.6, 0.5, 0.8, 80), folds=1)}
    record["worst"] = {"metrics": success(0.61, 0.52, 0.8), "folds": 5}
    return record


def _union_of_blind_guesses() -> Record:
    """Each attack guesses; together they hit far more than one guess does."""
    record = resisting()
    record["worst"] = {"metrics": success(0.64, 0.77, 0.8), "folds": 5}
    return record


def _nothing_ran() -> Record:
    record = resisting()
    record["attacks"] = {"ridge": {"status": "skipped", "reason": "no keys", "metrics": {}}}
    return record | {"worst": {"metrics": {}, "folds": 0}}


def _no_controls() -> Record:
    return broken() | {"controls": {}}


def _references_only() -> Record:
    record = broken()
    record["controls"] = {"mated_probe": record["controls"]["mated_probe"]}
    return record


def _never_started() -> Record:
    bare = {name: broken()[name] for name in ("schema", "id", "spec")}
    return bare | {"status": "skipped", "reason": "embeddings have no images"}


def _crashed_attack() -> Record:
    record = broken()
    record["attacks"]["gan"] = {"status": "failed", "reason": "Traceback:\nE: x", "metrics": {}}
    return record | {"status": "failed", "reason": "Traceback:\nE: x"}


@pytest.mark.parametrize(
    ("make", "short", "words"),
    [
        (broken, "Broken", ["100 %", "99.3 %", "2.1 %", "26.1 %", "and its keys", "is kept"]),
        (_leaking, "Leaks", ["22.0 %", "rank 1", "is kept"]),
        (_type1_only, "Broken", ["93.0 %", "passes for the victim"]),
        (_only_a_face, "Broken", ["61.0 %"]),
        (resisting, "Not broken by this suite", ["proves nothing", "no attack", "5.5 %"]),
        (_union_of_blind_guesses, "Not broken by this suite", ["64.0 %"]),
        (lambda: resisting(0.9), "Does not recognise people", ["90.0 %", "no attack"]),
        (lambda: resisting(0.2), "Not broken by this suite", ["Recognition suffers"]),
        (
            lambda: broken() | {"recognition": recognition(0.0, 0.6, 0.61)},
            "Broken, does not recognise people",
            ["61.0 %", "100 %"],
        ),
        (lambda: broken() | {"recognition": {}}, "Broken", ["not measured"]),
        (_nothing_ran, "Not attacked", ["nothing is known"]),
        (_no_controls, "Undecided", ["no blind control"]),
        (_references_only, "Undecided", ["no blind control"]),
        (_never_started, "Skipped", ["embeddings have no images"]),
        (_crashed_attack, "Broken", ["100 %"]),
    ],
)
def test_rule(make: Callable[[], Record], short: str, words: list[str]) -> None:
    record = make()
    before = deepcopy(record)
    text = verdict(record)
    assert record == before
    assert short_verdict(record) == short
    assert text.startswith(short)
    for word in words:
        assert word in text
    assert text.count(": ") >= 1


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (resisting, True),
        (_union_of_blind_guesses, True),
        (lambda: resisting(0.2), False),
        (lambda: resisting(0.9), False),
        (broken, False),
        (_leaking, False),
        (_nothing_ran, False),
    ],
)
def test_the_goal_needs_both(make: Callable[[], Record], expected: bool) -> None:
    assert at_goal(make()) is expected


def test_an_attack_must_beat_every_blind_control_beyond_its_interval() -> None:
    record = resisting()
    guess, bar = blind(record, "rank1") or (None, None)
    assert guess == 0.021  # the best of them
    assert bar == pytest.approx(0.041)
    for low, expected in ((bar, "Not broken by this suite"), (bar + 1e-9, "Leaks")):
        record["attacks"]["ridge"]["metrics"]["rank1"] |= {"ci_low": low, "value": 0.1}
        assert short_verdict(record) == expected
        row = next(row for row in rows(record) if row.label == "ridge")
        assert gains(record, row, "rank1") is (expected == "Leaks")


def test_references_are_no_blind_controls() -> None:
    record = resisting()
    best = max(part["metrics"]["rank1"]["value"] for part in record["controls"].values())
    assert best > 0.9  # the mated probe
    assert (blind(record, "rank1") or (1.0,))[0] < 0.1


def test_recognition_falls_back_on_own_keys() -> None:
    record = resisting()
    del record["recognition"]["stolen_key"]
    assert "own key" in verdict(record)
    assert "is stolen" not in verdict(record)


def test_secret_keys_are_said_to_be_secret() -> None:
    record = broken()
    record["spec"]["threat"]["leaked"] = False
    assert "but not its keys" in verdict(record)


def test_attacks_that_did_not_run_are_counted() -> None:
    record = resisting()
    record["attacks"]["decode"] = {"status": "skipped", "reason": "no keys", "metrics": {}}
    assert "none of the 3 attacks that ran (1 did not)" in verdict(record)


@pytest.mark.parametrize("fnmr", [0.4999, 0.5])
def test_half_of_the_mated_rejected_is_the_limit(fnmr: float) -> None:
    assert short_verdict(resisting(fnmr)).startswith("Does not recognise") == (fnmr >= 0.5)
