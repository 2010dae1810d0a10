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
from fowh.leaks._members import told_apart
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


def test_thresholds_and_area_by_hand() -> None:
    """Nobody of five others may pass at 1 %; ties count half in the area and pass nothing."""
    scores = np.array([3.0, 2.0, 0.5, 2.0, 1.0, 0.0, 1.0, -1.0])
    member = np.array([True, True, True, False, False, False, False, False])
    made = told_apart(scores, member)
    assert made["member_at_fpr_1e-2"][:3].tolist() == [1, 0, 0]
    assert made["member_auc"][:3].tolist() == [1.0, (4 + 0.5) / 5, 2 / 5]
    assert all(np.isnan(column[3:]).all() for column in made.values())


def test_one_false_alarm_in_a_hundred_is_allowed_and_in_a_thousand_not() -> None:
    others = np.arange(200.0)  # two may pass at 1 %: the threshold is 198
    scores, member = np.r_[others, 197.5, 198.5, 250.0], np.r_[np.zeros(200), np.ones(3)] == 1
    made = told_apart(scores, member)
    assert made["member_at_fpr_1e-2"][200:].tolist() == [0, 1, 1]
    assert made["member_at_fpr_1e-3"][200:].tolist() == [0, 0, 1]


def test_the_mean_of_the_rows_is_the_area_under_the_curve() -> None:
    rng = np.random.default_rng(3)
    scores, member = rng.integers(0, 9, 300).astype(float), rng.random(300) < 0.4
    fmr, fnmr, _ = recognition.det(scores[member], scores[~member])
    area = abs(np.trapezoid(1 - fnmr, fmr))
    assert np.nanmean(told_apart(scores, member)["member_auc"]) == pytest.approx(area)


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
