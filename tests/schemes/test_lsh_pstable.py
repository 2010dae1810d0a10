"""Buckets on random lines: definition, theory, what leaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.capability import Inequalities, Searchable, Theory
from fowh.core.errors import InputError
from schemes.lsh_pstable import LshPstable
from tests.schemes.common import (
    assert_consistent,
    assert_locality,
    assert_slack_holds_where_enrolled,
    purity,
)


def test_by_hand(monkeypatch):
    lines = np.array([[1, 0], [0, 2]], dtype=np.float32)  # already in units of the width
    offsets = np.array([0.5, 0.25], dtype=np.float32)
    monkeypatch.setattr(LshPstable, "_lines", lambda self, key, d: (lines, offsets))
    scheme = LshPstable(hashes=2)
    points = np.array([[0, 0], [-0.6, 0.4], [2.6, -9], [1e9, -1e9]], dtype=np.float32)
    expected = [[0, 0], [-1, 1], [3, -18], [32767, -32768]]
    code = scheme.protect(points, 0)
    assert code.dtype == np.int16
    np.testing.assert_array_equal(code, expected)


@pytest.mark.parametrize("width", [0.5, 2.0])
@given(cosine=st.floats(-1, 1))
def test_locality_follows_the_theory(width, cosine):
    assert_locality(LshPstable(hashes=256, width=width), cosine)


def test_theory_is_exact_at_its_ends():
    scheme = LshPstable(width=1e6)
    np.testing.assert_allclose(scheme.expected_score(np.array([1.0, 0, -1])), 1, atol=1e-5)
    assert LshPstable(width=0.1).expected_score(np.array([1.0]))[0] == pytest.approx(1)


def test_grouping_scores_and_search_agree():
    assert_consistent(LshPstable(width=4.0), tolerance=2e-3)
    assert_consistent(LshPstable(width=4.0, centred=True), tolerance=2e-3)
    assert_consistent(LshPstable(hashes=200, width=0.3), tolerance=5e-3)  # many buckets


def test_the_gradient_at_the_mean_leads_to_the_enrolled_embedding():
    # Wide buckets say little, narrow ones nearly the projections themselves: 512 unquantised
    # Gaussian projections in 512 dimensions give 1 / sqrt(1 + (d + 1) / m) = 0.71.
    narrow, wide = (purity(LshPstable(hashes=512, width=w)) for w in (0.01, 0.5))
    assert narrow == pytest.approx(1 / np.sqrt(1 + 513 / 512), abs=0.01)
    assert 0.1 < wide < narrow


def test_slack():
    for centred in (False, True):
        assert_slack_holds_where_enrolled(LshPstable(hashes=64, width=4.0, centred=centred))
    scheme = LshPstable()
    assert all(isinstance(scheme, kind) for kind in (Inequalities, Searchable, Theory))


def test_nonsense_is_refused():
    for fields in ({"hashes": 0}, {"width": 0.0}, {"width": float("nan")}):
        with pytest.raises(InputError, match="give"):
            LshPstable(**fields)
