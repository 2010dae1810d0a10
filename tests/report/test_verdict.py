"""The verdict's rules, case by case."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from fowh.leaks._measures import LABEL
from fowh.metrics import learn
from fowh.report.evidence import best_guess, worst_level
from fowh.report.lines import Line, success_lines
from fowh.report.verdict import Verdict, decide
from tests.report.cells import (
    advantage,
    answering,
    broken,
    control,
    counted,
    ran,
    recognition,
    rendered,
    resisting,
    stopped,
    success,
    value,
)

Record = dict[str, Any]


def verdict(record: Record) -> Verdict:
    return decide(record, success_lines(record))


def line(record: Record, label: str) -> Line:
    return next(line for line in success_lines(record) if line.label == label)


def leaking() -> Record:
    """Rank 1 of 21 % against a blind 2 %, and nothing else."""
    record = resisting()
    record["attacks"]["ridge"]["metrics"] |= {"rank1": value(0.21), "advantage_rank1": value(0.19)}
    record["best"]["metrics"]["rank1"] = value(0.205)
    return record


def type1_only() -> Record:
    record = resisting()
    record["attacks"]["ridge"]["metrics"]["type1_at_fmr_1e-3"] = value(0.9)
    record["best"]["metrics"]["type1_at_fmr_1e-3"] = value(0.93)
    return record


def purity_only() -> Record:
    """Closer to the truth than any blind guess, and still nobody is recognised by it."""
    record = resisting()
    record["attacks"]["ridge"]["metrics"]["purity"] = value(0.99, spread=0.001)
    return record


def only_rendered() -> Record:
    record = resisting()
    record["rendered"] = {"ridge": rendered(success(0.6, 0.5, 0.8, 80))}
    record["best"]["metrics"] = counted(0.61, 0.52, 0.8)
    return record


def alone(record: Record, name: str) -> dict[str, Any]:
    """What stands as the best of a record, of which this attack is it everywhere."""
    metrics = record["attacks"][name]["metrics"]
    return {"metrics": metrics, "chosen": dict.fromkeys(metrics, [name] * 5)}


def union_of_blind_guesses() -> Record:
    """Each attack guesses; together they hit far more than one guess does."""
    record = resisting()
    record["worst"]["metrics"] = counted(0.64, 0.77, 0.8)
    return record


def nothing_ran() -> Record:
    record = resisting()
    record["attacks"] = {"ridge": stopped("skipped", "no keys")}
    return record | {
        "best": {"metrics": {}, "chosen": {}},
        "worst": {"metrics": {}, "folds": 0, "of": [], "blind": {}},
    }


def references_only() -> Record:
    record = broken()
    record["controls"] = {"mated_probe": record["controls"]["mated_probe"]}
    return record


def crashed_attack() -> Record:
    record = broken()
    record["attacks"]["gan"] = stopped("failed", "Traceback:\nE: x")
    return record | {"status": "failed", "reason": "Traceback:\nE: x"}


def useless_and_broken() -> Record:
    return broken() | {"utility": recognition(0.0, 0.6, 0.61)}


def unmeasured() -> Record:
    return broken() | {"utility": {}}


CASES: list[tuple[Callable[[], Record], str, list[str]]] = [
    (broken, "Broken", ["98.5 %", "96.9 %", "2.1 %", "26.1 %", "and their keys", "is kept"]),
    (leaking, "Leaks", ["20.5 %", "rank 1", "is kept"]),
    (type1_only, "Broken", ["93.0 %", "passes for the victim"]),
    (purity_only, "Not broken by this suite", ["no attack"]),
    (only_rendered, "Broken", ["61.0 %"]),
    (
        resisting,
        "Not broken by this suite",
        ["proves nothing", "no attack", "the best of them identifies 1.8 %"],
    ),
    (union_of_blind_guesses, "Not broken by this suite", ["1.8 %", "24.3 %"]),
    (lambda: resisting(0.9), "Does not do its job", ["90.0 %", "no attack", "means little"]),
    (lambda: resisting(0.2), "Not broken by this suite", ["Utility suffers"]),
    (useless_and_broken, "Broken, does not do its job", ["61.0 %", "98.5 %"]),
    (unmeasured, "Broken", ["FNMR at FMR 1 % was not measured"]),
    (nothing_ran, "Not attacked", ["nothing is known"]),
    (lambda: broken() | {"controls": {}}, "Undecided", ["no blind control"]),
    (references_only, "Undecided", ["no blind control"]),
    (crashed_attack, "Broken", ["98.5 %"]),
    (answering, "Broken", ["named as the victim in 71.6 % of all cases", "1.1 %", "is kept"]),
    (lambda: answering(named=0.2), "Leaks", ["19.6 %"]),
    (lambda: answering(named=0.012), "Not broken by this suite", ["the best of them"]),
    (lambda: answering(accuracy=0.8), "Broken", ["Utility suffers: Accuracy is 80.0 %"]),
    (lambda: answering(accuracy=0.3), "Broken, does not do its job", ["Accuracy is 30.0 %"]),
    (lambda: answering(0.3, 0.012), "Does not do its job", ["against 94.7 % (all scores)"]),
]


@pytest.mark.parametrize(("make", "short", "words"), CASES)
def test_rule(make: Callable[[], Record], short: str, words: list[str]) -> None:
    record = make()
    before = deepcopy(record)
    found = verdict(record)
    assert record == before
    assert found.short == short
    assert found.text.startswith(short)
    assert found.text == f"{found.head}: {found.rest}"
    for word in words:
        assert word in found.text


@pytest.mark.parametrize(
    ("make", "tone"),
    [
        (resisting, "good"),
        (union_of_blind_guesses, "good"),
        (lambda: answering(named=0.012), "good"),
        (lambda: resisting(0.2), "neutral"),
        (lambda: resisting(0.9), "neutral"),
        (lambda: answering(0.8, 0.012), "neutral"),
        (nothing_ran, "neutral"),
        (references_only, "neutral"),
        (broken, "bad"),
        (leaking, "bad"),
        (useless_and_broken, "bad"),
    ],
)
def test_good_is_what_keeps_utility_and_resists(make: Callable[[], Record], tone: str) -> None:
    assert verdict(make()).tone == tone


def test_an_attack_must_beat_every_blind_control_beyond_its_interval() -> None:
    record = resisting()
    guess = best_guess(record, "rank1", "embeddings")
    assert guess is not None
    assert guess.value == 0.021  # the best of them
    assert guess.bar == pytest.approx(0.041)
    del record["attacks"]["ridge"]["metrics"]["advantage_rank1"]  # which would decide
    record["best"] = alone(record, "ridge")
    for low, expected in ((guess.bar, "Not broken by this suite"), (guess.bar + 1e-9, "Leaks")):
        record["attacks"]["ridge"]["metrics"]["rank1"] |= {"ci_low": low, "value": 0.1}
        assert verdict(record).short == expected
        assert line(record, "ridge")["rank1"].alarm is (expected == "Leaks")


def few_samples(record: Record) -> Record:
    """None of 80 samples hits: an interval that is wide because 8 victims are few."""
    nothing = {"value": 0.0, "ci_low": 0.0, "ci_high": 0.369, "n": 80}
    for name in ("mean_rendered", "shuffled_rendered"):
        metrics = success(0.0, 0.0, 0.8, 80) | {"rank1": nothing, "type1_at_fmr_1e-3": nothing}
        record["controls"][name] = control(metrics, True, yields="samples", folds=1)
    return record


@pytest.mark.parametrize("paired", [True, False])
def test_embeddings_are_not_compared_with_few_samples(paired: bool) -> None:
    record = few_samples(resisting())
    metrics = record["attacks"]["ridge"]["metrics"]
    metrics |= {"rank1": value(0.3), "advantage_rank1": advantage(0.28)}
    if not paired:
        del metrics["advantage_rank1"]
    record["best"] = alone(record, "ridge")
    found = verdict(record)
    assert found.short == "Leaks"
    said = "30.0 % of the victims at rank 1 (by ridge; chance: 5.7 %; a blind guess: 2.1 %;"
    assert said in found.text
    reds = [line.label for line in success_lines(record) if line["rank1"].alarm]
    assert reds == ["ridge", "best: ridge", "union of attacks"]


@pytest.mark.parametrize(
    ("rate", "gain", "embedding", "expected"),
    [
        (0.5, None, 0.021, True),  # by intervals: 0.48 is beyond 0.369
        (0.38, None, 0.021, False),
        (0.5, None, 0.479, True),  # of embeddings, the rate alone
        (0.5, None, 0.481, False),  # beyond samples, but a blind embedding does as well
        (0.3, 0.2, 0.021, True),  # paired: the bar of few samples does not count
        (0.3, 0.02, 0.021, False),  # its interval touches 0
        (0.3, 0.0201, 0.021, True),
    ],
)
@pytest.mark.parametrize("section", ["attacks", "rendered"])
@pytest.mark.parametrize("metric", ["rank1", "type1_at_fmr_1e-3"])
def test_samples_are_compared_with_samples_and_with_the_rates_of_embeddings(
    rate: float,
    gain: float | None,
    embedding: float,
    expected: bool,
    section: str,
    metric: str,
) -> None:
    record = few_samples(resisting())
    for name in ("random", "mean", "medoid", "shuffled"):
        record["controls"][name]["metrics"][metric] = value(embedding)
    for part in record["attacks"].values():
        part["metrics"] = part["metrics"] | {metric: value(0.02)}
    metrics = success(0.0, 0.0, 0.8, 80) | {metric: value(rate, 80)}
    metrics.pop(f"advantage_{metric}", None)
    if gain is not None:
        metrics[f"advantage_{metric}"] = advantage(gain, 80)
    record[section]["gan"] = ran(metrics, folds=1, yields="samples")
    name = "gan" if section == "attacks" else "gan > rendered"
    record["best"] = {"metrics": metrics, "chosen": {key: [name] for key in metrics}}
    label = "gan" if section == "attacks" else "gan → image"
    assert line(record, label)[metric].alarm is expected
    assert (verdict(record).tone == "bad") is expected


def test_the_verdict_quotes_the_controls_of_the_rows_it_spans() -> None:
    record = broken()
    record["controls"]["mean_rendered"]["metrics"]["rank1"] = value(0.125, 80)
    said = "98.5 % of the victims at rank 1 (by preimage; chance: 5.7 %; a blind guess: 2.1 %; "
    assert f"{said}1,000 blind guesses: 43.3 %)" in verdict(record).text
    assert worst_level(record) == "embeddings"
    assert (best_guess(record, "rank1", "samples") or pytest.fail()).value == 0.125
    record["attacks"] = {"gan": record["attacks"]["gan"]}  # samples alone
    record["rendered"] = {}
    record["best"]["metrics"] = counted(0.41, 0.45, 0.8, 80)
    record["best"]["chosen"] = {key: ["gan"] for key in record["best"]["metrics"]}
    said = "41.0 % of the victims at rank 1 (by gan; chance: 5.7 %; a blind guess: 12.5 %;"
    assert said in verdict(record).text
    assert worst_level(record) == "samples"


def test_the_largest_of_many_attacks_decides_nothing() -> None:
    """One of several beats blind guesses where it is counted on those that it was chosen by."""
    record = resisting()
    record["attacks"]["ridge"]["metrics"]["advantage_rank1"] = advantage(0.05)
    assert line(record, "ridge")["rank1"].alarm
    record["best"]["metrics"]["advantage_rank1"] = advantage(0.01)
    assert verdict(record).short == "Not broken by this suite"
    record["best"]["metrics"]["advantage_rank1"] = advantage(0.0201)
    assert verdict(record).short == "Leaks"


def test_the_union_decides_nothing() -> None:
    """However much all attacks reach together, a cell falls to one of them or to none."""
    record = resisting()
    before = verdict(record)
    record["worst"]["metrics"] = counted(1.0, 1.0, 1.0)
    assert verdict(record) == before


def test_a_third_party_s_scheme_that_resists_was_not_read() -> None:
    for process in ("own", "testbed"):
        record = resisting()
        record["spec"]["scheme"] |= {"process": process}
        assert verdict(record).short == "Not broken by this suite, not read"
        record = broken()
        record["spec"]["scheme"] |= {"process": process}
        assert verdict(record).short == "Broken"


def test_what_is_not_known_is_not_quoted() -> None:
    record = broken() | {"guesses": {}, "chance": {}}
    assert (
        "98.5 % of the victims at rank 1 (by preimage; a blind guess: 2.1 %)"
        in verdict(record).text
    )


@pytest.mark.parametrize(
    ("low", "high", "words", "tone"),
    [
        (-0.002, 0.01, "Utility is kept: FNMR", "good"),  # all of it within the margin
        (-0.03, -0.01, "Utility is kept: FNMR", "good"),  # better than without protection
        (-0.002, 0.0101, "That utility is kept is not shown: FNMR", "neutral"),
        (0.01, 0.02, "That utility is kept is not shown: FNMR", "neutral"),
        (0.0101, 0.02, "Utility suffers: FNMR", "neutral"),  # all of it beyond
    ],
)
def test_utility_is_kept_if_what_is_lost_is_surely_within_the_margin(
    low: float, high: float, words: str, tone: str
) -> None:
    """Non-inferiority: an interval that reaches beyond the margin shows nothing either way."""
    record = resisting()
    lost = {"value": (low + high) / 2, "ci_low": low, "ci_high": high, "n": 3600}
    record["utility"]["stolen_key"]["utility_loss"] = lost
    found = verdict(record)
    assert words in found.text and found.tone == tone
    assert "points (margin 1)" in found.text


@pytest.mark.parametrize(("erred", "lost"), [(0.03, False), (0.99, True)])
def test_a_decision_that_admits_more_is_named_as_what_it_is(erred: float, lost: bool) -> None:
    """FNMR 2.9 % at FMR 1.1 % does its job; yes to everybody does not."""
    record = resisting()
    record["headline"]["decided"] = "decision_error"
    measured = record["utility"]["stolen_key"]
    del measured["fnmr_at_fmr_1e-2"]
    measured["decision_error"] = {"value": erred, "ci_low": 0.02, "ci_high": 0.99, "n": 3600}
    measured["utility_loss"] = {"value": erred, "ci_low": 0.015, "ci_high": 0.99, "n": 3600}
    found = verdict(record)
    assert f"FNMR and FMR beyond 1 % is {100 * erred:.1f} %" in found.text
    assert "against FNMR at FMR 1 %" in found.text
    assert found.short.startswith("Does not do its job" if lost else "Not broken")
    assert found.short.endswith("(utility: FNMR and FMR beyond 1 %)")


def test_without_a_paired_loss_nothing_is_said_to_be_kept() -> None:
    """Not even where the two intervals overlap: that shows no difference, and no sameness."""
    record = resisting()
    del record["utility"]["stolen_key"]["utility_loss"]
    found = verdict(record)
    assert "kept" not in found.text and "suffers" not in found.text
    assert found.tone == "neutral" and found.short == "Not broken by this suite"


def test_samples_without_controls_of_their_own_meet_the_bar_of_embeddings() -> None:
    record = resisting()
    del record["controls"]["mean_rendered"]
    samples, embeddings = (
        best_guess(record, "rank1", level) for level in ("samples", "embeddings")
    )
    assert samples == embeddings is not None


def test_embeddings_without_controls_of_their_own_are_undecided() -> None:
    record = few_samples(resisting())
    record["controls"] = {"mean_rendered": record["controls"]["mean_rendered"]}
    assert verdict(record).short == "Undecided"


def test_references_are_no_blind_controls() -> None:
    record = resisting()
    best = max(part["metrics"]["rank1"]["value"] for part in record["controls"].values())
    assert best > 0.9  # the mated probe
    guess = best_guess(record, "rank1", "embeddings")
    assert guess is not None
    assert guess.value < 0.1


@pytest.mark.parametrize(
    ("leaked", "keyed", "words"),
    [
        (True, True, "whoever stole the templates and their keys identifies"),
        (False, True, "whoever stole the templates without keys identifies"),
        (False, False, "whoever stole the templates identifies"),
    ],
)
def test_keys_are_mentioned_where_they_mean_anything(leaked: bool, keyed: bool, words: str) -> None:
    record = broken()
    record["spec"]["threat"]["leaked"], record["data"]["keyed"] = leaked, keyed
    assert words in verdict(record).text


def test_attacks_that_did_not_run_are_counted() -> None:
    record = resisting()
    record["attacks"]["decode"] = stopped("skipped", "no keys")
    assert "none of the 3 attacks that ran (1 did not)" in verdict(record).text


@pytest.mark.parametrize(("fnmr", "expected"), [(0.499, False), (0.501, True)])
def test_half_of_the_mated_rejected_is_the_limit(fnmr: float, expected: bool) -> None:
    assert (verdict(resisting(fnmr)).short == "Does not do its job") is expected


@pytest.mark.parametrize(("named", "said"), [(0.9, True), (0.03, False)])
def test_labels_that_fall_without_pictures_are_said_in_words(named: float, said: bool) -> None:
    learn([LABEL])
    record = resisting()
    record["chance"]["label"] = 0.025
    record["attacks"]["label"] = ran({"label": value(named)})
    record["best"]["metrics"]["label"] = value(named)
    record["best"]["chosen"]["label"] = ["label"] * 5
    found = verdict(record)
    assert found.short == "Not broken by this suite"
    sentence = "But attack label names the class of 90.0 % of the samples without any picture"
    assert (f"{sentence} [88, 92] (chance: 2.5 %)." in found.text) is said


def test_a_metric_is_known_again_after_its_words_were_improved() -> None:
    learn([LABEL, replace(LABEL, goal="", description="In other words.")])
    with pytest.raises(ValueError, match="says something else"):
        learn([replace(LABEL, limits=(0.0, 2.0))])
