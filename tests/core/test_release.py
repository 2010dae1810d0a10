"""What left: rows, what is stored beside them, and the keys that only users hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.release import Release, by_key, known_token


def release() -> Release:
    return Release(
        np.arange(12, dtype=np.int16).reshape(4, 3),
        {"salt": np.arange(4, dtype=np.uint8)},
        np.array([7, 7, 2**64 - 1, 0], dtype=np.uint64),
    )


@pytest.mark.parametrize(
    "rows", [slice(1, 3), np.array([1, 2]), np.array([False, True, True, False])]
)
def test_rows_are_taken_together(rows: object) -> None:
    some = release()[rows]
    assert len(some) == 2
    assert some.code.tolist() == [[3, 4, 5], [6, 7, 8]]
    assert some.aux["salt"].tolist() == [1, 2]
    assert known_token(some).tolist() == [7, 2**64 - 1]


def test_a_thief_without_keys_has_none_in_any_part() -> None:
    whole = release()
    stolen = whole.without_token()
    assert stolen.token is None and stolen[:2].token is None
    assert stolen.code is whole.code and whole.token is not None
    with pytest.raises(ValueError, match="the token did not leak"):
        known_token(stolen)


def test_what_is_stored_is_counted_and_what_the_user_holds_is_not() -> None:
    assert release().bytes_each == 3 * 2 + 1
    assert Release(np.empty((0, 5))).bytes_each == 0


@given(st.lists(st.sampled_from([0, 1, 5, 2**63, 2**64 - 1]), max_size=30))
def test_rows_are_grouped_by_key(keys: list[int]) -> None:
    groups = list(by_key(np.array(keys, dtype=np.uint64)))
    assert [key for key, _ in groups] == sorted(set(keys))
    for key, rows in groups:
        assert rows.tolist() == [row for row, used in enumerate(keys) if used == key]
