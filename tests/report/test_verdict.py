"""The verdict's rules, case by case."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from fowh.report.summary import rows
from fowh.report.verdict import at_goal, blind, gains, short_verdict, verdict
from tests.report.cells import advantage, broken, ran, recognition, resisting, success, value

Record = dict[str, Any]


def _leaking() -> Record:
    """Rank 1 of 21 % against a blind 2 %, and nothing else."""
    record = resisting()
    record["attacks"]["ridge"]["metrics"] |= {"rank1": value(0.21), "advantage_rank1": value(0.19)}
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
    del record["attacks"]["ridge"]["metrics"]["advantage_rank1"]  # which would decide
    for low, expected in ((bar, "Not broken by this suite"), (bar + 1e-9, "Leaks")):
        record["attacks"]["ridge"]["metrics"]["rank1"] |= {"ci_low": low, "value": 0.1}
        assert short_verdict(record) == expected
        row = next(row for row in rows(record) if row.label == "ridge")
        assert gains(record, row, "rank1") is (expected == "Leaks")


def _few_pictures(record: Record) -> Record:
    """None of 80 pictures hits: an interval that is wide because 8 victims are few."""
    nothing = {"value": 0.0, "ci_low": 0.0, "ci_high": 0.369, "n": 80}
    for name in ("mean_face", "shuffled_face"):
        metrics = success(0.0, 0.0, 0.8, 80) | {"rank1": nothing, "type1_at_fmr_1e-3": nothing}
        record["controls"][name] = {"metrics": metrics, "folds": 1}
    return record


@pytest.mark.parametrize("paired", [True, False])
def test_embeddings_are_not_compared_with_few_pictures(paired: bool) -> None:
    record = _few_pictures(resisting())
    metrics = record["attacks"]["ridge"]["metrics"]
    metrics |= {"rank1": value(0.3), "advantage_rank1": advantage(0.28)}
    if not paired:
        del metrics["advantage_rank1"]
    assert short_verdict(record) == "Leaks"
    assert "30.0 % of the victims at rank 1 (a blind guess: 2.1 %)" in verdict(record)
    reds = [row.label for row in rows(record) if gains(record, row, "rank1")]
    assert reds == ["ridge", "worst case"]
    assert not at_goal(record)


@pytest.mark.parametrize(
    ("rate", "gain", "embedding", "expected"),
    [
        (0.5, None, 0.021, True),  # by intervals: 0.48 is beyond 0.369
        (0.38, None, 0.021, False),
        (0.5, None, 0.479, True),  # of embeddings, the rate alone
        (0.5, None, 0.481, False),  # beyond pictures, but a blind embedding does as well
        (0.3, 0.2, 0.021, True),  # paired: the bar of few pictures does not count
        (0.3, 0.02, 0.021, False),  # its interval touches 0
        (0.3, 0.0201, 0.021, True),
    ],
)
@pytest.mark.parametrize("as_face", [True, False])
@pytest.mark.parametrize("metric", ["rank1", "type1_at_fmr_1e-3"])
def test_pictures_are_compared_with_pictures_and_with_the_rates_of_embeddings(
    rate: float,
    gain: float | None,
    embedding: float,
    expected: bool,
    as_face: bool,
    metric: str,
) -> None:
    record = _few_pictures(resisting())
    for name in ("random", "mean", "medoid", "shuffled"):
        record["controls"][name]["metrics"][metric] = value(embedding)
    for part in record["attacks"].values():
        part["metrics"] = part["metrics"] | {metric: value(0.02)}
    metrics = success(0.0, 0.0, 0.8, 80) | {metric: value(rate, 80)}
    metrics.pop(f"advantage_{metric}", None)
    if gain is not None:
        metrics[f"advantage_{metric}"] = advantage(gain, 80)
    part = ran(metrics, folds=1, yields="images")
    record["faces" if as_face else "attacks"]["gan"] = part
    row = next(row for row in rows(record) if row.label.startswith("gan"))
    assert gains(record, row, metric) is expected
    assert (short_verdict(record) in ("Broken", "Leaks")) is expected
    assert at_goal(record) is not expected


def test_the_worst_case_quotes_the_controls_of_the_templates_it_spans() -> None:
    record = broken()
    record["controls"]["mean_face"]["metrics"]["rank1"] = value(0.125, 80)
    assert "100 % of the victims at rank 1 (a blind guess: 2.1 %)" in verdict(record)
    assert blind(record, "rank1") == blind(record, "rank1", "embeddings")
    assert (blind(record, "rank1", "images") or (0.0,))[0] == 0.125
    record["attacks"] = {"gan": record["attacks"]["gan"]}  # pictures alone
    record["worst"] = {"metrics": success(0.52, 0.45, 0.8, 80), "folds": 1}
    assert "52.3 % of the victims at rank 1 (a blind guess: 12.5 %)" in verdict(record)
    assert blind(record, "rank1") == blind(record, "rank1", "images")


def test_pictures_without_controls_of_their_own_meet_the_bar_of_embeddings() -> None:
    record = resisting()
    del record["controls"]["mean_face"]
    assert blind(record, "rank1", "images") == blind(record, "rank1", "embeddings")


def test_embeddings_without_controls_of_their_own_are_undecided() -> None:
    record = _few_pictures(resisting())
    record["controls"] = {"mean_face": record["controls"]["mean_face"]}
    assert short_verdict(record) == "Undecided"


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
