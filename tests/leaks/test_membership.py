"""Who was learned from: the protocol's halves, the judge's thresholds, what the attacks read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fowh
from fowh.checks import world
from fowh.core.leak import Setting
from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.leaks._members import by_lot
from fowh.leaks.membership import Membership
from fowh.metrics import recognition
from schemes.full_scores import FullScores
from schemes.top_label import TopLabel

ANSWERS = np.array(
    [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.7, 0.3], [0.6, 0.4], [0.4, 0.6]], dtype=np.float32
)
SUBJECTS = np.array([4, 7, 4, 4, 7, 7])
LEARNED = np.array([0, 1, 2, 5])
EMPTY = np.empty(0, dtype=np.intp)


def deploy(scheme: Any = None, learned: Any = LEARNED, samples: Any = None) -> Any:
    rows = np.array([2, 3, 4, 5])
    fold = fowh.Fold(0, np.array([0, 1]), np.array([0, 1]), rows, rows, rows, EMPTY, EMPTY)
    return Membership().deploy(
        Setting(
            *(scheme or FullScores(), ANSWERS, SUBJECTS, fold, fowh.Threat()),
            *(lambda *stage: stream(5, *stage), samples),
            learned=learned,
        )
    )


# --- the judge ------------------------------------------------------------------------------


def claimed(members: Any, others: Any) -> dict[str, Any]:
    """Observations of a fold: the scores of members, then those of others."""
    score = np.concatenate([members, others]).astype(np.float64)
    return {"score": score, "member": (np.arange(len(score)) < len(members)).astype(np.float64)}


def test_the_area_by_hand_and_too_few_others_for_a_rate() -> None:
    """Ties count half; of five others none is one in a hundred."""
    columns = claimed([3.0, 2.0, 0.5], [2.0, 1.0, 0.0, 1.0, -1.0])
    made = Membership().successes(columns, {})
    assert made["member_auc"][:3].tolist() == [1.0, (4 + 0.5) / 5, 2 / 5]
    assert np.isnan(made["member_auc"][3:]).all()
    assert np.isnan([made["member_at_fpr_1e-2"], made["member_at_fpr_1e-3"]]).all()


@pytest.mark.parametrize("rate, least", [("1e-2", 100), ("1e-3", 1000)])
def test_a_rate_is_measured_from_where_it_admits_one_false_alarm(rate: str, least: int) -> None:
    for others, expected in ((least, [1.0, 1.0, 0.0]), (least - 1, [np.nan] * 3)):
        columns = claimed([others, others - 1.5, others - 2.5], np.arange(others))
        made = Membership().successes(columns, {})[f"member_at_fpr_{rate}"]
        np.testing.assert_array_equal(made, expected + [np.nan] * others)


def test_false_alarms_are_counted_in_all_folds_together() -> None:
    """100 others in two folds, one may pass: the second best of both, who is in the first fold."""
    first = claimed([99.5, 98.0, 97.5], [98.0, *range(49)])
    second = claimed([98.5, 50.0], [99.0, *np.arange(49) / 2])
    kept = {name: values.copy() for name, values in first.items()}
    pooled = Membership().pooled([first, second])
    made = [Membership().successes(each, {}) for each in pooled]
    assert made[0]["member_at_fpr_1e-2"][:3].tolist() == [1, 0, 0]  # a tie is a false alarm
    assert made[1]["member_at_fpr_1e-2"][:2].tolist() == [1, 0]
    assert made[0]["member_auc"][:3].tolist() == [1.0, 0.985, 0.98]
    assert made[1]["member_auc"][:2].tolist() == [0.99, 0.98]
    assert all(np.isnan(column[-50:]).all() for each in made for column in each.values())
    assert first.keys() == kept.keys() and np.array_equal(first["score"], kept["score"])


def test_what_was_not_claimed_is_neither_member_nor_other() -> None:
    whole, hole = claimed([50.5], np.arange(100)), claimed([np.nan], [np.nan] * 7)
    hole["member"][:] = np.nan
    pooled = Membership().pooled([whole, hole])
    assert pooled[0]["others"][0] == 100
    assert np.isnan(Membership().successes(pooled[1], {})["member_auc"]).all()


def test_chance_is_what_scores_drawn_by_lot_reach() -> None:
    """Against lots drawn; two of 250 others may pass at 1 %, and no share is .1 %."""
    rng, others = np.random.default_rng(8), 250
    drawn = [
        np.nanmean(Membership().successes(each, {})["member_at_fpr_1e-2"])
        for each in (claimed(rng.random(400), rng.random(others)) for _ in range(400))
    ]
    expected = by_lot(others)
    assert expected == {"member_at_fpr_1e-2": pytest.approx(3 / 251)}
    assert np.mean(drawn) == pytest.approx(3 / 251, abs=4 * np.std(drawn) / 20)
    assert by_lot(2000)["member_at_fpr_1e-3"] == pytest.approx(3 / 2001)
    assert by_lot(99) == {}


def test_the_mean_of_the_rows_is_the_area_under_the_curve() -> None:
    rng = np.random.default_rng(3)
    scores, member = rng.integers(0, 9, 300).astype(float), rng.random(300) < 0.4
    fmr, fnmr, _ = recognition.det(scores[member], scores[~member])
    area = abs(np.trapezoid(1 - fnmr, fmr))
    columns = {"score": scores, "member": member.astype(float)}
    parts = [{name: values[part::3] for name, values in columns.items()} for part in range(3)]
    made = [Membership().successes(each, {}) for each in Membership().pooled(parts)]
    found = np.concatenate([each["member_auc"] for each in made])
    assert np.nanmean(found) == pytest.approx(area)


def test_claims_and_answers_by_hand() -> None:
    system = deploy()
    assert system.release.aux["label"].tolist() == [0, 0, 1, 1]
    columns = system.claimed(np.array([4, 3, 2, 1]))
    assert columns["member"].tolist() == [1, 0, 0, 1] and columns["score"].tolist() == [4, 3, 2, 1]
    plain = system.judge(ANSWERS[2:])["score"]
    np.testing.assert_allclose(plain, np.log([0.6, 0.7, 0.4, 0.6]), rtol=1e-6)
    assert np.isfinite(system.judge(np.zeros((4, 2), np.float32))["score"]).all()


def test_accuracy_is_that_of_what_was_not_learned() -> None:
    found = deploy(TopLabel()).utility()
    assert found["unprotected"]["correct"].tolist() == [1, 0]
    assert found["protected"]["subject"].tolist() == [4, 7]


def test_candidates_come_with_their_samples_and_answers_are_limited() -> None:
    pictures = np.arange(6 * 4).reshape(6, 2, 2).astype(np.uint8)
    left = deploy(TopLabel(), samples=pictures).release
    assert np.array_equal(left.aux["sample"], pictures[2:])
    assert left.code.tolist() == [[1, 0], [1, 0], [1, 0], [0, 1]]


@pytest.mark.parametrize("learned", [np.arange(6), np.array([0, 1])])
def test_candidates_of_one_kind_are_one_clear_line(learned: Any) -> None:
    with pytest.raises(fowh.InputError, match="expected both kinds") as caught:
        deploy(learned=learned)
    assert "\n" not in str(caught.value)


def test_a_scheme_for_templates_and_a_target_that_names_nobody_are_refused() -> None:
    with pytest.raises(fowh.InputError, match="limits no answers"):
        deploy(load("scheme", "raw"))
    with pytest.raises(fowh.InputError, match="names nobody"):
        Membership().observed(load("target", "dlib"))


# --- the protocol ---------------------------------------------------------------------------


def test_half_of_everybodys_readings_are_learned_and_pairs_are_stolen() -> None:
    samples, protocol = world.image_samples(12), load("protocol", "membership")
    target = load("target", "mlp")
    found = protocol.lessons(samples, target, True)
    assert found is not None
    learned = found[0]
    assert np.bincount(samples.subjects[learned]).tolist() == [2] * 12
    folds = protocol.folds(samples, target, True, fowh.Threat(), 0)
    for fold in folds:
        member = np.isin(fold.stolen, learned)
        whose = samples.subjects[fold.stolen]
        assert np.array_equal(np.bincount(whose[member]), np.bincount(whose[~member]))
        theirs, mine = np.unique(whose), np.unique(samples.subjects[fold.attacker])
        assert not len(np.intersect1d(theirs, mine))
    victims = np.concatenate([np.unique(samples.subjects[fold.victims]) for fold in folds])
    assert sorted(victims) == list(range(12))


def test_too_few_people_or_nobody_to_train_is_one_clear_line() -> None:
    protocol, target = load("protocol", "membership"), load("target", "mlp")
    for samples, given, closed in (
        (world.image_samples(9), target, True),
        (world.image_samples(12), None, True),
        (world.image_samples(12), target, False),
    ):
        with pytest.raises(fowh.InputError, match="protocol membership") as caught:
            protocol.folds(samples, given, closed, fowh.Threat(), 0)
        assert "\n" not in str(caught.value)
