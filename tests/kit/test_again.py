"""Verification asked again: every pair of some people's halves, once, in one shuffled call."""

from __future__ import annotations

import numpy as np

from fowh.core.release import Release
from fowh.kit.again import compare_again
from schemes.raw import Raw

SUBJECTS = np.repeat(np.arange(30), 4)
ROWS = np.arange(120, dtype=np.float32)[:, None]
CALLS: list[tuple[np.ndarray, np.ndarray]] = []


class Place:
    def score(self, templates: Release, probes: np.ndarray) -> np.ndarray:
        CALLS.append((templates.code[:, 0].astype(int), probes[:, 0].astype(int)))
        out: np.ndarray = 1000 * templates.code[:, 0] + probes[:, 0]
        return out


class Three:
    verifiers = (None, None, Place())
    comparison_cap = 400


def test_every_pair_of_some_people_is_asked_once_and_in_no_order() -> None:
    CALLS.clear()
    seen = compare_again(Three(), Release(ROWS), ROWS, SUBJECTS, np.random.default_rng(0))  # type: ignore[arg-type]
    assert seen is not None
    ((left, right),) = CALLS
    people = set(SUBJECTS[left])
    assert len(people) == 10 and set(SUBJECTS[right]) == people  # 20 x 20 readings are 400 pairs
    assert len(left) == 400 == len(set(zip(left, right, strict=True)))
    assert not set(left) & set(right)  # no template meets its own sample
    np.testing.assert_array_equal(seen.score, 1000 * left + right)
    np.testing.assert_array_equal(seen.subject_a, SUBJECTS[left])
    np.testing.assert_array_equal(seen.mated, SUBJECTS[left] == SUBJECTS[right])
    assert seen.mated.sum() == 10 * 2 * 2
    # Whose pair comes next does not follow from whose this one is.
    assert abs(np.corrcoef(left[:-1], left[1:])[0, 1]) < 0.2
    assert abs(np.corrcoef(seen.mated[:-1], seen.mated[1:])[0, 1]) < 0.2


def test_where_there_is_one_place_nothing_is_asked_again() -> None:
    assert compare_again(Raw(), Release(ROWS), ROWS, SUBJECTS, np.random.default_rng(0)) is None
