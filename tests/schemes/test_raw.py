"""The unprotected baseline."""

import numpy as np

from fowh.core.capability import Searchable, Unprotect
from schemes.raw import Raw
from tests.schemes.common import assert_consistent, people


def test_scores_are_minus_the_distance():
    scheme = Raw()
    enrolled = np.array([[0, 0], [3, 4]], dtype=np.float32)
    probes = np.array([[0, 1], [0, 0]], dtype=np.float32)
    templates = scheme.enroll(enrolled, np.zeros(2, np.uint64), np.random.default_rng(0))
    np.testing.assert_allclose(scheme.score(templates, probes), [-1, -5])
    expected = [[-1, 0], [-np.sqrt(18), -5]]
    np.testing.assert_allclose(scheme.scores(templates, probes), expected, atol=1e-6)


def test_keys_are_ignored_and_the_store_is_the_embedding():
    enrolled, probes = people()
    scheme = Raw().fit(enrolled)
    assert not Raw.keyed and isinstance(scheme, Unprotect) and isinstance(scheme, Searchable)
    templates = scheme.enroll(enrolled, np.arange(30, dtype=np.uint64), np.random.default_rng(0))
    np.testing.assert_array_equal(scheme.unprotect(templates.without_token()), enrolled)
    other = np.arange(30, dtype=np.uint64) + 99
    np.testing.assert_array_equal(
        scheme.scores(templates, probes), scheme.scores(templates, probes, other)
    )


def test_grouping_scores_and_search_agree():
    assert_consistent(Raw())
