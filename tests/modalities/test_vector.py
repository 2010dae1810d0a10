"""Vectors: ready embeddings, compared by their cosine."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fowh.modalities.vector import Vector

VECTOR = Vector()
LIKE = np.ones((9, 4), dtype=np.float32)


def test_vectors_are_embeddings_already() -> None:
    assert Vector.embedded and Vector.target == ""


def test_usable_rows_become_single_precision() -> None:
    made = np.random.default_rng(0).normal(size=(3, 4))
    kept = VECTOR.check(made, 3, LIKE)
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, made.astype(np.float32))
    assert VECTOR.check(kept, 3, LIKE) is kept


NAN = np.ones((3, 4))
NAN[1, 2] = np.nan


@pytest.mark.parametrize(
    "made", [np.ones((2, 4)), np.ones((3, 5)), np.ones(12), np.ones((3, 4, 1)), NAN, NAN * np.inf]
)
def test_anything_else_is_refused_in_words(made: NDArray[np.float64]) -> None:
    with pytest.raises(ValueError, match=r"expected \(3, 4\) finite embeddings"):
        VECTOR.check(made, 3, LIKE)


def test_likeness_is_the_cosine_by_hand() -> None:
    made = np.array([[3, 4], [1, 0], [-2, 0], [0, 0]], dtype=np.float32)
    true = np.array([[4, 3], [0, 5], [1, 0], [1, 1]], dtype=np.float32)
    seen = VECTOR.likeness(made, true)
    assert set(seen) == {"purity"}
    np.testing.assert_allclose(seen["purity"], [0.96, 0, -1, 0])


def test_nothing_is_conformed() -> None:
    assert VECTOR.conform(LIKE, LIKE[:, :1]) is LIKE


def test_a_vector_is_shown_in_a_line() -> None:
    shown = VECTOR.show(np.array([1, -0.5, 0.25, 2, 3], dtype=np.float32))
    assert shown.text == "[1.00, -0.50, 0.25, 2.00, ...] (5)" and shown.png is None
    assert VECTOR.show(np.ones(2, np.float32)).text == "[1.00, 1.00] (2)"
