"""Random hyperplanes: definition, theory, what leaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.capability import Inequalities, Searchable, Theory
from fowh.core.errors import InputError
from schemes.lsh import Lsh
from tests.schemes.common import (
    assert_consistent,
    assert_locality,
    assert_slack_holds_where_enrolled,
    people,
    public_draws,
    purity,
)


@pytest.mark.parametrize("centred", [False, True])
def test_bits_are_the_signs_of_the_projections(centred):
    enrolled, _ = people()
    scheme = Lsh(bits=20, centred=centred).fit(enrolled)
    values = (enrolled - centred * enrolled.mean(axis=0)) @ public_draws(5, "lsh", (128, 20))
    expected = np.packbits(values > 0, axis=1)
    assert expected.shape == (30, 3)
    np.testing.assert_array_equal(scheme.protect(enrolled, 5), expected)


def test_by_hand(monkeypatch):
    planes = np.array([[1, 0, -1], [0, 1, 1]], dtype=np.float32)  # columns: x, y, y - x
    monkeypatch.setattr("schemes.lsh.gaussian", lambda key, purpose, shape: planes)
    code = Lsh(bits=3).protect(np.array([[2, 1], [-1, 3], [-2, -3]], dtype=np.float32), 0)
    assert [format(byte, "08b") for byte in code[:, 0]] == ["11000000", "01100000", "00000000"]
    scores = Lsh(bits=3).compare(code, code)
    np.testing.assert_allclose(scores, np.array([[3, 1, 1], [1, 3, 1], [1, 1, 3]]) / 3, rtol=1e-6)


def test_grouping_scores_and_search_agree():
    assert_consistent(Lsh())
    assert_consistent(Lsh(centred=True))
    assert_consistent(Lsh(bits=61), tolerance=0.02)


@given(cosine=st.floats(-1, 1))
def test_locality_follows_the_theory(cosine):
    assert_locality(Lsh(bits=256), cosine)


def test_a_fresh_key_makes_templates_unrelated():
    enrolled, _ = people()
    scheme = Lsh().fit(enrolled)
    ours = scheme.enroll(enrolled, np.arange(30, dtype=np.uint64), np.random.default_rng(0))
    theirs = scheme.score(ours, enrolled, np.arange(30, dtype=np.uint64) + 1000)
    assert abs(theirs.mean() - 0.5) < 5 * 0.5 / np.sqrt(30 * 512)


def test_the_gradient_at_the_mean_is_the_closed_form():
    # Sum of sign(w x) w: m sqrt(2/pi) along x, variance m in each of the d - 1 other directions
    # and m (1 - 2/pi) along x, so cos = 1 / sqrt(1 + (d - 2/pi) pi / (2m)); orthonormal rows
    # (BioHash) would give sqrt(2m / (pi d)) = 0.80 instead.
    expected = 1 / np.sqrt(1 + (512 - 2 / np.pi) * np.pi / (2 * 512))
    assert purity(Lsh(bits=512)) == pytest.approx(expected, abs=0.01)
    assert expected == pytest.approx(0.624, abs=0.001)


def test_slack():
    for centred in (False, True):
        assert_slack_holds_where_enrolled(Lsh(bits=64, centred=centred))
    scheme = Lsh()
    assert all(isinstance(scheme, kind) for kind in (Inequalities, Searchable, Theory))


def test_features_are_the_signs():
    scheme = Lsh(bits=5)
    templates = scheme.enroll(*people()[:1], np.zeros(30, np.uint64), np.random.default_rng(0))
    signs = scheme.features(templates)
    assert signs.shape == (30, 5) and set(np.unique(signs)) == {-1, 1}
    np.testing.assert_array_equal(np.packbits(signs > 0, axis=1), templates.code)


def test_nonsense_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        Lsh(bits=0)
