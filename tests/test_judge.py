"""The judge's own pieces, against hand-made cases."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fowh.judge import another_reading, join, nearest_rows, other_subject
from fowh.metrics.inversion import Outcome


@given(st.lists(st.integers(0, 6), min_size=1, max_size=40))
def test_another_reading_is_of_the_same_subject_and_a_permutation(labels: list[int]) -> None:
    subjects = np.array(labels)
    after = another_reading(subjects)
    np.testing.assert_array_equal(subjects[after], subjects)
    np.testing.assert_array_equal(np.sort(after), np.arange(len(subjects)))
    alone = np.bincount(subjects)[subjects] == 1
    np.testing.assert_array_equal(after == np.arange(len(subjects)), alone)


@given(st.integers(2, 12), st.integers(1, 5), st.integers(0, 2**31))
def test_shuffling_moves_every_template_to_another_subject(
    people: int, readings: int, seed: int
) -> None:
    subjects = np.repeat(np.arange(people), readings)
    moved = other_subject(subjects, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(moved), np.arange(len(subjects)))
    assert (subjects[moved] != subjects).all()


def test_nearest_rows() -> None:
    gallery = np.array([[0, 0], [10, 0], [0, 10]], dtype=np.float32)
    queries = np.array([[1, 8], [9, 1], [1, 1]], dtype=np.float32)
    np.testing.assert_array_equal(nearest_rows(queries, gallery), [2, 1, 0])


def test_join_pads_subjects_with_fewer_readings() -> None:
    def outcome(n: int, r: int) -> Outcome:
        one = np.ones(n)
        return Outcome(one, one, one, one, np.ones((n, r)), one, one, one, one)

    joined = join([outcome(2, 3), outcome(1, 1)])
    assert joined.other_distance.shape == (3, 3)
    assert np.isnan(joined.other_distance[2, 1:]).all()
    assert np.isfinite(joined.other_distance[:2]).all()
