"""The judge's own pieces, against hand-made cases."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.engine.judge import another_reading, join, nearest_rows, other_subject, unmeasured
from fowh.metrics.inversion import Outcome


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


def test_unmeasured_rows_are_nan_and_the_others_untouched() -> None:
    one = np.ones(3)
    before = Outcome(one, one, one > 0, one, np.ones((3, 2)), one, one, one, one, one)
    after = unmeasured(before, np.array([False, True, False]))
    for name in ("rank1", "distance", "accept_score", "purity"):
        np.testing.assert_array_equal(np.isnan(getattr(after, name)), [False, True, False])
    assert np.isnan(after.other_distance[1]).all()
    np.testing.assert_array_equal(after.subject, before.subject)


def test_nearest_rows() -> None:
    gallery = np.array([[0, 0], [10, 0], [0, 10]], dtype=np.float32)
    queries = np.array([[1, 8], [9, 1], [1, 1]], dtype=np.float32)
    np.testing.assert_array_equal(nearest_rows(queries, gallery), [2, 1, 0])


def test_join_pads_subjects_with_fewer_readings() -> None:
    def outcome(n: int, r: int) -> Outcome:
        one = np.ones(n)
        return Outcome(one, one, one, one, np.ones((n, r)), one, one, one, one, one)

    joined = join([outcome(2, 3), outcome(1, 1)])
    assert joined.other_distance.shape == (3, 3)
    assert np.isnan(joined.other_distance[2, 1:]).all()
    assert np.isfinite(joined.other_distance[:2]).all()
