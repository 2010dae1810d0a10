"""The standard protocol: disjoint folds with explicit parts, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.protocol import Fold
from fowh.core.registry import load
from fowh.core.threat import Threat
from fowh.protocols.standard import FOLDS, Standard


def vectors(people: int, readings: int) -> Samples:
    subjects = np.repeat(np.arange(people), readings)
    values = np.zeros((len(subjects), 1), dtype=np.float32)
    return Samples(subjects, tuple(map(str, range(people))), "0", values, "vector")


def folds(samples: Samples, seed: int = 0, own: int = 2000) -> list[Fold]:
    return Standard().folds(samples, None, False, Threat(samples=own), seed)


@given(st.integers(4, 40), st.integers(1, 6), st.integers(0, 9))
def test_folds_are_subject_disjoint_and_every_subject_is_a_victim_once(
    people: int, readings: int, seed: int
) -> None:
    samples = vectors(people, readings)
    subjects, made = samples.subjects, folds(samples, seed)
    assert 2 <= len(made) <= FOLDS
    assert [fold.number for fold in made] == list(range(len(made)))
    for fold in made:
        parts = (fold.development, fold.victims, fold.bystanders)
        whose = [person for part in parts for person in np.unique(subjects[part])]
        assert len(whose) == len(set(whose)) == people  # everybody is of one part
        assert set(fold.attacker) <= set(fold.development)
        assert set(fold.stolen) <= set(fold.victims)
        assert len(np.unique(subjects[fold.development])) >= 2
    victims = np.concatenate([fold.victims for fold in made])
    np.testing.assert_array_equal(np.sort(victims), np.arange(len(subjects)))


def test_the_gallery_is_victims_and_bystanders_and_nobody_of_the_attacker_s() -> None:
    samples = vectors(10, 3)
    for fold in folds(samples):
        expected = np.sort([*fold.victims, *fold.bystanders])
        np.testing.assert_array_equal(fold.gallery, expected)
        assert len(fold.gallery) == 12  # of four people: two fifths
        np.testing.assert_array_equal(fold.rows, np.arange(30))
        assert not set(samples.subjects[fold.gallery]) & set(samples.subjects[fold.attacker])
        np.testing.assert_array_equal(fold.witness, fold.development)
        assert not set(samples.subjects[fold.witness]) & set(samples.subjects[fold.stolen])


def test_the_bystanders_of_a_fold_are_the_victims_of_the_next() -> None:
    made = folds(vectors(23, 2))
    for fold, following in zip(made, [*made[1:], made[0]], strict=True):
        np.testing.assert_array_equal(fold.bystanders, following.victims)


@pytest.mark.parametrize(
    ("people", "parts", "stand_by"), [(4, 2, 0), (7, 3, 0), (8, 4, 2), (9, 4, 2), (10, 5, 2)]
)
def test_of_few_people_nobody_can_stand_by(people: int, parts: int, stand_by: int) -> None:
    """Three parts are the fewest that leave somebody to learn from; then the gallery is victims."""
    samples = vectors(people, 2)
    made = folds(samples)
    assert len(made) == parts
    for fold in made:
        assert len(np.unique(samples.subjects[fold.bystanders])) >= stand_by
        assert len(np.unique(samples.subjects[fold.development])) >= 2
        if not stand_by:
            np.testing.assert_array_equal(fold.gallery, fold.victims)


def test_large_datasets_are_sampled_to_the_stated_sizes() -> None:
    fold = folds(vectors(600, 10), own=10**6)[0]
    assert (len(fold.attacker), len(fold.stolen)) == (Standard.max_own, Standard.max_stolen)
    assert (Standard.max_own, Standard.max_stolen) == (2000, 400)
    assert len(fold.development) == 3600  # thresholds use them all
    for part in (fold.attacker, fold.stolen):
        assert (np.diff(part) > 0).all()


def test_of_crowds_subjects_are_drawn_before_anybody_is_enrolled() -> None:
    """Who is not drawn stands by; the gallery and the attacker lose nobody."""
    samples = vectors(7000, 3)
    subjects = samples.subjects
    fold, again = folds(samples)[1], folds(samples)[1]
    for part in (fold.victims, fold.development):
        whose, counts = np.unique(subjects[part], return_counts=True)
        assert (len(whose), set(counts)) == (1024, {3})  # whole people
        assert (np.diff(part) > 0).all()
    np.testing.assert_array_equal(fold.victims, again.victims)
    assert len(fold.gallery) == 2 * 1400 * 3
    np.testing.assert_array_equal(fold.gallery, np.union1d(fold.victims, fold.bystanders))
    assert not set(subjects[fold.bystanders]) & set(subjects[fold.victims])
    assert not set(subjects[fold.gallery]) & set(subjects[fold.development])
    assert not set(subjects[fold.gallery]) & set(subjects[fold.attacker])
    assert len(np.unique(subjects[fold.attacker])) > 1024


def test_of_people_with_very_many_readings_some_of_each_are_drawn() -> None:
    samples = vectors(20, 5000)
    fold = folds(samples)[0]
    assert set(np.unique(samples.subjects[fold.victims], return_counts=True)[1]) == {2**14 // 4}
    counts = np.unique(samples.subjects[fold.development], return_counts=True)[1]
    assert set(counts) == {2**14 // 12}
    # The gallery stays whole: Rank-1 searches what is not enrolled of a victim as well.
    whose = np.union1d(*(samples.subjects[part] for part in (fold.victims, fold.bystanders)))
    every = np.flatnonzero(np.isin(samples.subjects, whose))
    np.testing.assert_array_equal(fold.gallery, every)
    assert len(every) == 8 * 5000 and set(fold.stolen) <= set(fold.victims)
    assert not set(samples.subjects[fold.bystanders]) & set(samples.subjects[fold.victims])


def test_the_threat_says_how_many_samples_the_attacker_has() -> None:
    samples = vectors(20, 5)
    few, many = folds(samples, own=30), folds(samples)
    assert [len(fold.attacker) for fold in few] == [30] * FOLDS
    assert [len(fold.attacker) for fold in many] == [60] * FOLDS  # all that there are
    for one, other in zip(few, many, strict=True):  # and nobody else's part
        np.testing.assert_array_equal(one.development, other.development)
        np.testing.assert_array_equal(one.stolen, other.stolen)


def test_the_seed_decides_and_nothing_else() -> None:
    samples = vectors(20, 5)
    first, again, other = folds(samples, 3), folds(samples, 3), folds(samples, 4)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.victims, two.victims)
        np.testing.assert_array_equal(one.attacker, two.attacker)
    assert any(set(a.victims) != set(b.victims) for a, b in zip(first, other, strict=True))


def test_too_few_subjects_are_refused() -> None:
    with pytest.raises(InputError, match="at least 4"):
        folds(vectors(3, 5))


def test_a_closed_set_is_refused() -> None:
    with pytest.raises(InputError, match="--protocol afm_iris") as caught:
        Standard().folds(vectors(20, 5), None, True, Threat(), 0)
    assert str(caught.value).startswith("protocol standard has no subjects that the system knows")
    assert "\n" not in str(caught.value)


def test_nothing_is_learned_from() -> None:
    dlib = load("target", "dlib")
    assert Standard().lessons(vectors(20, 5), dlib, False) is None


def test_what_a_record_says() -> None:
    said = Standard().numbers()
    assert said == {
        "folds": 5,
        "max_people": 1024,
        "max_rows": 2**14,
        "controls": ["random", "mean", "medoid"],
        "max_own": 2000,
        "max_stolen": 400,
    }


def test_fewer_rows_leak_where_the_threat_says_so() -> None:
    rows = np.arange(40)
    fold = Fold(0, rows, rows, rows, rows[10:], rows, rows, rows)
    few = fold.robbed(4, np.random.default_rng(0))
    assert len(few.stolen) == 4 and np.isin(few.stolen, fold.stolen).all()
    assert (np.diff(few.stolen) > 0).all()
    assert not np.array_equal(few.stolen, fold.robbed(4, np.random.default_rng(1)).stolen)
    assert np.array_equal(fold.robbed(400, np.random.default_rng(0)).stolen, fold.stolen)
    assert few.victims is fold.victims
