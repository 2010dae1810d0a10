"""Which row goes with which, against hand-made cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.kit.pairing import another_reading, nearest_rows, other_subject


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_another_reading_is_of_the_same_subject_and_a_permutation(labels: list[int]) -> None:
    subjects = np.array(labels)
    after = another_reading(subjects)
    np.testing.assert_array_equal(subjects[after], subjects)
    np.testing.assert_array_equal(np.sort(after), np.arange(len(subjects)))
    alone = np.bincount(subjects)[subjects] == 1
    np.testing.assert_array_equal(after == np.arange(len(subjects)), alone)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.integers(0, 2**31))
def test_shuffling_gives_every_template_one_of_another_subject(
    counts: list[int], seed: int
) -> None:
    subjects = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    drawn = other_subject(subjects, np.random.default_rng(seed))
    assert (subjects[drawn] != subjects).all()


def test_shuffling_reaches_every_other_subject() -> None:
    subjects = np.array([7] * 900 + [3] * 50 + [5] * 50)
    drawn = subjects[other_subject(subjects, np.random.default_rng(0))]
    assert set(drawn[:900]) == {3, 5}
    assert (drawn[900:] == 7).mean() > 0.8


def test_one_subject_alone_cannot_be_shuffled() -> None:
    with pytest.raises(ValueError, match="one subject"):
        other_subject(np.zeros(4, dtype=np.int64), np.random.default_rng(0))


def test_nearest_rows() -> None:
    gallery = np.array([[0, 0], [10, 0], [0, 10]], dtype=np.float32)
    queries = np.array([[1, 8], [9, 1], [1, 1]], dtype=np.float32)
    np.testing.assert_array_equal(nearest_rows(queries, gallery), [2, 1, 0])
