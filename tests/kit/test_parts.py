"""Work in parts: whole, in order, and told as it goes."""

from __future__ import annotations

import re

import numpy as np

from fowh.kit.parts import counting, in_parts, within


def test_parts_are_the_whole_in_order_and_each_is_told() -> None:
    told: list[tuple[str, float]] = []
    rows = np.arange(1030)
    made = in_parts(
        lambda part: rows[part], len(rows), 500, lambda *note: told.append(note), "embedding"
    )
    assert [len(part) for part in made] == [500, 500, 30]
    np.testing.assert_array_equal(np.concatenate(made), rows)
    assert [round(done, 3) for _, done in told] == [0.485, 0.971, 1.0]
    assert re.fullmatch(r"embedding: 1,000 of 1,030, [\d,.]+/s", told[1][0])


def test_a_part_of_something_longer_begins_and_ends_where_it_is() -> None:
    told: list[tuple[str, float]] = []
    note = within(within(lambda *said: told.append(said), 0.5, 1.0), 0.0, 0.5)
    note("a", 0.0)
    counting(note, "b")(3, 6)
    note("c", 1.0)
    assert [done for _, done in told] == [0.5, 0.625, 0.75]
