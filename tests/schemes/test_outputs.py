"""What a classifier's answers pass before they are given out: all, rounded, the name only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.scheme import OutputScheme
from schemes.full_scores import FullScores
from schemes.round_scores import RoundScores
from schemes.top_label import TopLabel

SCHEMES = (FullScores(), TopLabel(), *(RoundScores(digits=digits) for digits in range(8)))
# A clear case, a tie, and two rows in which different scores become equal at one digit.
ANSWERS = np.array(
    [[0.126, 0.81, 0.064], [0.4, 0.2, 0.4], [0.34, 0.3, 0.36], [0.26, 0.34, 0.4]],
    dtype=np.float32,
)


def limited(scheme: OutputScheme, answers: NDArray[np.float32]) -> NDArray[np.float32]:
    return scheme.limit(answers, np.random.default_rng(0))


def test_full_scores_leave_as_they_are() -> None:
    np.testing.assert_array_equal(limited(FullScores(), ANSWERS), ANSWERS)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (0, [[0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]]),
        (1, [[0.1, 0.8, 0.1], [0.4, 0.2, 0.4], [0.3, 0.3, 0.4], [0.3, 0.3, 0.4]]),
        (2, [[0.13, 0.81, 0.06], [0.4, 0.2, 0.4], [0.34, 0.3, 0.36], [0.26, 0.34, 0.4]]),
        (3, ANSWERS.tolist()),
    ],
)
def test_rounded_scores_by_hand(digits: int, expected: list[list[float]]) -> None:
    got = limited(RoundScores(digits=digits), ANSWERS)
    np.testing.assert_allclose(got, np.array(expected, dtype=np.float32), atol=1e-7)


def test_top_label_by_hand() -> None:
    """Of equally likely subjects the first is named."""
    expected = [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 0, 1]]
    np.testing.assert_array_equal(limited(TopLabel(), ANSWERS), expected)


def answers() -> st.SearchStrategy[NDArray[np.float32]]:
    """Rows of probabilities, some of them tiny, some of them certain."""

    def draw(seed: int, rows: int, subjects: int, sharpness: float) -> NDArray[np.float32]:
        logits = np.random.default_rng(seed).normal(0, sharpness, (rows, subjects))
        raw = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
        return (raw / raw.sum(axis=1, keepdims=True)).astype(np.float32)

    sizes = (st.integers(0, 2**32), st.integers(0, 6), st.integers(1, 9))
    return st.builds(draw, *sizes, st.floats(0, 30))


@pytest.mark.parametrize("scheme", SCHEMES, ids=repr)
@given(given_=answers())
def test_what_left_once_leaves_unchanged(scheme: OutputScheme, given_: NDArray[np.float32]) -> None:
    """An attacker's own answers are limited already, and he simulates with them."""
    before = given_.copy()
    given_.setflags(write=False)
    once = limited(scheme, given_)
    assert once.dtype == np.float32 and once.shape == given_.shape
    np.testing.assert_array_equal(limited(scheme, once), once)
    np.testing.assert_array_equal(given_, before)


@given(given_=answers())
def test_how_much_is_said(given_: NDArray[np.float32]) -> None:
    label = limited(TopLabel(), given_)
    np.testing.assert_array_equal(label.sum(axis=1), 1)
    np.testing.assert_array_equal(label.argmax(axis=1), given_.argmax(axis=1))
    for digits in range(7):
        coarse = limited(RoundScores(digits=digits), given_)
        assert np.abs(coarse - given_).max(initial=0) <= 0.5 * 10.0**-digits + 1e-6


@pytest.mark.parametrize("scheme", [FullScores(), RoundScores(), TopLabel()], ids=repr)
def test_a_release_is_what_leaves_and_no_key_matters(scheme: OutputScheme) -> None:
    assert scheme.protects == "outputs" and not scheme.keyed and scheme.secret_bits is None
    assert scheme.fit(ANSWERS) is scheme  # nothing is learned
    keys = np.arange(4, dtype=np.uint64)
    one, two = (scheme.release(ANSWERS, k, np.random.default_rng(0)) for k in (keys, keys + 1))
    np.testing.assert_array_equal(one.code, limited(scheme, ANSWERS))
    np.testing.assert_array_equal(one.code, two.code)
    assert dict(one.aux) == {} and len(one) == 4
    np.testing.assert_array_equal(scheme.features(one), one.code)


@pytest.mark.parametrize("digits", [-1, 8])
def test_other_digits_are_refused(digits: int) -> None:
    with pytest.raises(InputError, match=f"digits is {digits}; give 0 to 7"):
        RoundScores(digits=digits)
