"""The standard protocol: disjoint folds, keyed streams, labelled comparisons."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.protocols.standard import FOLDS, MAX_OWN, MAX_STOLEN, compare, folds, stream, subject_keys
from schemes.raw import Raw


@given(st.integers(4, 40), st.integers(1, 6), st.integers(0, 9))
def test_folds_are_subject_disjoint_and_every_subject_is_a_victim_once(
    people: int, readings: int, seed: int
) -> None:
    subjects = np.repeat(np.arange(people), readings)
    made = folds(subjects, seed)
    assert 2 <= len(made) <= FOLDS
    for fold in made:
        assert not set(subjects[fold.development]) & set(subjects[fold.victims])
        assert set(fold.own) <= set(fold.development)
        assert set(fold.stolen) <= set(fold.victims)
        assert len(fold.development) + len(fold.victims) == len(subjects)
        assert len(np.unique(subjects[fold.development])) >= 2
    victims = np.concatenate([fold.victims for fold in made])
    np.testing.assert_array_equal(np.sort(victims), np.arange(len(subjects)))


def test_large_datasets_are_sampled_to_the_stated_sizes() -> None:
    fold = folds(np.repeat(np.arange(600), 10), 0)[0]
    assert (len(fold.own), len(fold.stolen)) == (MAX_OWN, MAX_STOLEN)
    assert len(fold.development) == 4800  # thresholds use them all


def test_too_few_subjects_are_refused() -> None:
    with pytest.raises(InputError, match="at least 4"):
        folds(np.repeat(np.arange(3), 5), 0)


def test_streams_depend_on_seed_and_every_stage_name() -> None:
    draws = {
        stream(seed, *stage).integers(2**60)
        for seed in (0, 1)
        for stage in (("a",), ("b",), ("a", "b"), ("ab",), ("a", 1), ("a", 11))
    }
    assert len(draws) == 12
    assert stream(3, "x").integers(2**60) == stream(3, "x").integers(2**60)


def test_key_policies() -> None:
    subjects = np.array([4, 4, 2, 2, 9])
    shared = subject_keys(subjects, "shared", stream(0, "k"))
    assert len(np.unique(shared)) == 1
    own = subject_keys(subjects, "subject", stream(0, "k"))
    assert own[0] == own[1]
    assert own[2] == own[3]
    assert len(np.unique(own)) == 3


class Capped(Raw):
    cap = 10**9

    @property
    def comparison_cap(self) -> int:
        return self.cap


def population(people: int, readings: int) -> tuple[np.ndarray, np.ndarray]:
    samples = load("dataset", f"gaussian:subjects={people},readings={readings},dim=8").load()
    return samples.embeddings, samples.subjects


def test_comparisons_are_all_ordered_pairs_without_the_sample_itself() -> None:
    points, subjects = population(6, 3)
    raw = Raw().fit(points)
    templates = raw.enroll(points, np.zeros(18, np.uint64), stream(0, "e"))
    seen = compare(raw, templates, points, subjects, stream(0, "p"))
    assert len(seen.score) == 18 * 17
    assert seen.mated.sum() == 18 * 2
    np.testing.assert_array_equal(seen.mated, seen.subject_a == seen.subject_b)
    direct = -np.linalg.norm(points[:, None] - points[None], axis=2)
    expected = direct[~np.eye(18, dtype=bool)]
    np.testing.assert_allclose(np.sort(seen.score), np.sort(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cap", [64, 2000, 20000])
def test_beyond_the_cap_a_seeded_sample_is_compared(cap: int) -> None:
    points, subjects = population(100, 4)
    raw = Capped().fit(points)
    object.__setattr__(raw, "cap", cap)
    templates = raw.enroll(points, np.zeros(400, np.uint64), stream(0, "e"))
    seen = compare(raw, templates, points, subjects, stream(0, "p"))
    again = compare(raw, templates, points, subjects, stream(0, "p"))
    np.testing.assert_array_equal(seen.score, again.score)
    assert seen.mated.any()
    assert (~seen.mated).any()
    assert len(seen.score) <= 2 * cap
