"""Streams of randomness: named, repeatable, and none of them shifts another."""

from __future__ import annotations

import numpy as np

from fowh.core.randomness import key_stream, stream


def test_streams_depend_on_seed_and_every_stage_name() -> None:
    draws = {
        stream(seed, *stage).integers(2**60)
        for seed in (0, 1)
        for stage in (("a",), ("b",), ("a", "b"), ("ab",), ("a", 1), ("a", 11))
    }
    assert len(draws) == 12
    assert stream(3, "x").integers(2**60) == stream(3, "x").integers(2**60)


def test_a_key_has_a_stream_for_each_purpose() -> None:
    keys = (0, 1, 2**32, 2**32 + 1, 2**64 - 1)
    draws = {
        key_stream(key, purpose).integers(2**60) for key in keys for purpose in ("lsh", "iom", "")
    }
    assert len(draws) == 15
    one, two = (key_stream(2**64 - 1, "lsh").standard_normal(4) for _ in range(2))
    np.testing.assert_array_equal(one, two)
