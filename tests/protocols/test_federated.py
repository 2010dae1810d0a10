"""Protocol federated: who trains, who is attacked, what is searched, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.protocol import Fold
from fowh.core.registry import load
from fowh.core.target import Target
from fowh.core.threat import Threat
from fowh.protocols.federated import Federated

SOFTMAX: Target = load("target", "softmax")


def pictures(people: int, readings: int, modality: str = "image") -> Samples:
    return of(np.repeat(np.arange(people), readings), modality)


def of(subjects: NDArray[np.int64], modality: str = "image") -> Samples:
    values = np.zeros((len(subjects), 4, 4), dtype=np.uint8)
    names = tuple(map(str, range(int(subjects.max()) + 1)))
    return Samples(subjects, names, "0", values, modality)


def folds(samples: Samples, seed: int = 0, own: int = 2000) -> list[Fold]:
    return Federated().folds(samples, SOFTMAX, True, Threat(samples=own), seed)


def members(samples: Samples) -> NDArray[np.intp]:
    found = Federated().lessons(samples, SOFTMAX, True)
    assert found is not None
    assert len(found[1]) == 0
    return found[0]


def test_of_ten_readings_the_first_seven_are_members_and_the_last_three_are_for_tests() -> None:
    samples = pictures(40, 10)  # the shape of ORL
    reading = np.arange(400) % 10
    np.testing.assert_array_equal(members(samples), np.flatnonzero(reading < 7))
    for fold in folds(samples):
        searched = np.setdiff1d(fold.gallery, fold.stolen)
        assert set(reading[searched]) == {7, 8, 9}
        assert len(searched) == 16 * 3
        assert len(fold.bystanders) == 8 * 3
        assert len(fold.victims) == 80
        assert len(fold.attacker) == len(fold.development) == 240
        assert (reading[fold.stolen] < 7).all()
        np.testing.assert_array_equal(np.unique(fold.attacker % 10), np.arange(10))  # all readings


@pytest.mark.parametrize(("count", "expected"), [(2, 1), (3, 2), (4, 2), (5, 3), (10, 7), (11, 7)])
def test_seven_tenths_are_rounded_down(count: int, expected: int) -> None:
    assert len(members(pictures(8, count))) == 8 * expected


def test_readings_are_counted_in_the_order_of_the_dataset() -> None:
    samples = of(np.tile(np.arange(9), 5))  # subjects in turn
    np.testing.assert_array_equal(members(samples), np.arange(27))


def test_two_samples_of_each_of_eight_victims_are_stolen() -> None:
    samples = pictures(40, 10)
    for fold in folds(samples):
        assert len(fold.stolen) == Federated.max_stolen == 16
        assert (np.unique(samples.subjects[fold.stolen], return_counts=True)[1] == 2).all()


@pytest.mark.parametrize(("people", "readings"), [(8, 10), (12, 3), (25, 10), (120, 4)])
def test_no_victim_loses_more_than_one_sample_more_than_another(people: int, readings: int) -> None:
    samples = pictures(people, readings)
    for fold in folds(samples):
        counts = np.bincount(samples.subjects[fold.stolen], minlength=people)
        counts = counts[np.unique(samples.subjects[fold.victims])]
        theirs = len(np.intersect1d(members(samples), fold.victims))
        assert counts.sum() == min(16, theirs)
        assert counts.max() - counts.min() <= 1


@given(st.integers(8, 40), st.integers(2, 12), st.integers(0, 9))
def test_folds_are_subject_disjoint_and_every_subject_is_a_victim_once(
    people: int, readings: int, seed: int
) -> None:
    samples = pictures(people, readings)
    whose, made = samples.subjects, folds(samples, seed)
    assert [fold.number for fold in made] == [0, 1, 2, 3, 4]
    for fold in made:
        parts = [np.unique(whose[p]) for p in (fold.attacker, fold.victims, fold.bystanders)]
        assert sum(map(len, parts)) == len(np.unique(np.concatenate(parts))) == people
        assert set(fold.stolen) <= set(fold.victims) & set(fold.gallery) & set(members(samples))
        mates = np.isin(whose[fold.gallery], whose[fold.stolen])
        assert mates.sum() > len(fold.stolen)  # everybody has another reading there
    victims = np.concatenate([fold.victims for fold in made])
    np.testing.assert_array_equal(np.sort(victims), np.arange(len(whose)))


def test_the_seed_decides_and_the_number_of_own_samples_changes_nobody_else_s_part() -> None:
    samples = pictures(20, 10)
    one, two, three = folds(samples, 3), folds(samples, 3), folds(samples, 4)
    few = folds(samples, 3, own=30)
    for a, b, c in zip(one, two, few, strict=True):
        np.testing.assert_array_equal(a.stolen, b.stolen)
        np.testing.assert_array_equal(a.stolen, c.stolen)
        np.testing.assert_array_equal(a.victims, c.victims)
        assert len(c.attacker) == 30
    assert any(set(a.stolen) != set(b.stolen) for a, b in zip(one, three, strict=True))


@pytest.mark.parametrize(
    ("samples", "target", "closed", "match"),
    [
        (pictures(7, 10), SOFTMAX, True, "7 subjects"),
        (pictures(9, 1), SOFTMAX, True, "with 1 readings"),
        (pictures(20, 5), SOFTMAX, False, "--leak gradients"),
        (pictures(20, 5, "vector"), None, True, "name a dataset of images"),
    ],
)
def test_what_it_refuses(samples: Samples, target: Target | None, closed: bool, match: str) -> None:
    for use in (
        lambda: Federated().folds(samples, target, closed, Threat(), 0),
        lambda: Federated().lessons(samples, target, closed),
    ):
        with pytest.raises(InputError, match=match) as caught:
            use()
        assert "\n" not in str(caught.value)


def test_what_a_record_says() -> None:
    assert Federated().numbers() == {
        "folds": 5,
        "members": 0.7,
        "controls": ["random_image", "mean_image"],
        "max_own": 2000,
        "max_stolen": 16,
    }
