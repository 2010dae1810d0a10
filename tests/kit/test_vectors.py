"""A user's own vectors: what becomes of them, and the one line that every defect gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fowh.core.errors import InputError
from fowh.kit.vectors import check_embeddings

X = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
Y = np.array(["bo", "al", "bo", "al", "cy", "cy"])  # not in order of the subject


def test_samples_are_ordered_by_subject() -> None:
    samples = check_embeddings(X, Y, "memory")
    assert samples.names == ("al", "bo", "cy")
    assert samples.subjects.tolist() == [0, 0, 1, 1, 2, 2] and samples.subjects.dtype == np.int64
    assert np.array_equal(samples.values, X[[1, 3, 0, 2, 4, 5]])
    assert dict(samples.traits) == {}


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (np.array([10, 9, 10, 9, 9, 9]), ("9", "10")),
        (np.array([2.0, 1.5, 2.0, 1.5, 1.5, 2.0]), ("1.5", "2")),
        (np.array([b"b", b"a", b"b", b"a", b"a", b"a"]), ("a", "b")),
        (np.array([2, 1, 2, 1, 1, 2], dtype=np.uint8), ("1", "2")),
    ],
)
def test_labels_become_names(labels: Any, names: tuple[str, ...]) -> None:
    assert check_embeddings(X, labels, "memory").names == names


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8, ">f4"])
def test_any_real_dtype_becomes_float32_and_nothing_is_changed(dtype: Any) -> None:
    values = (np.abs(X) * 50 + 1).astype(dtype)
    before, labels = values.copy(), Y.copy()
    samples = check_embeddings(np.asfortranarray(values), labels, "memory")
    assert samples.modality == "vector" and samples.values.dtype == np.float32
    assert samples.values.flags.c_contiguous
    assert np.array_equal(samples.values, before[[1, 3, 0, 2, 4, 5]].astype(np.float32))
    assert np.array_equal(values, before) and np.array_equal(labels, Y)


def test_the_digest_is_that_of_the_content() -> None:
    base = check_embeddings(X, Y, "memory").sha256
    assert base == check_embeddings(X[::-1][::-1].astype(np.float64), Y, "elsewhere").sha256
    moved = X.copy()
    moved[3, 2] = np.nextafter(moved[3, 2], np.float32(9))
    assert base != check_embeddings(moved, Y, "memory").sha256
    assert base != check_embeddings(X, np.char.replace(Y, "al", "di"), "memory").sha256
    assert base != check_embeddings(X, Y[[2, 1, 0, 3, 5, 4]][::-1], "memory").sha256


NAN, HUGE, ZERO = X.copy(), X.astype(np.float64), X.copy()
NAN[4, 1] = np.nan
HUGE[5, 0] = 1e60
ZERO[[0, 3]] = 0
BROKEN: list[tuple[Any, Any, str]] = [
    (NAN, Y, "1 of 6 rows hold NaN, infinity or huge values (the first is row 4)"),
    (HUGE, Y, "1 of 6 rows hold NaN, infinity or huge values (the first is row 5)"),
    (ZERO, Y, "2 of 6 rows hold only zeros (the first is row 0)"),
    (X[0], Y, "embeddings are float32 (4,)"),
    (X[:0], Y[:0], "embeddings are float32 (0, 4)"),
    (X[:, :0], Y, "embeddings are float32 (6, 0)"),
    (X[None], Y, "embeddings are float32 (1, 6, 4)"),
    (X.astype(np.complex64), Y, "embeddings are complex64"),
    (X.astype(str), Y, "embeddings are <U"),
    (X > 0, Y, "embeddings are bool"),
    (X, Y[:5], "subject labels are <U2 (5,)"),
    (X, Y[:, None], "subject labels are <U2 (6, 1)"),
    (X, Y == "al", "subject labels are bool (6,)"),
    (X, np.array([1, 1, 2, 2, np.nan, 2]), "1 of 6 rows hold an empty subject label"),
    (X, np.array(["a", "a", "", "b", "b", ""]), "2 of 6 rows hold an empty subject label"),
    (X, np.full(6, "a"), "1 subjects with at most 6 readings each"),
    (X, np.arange(6), "6 subjects with at most 1 readings each"),
]


@pytest.mark.parametrize(("x", "y", "found"), BROKEN)
def test_unusable_vectors_are_refused_in_one_line(x: Any, y: Any, found: str) -> None:
    with pytest.raises(InputError) as caught:
        check_embeddings(x, y, "memory")
    text = str(caught.value)
    assert text.startswith(f"memory: {found}") and "\n" not in text
    assert "expected" in text and ": " in text.partition("expected")[2], text  # and what to do
