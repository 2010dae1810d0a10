"""Index-of-Max, Gaussian and permutation variants: definition, theory, what leaks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.capability import Inequalities, Searchable, Theory
from fowh.core.errors import InputError
from fowh.core.randomness import key_stream
from fowh.kit.kernels import argmax_inner, argmax_of_products
from fowh.kit.parallel import threaded
from schemes.iom import Iom, collision
from schemes.iom_urp import IomUrp
from schemes.lsh import Lsh
from schemes.lsh_pstable import LshPstable
from tests.schemes.common import (
    assert_consistent,
    assert_locality,
    assert_slack_holds_where_enrolled,
    people,
    public_draws,
    purity,
)


@given(seed=st.integers(0, 2**32 - 1), height=st.integers(1, 256), distinct=st.integers(1, 300))
def test_argmax_inner_is_the_argmax(seed, height, distinct):
    """Ties included: few distinct values make many."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, distinct, (3, height, 5)).astype(np.float32)
    offset = rng.integers(0, distinct, (height, 5)).astype(np.float32)
    out = np.empty((3, 5), dtype=np.uint8)
    argmax_inner(values, offset, out)
    np.testing.assert_array_equal(out, (values - offset).argmax(axis=1))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_argmax_of_products_is_what_it_says(order):
    rng = np.random.default_rng(order)
    columns = rng.integers(-3, 4, (9, 6)).astype(np.float32)  # small integers: ties
    places = rng.integers(0, 9, (order, 5, 7))
    out = np.empty((6, 5), dtype=np.uint8)
    argmax_of_products(columns, places, out)
    expected = columns.T[:, places].prod(axis=1).argmax(axis=2)
    np.testing.assert_array_equal(out, expected)


def test_threaded_covers_all_rows_and_raises_what_they_raise():
    seen = np.zeros(1000, dtype=int)

    def work(rows):
        seen[rows] += 1

    threaded(work, 1000, 64)
    assert (seen == 1).all()

    def fail(rows):
        raise InputError("no")

    with pytest.raises(InputError):
        threaded(fail, 1000, 64)


@pytest.mark.parametrize("centred", [False, True])
def test_digits_are_the_largest_projections(centred):
    enrolled, _ = people()
    scheme = Iom(hashes=9, group=5, centred=centred).fit(enrolled)
    values = (enrolled - centred * enrolled.mean(axis=0)) @ public_draws(5, "iom", (128, 45))
    expected = values.reshape(30, 5, 9).argmax(axis=1)
    np.testing.assert_array_equal(scheme.protect(enrolled, 5), expected)


def test_by_hand(monkeypatch):
    # Projections of (x, y), group first: digit 0 compares x, y and -x; digit 1 y, -y and 0.
    columns = np.array([[1, 0, 0, 0, -1, 0], [0, 1, 1, -1, 0, 0]], dtype=np.float32)
    monkeypatch.setattr("schemes.iom.gaussian", lambda key, purpose, shape: columns)
    scheme = Iom(hashes=2, group=3)
    code = scheme.protect(np.array([[3, 1], [-3, -1], [-1, 2]], dtype=np.float32), 0)
    np.testing.assert_array_equal(code, [[0, 0], [2, 1], [1, 0]])
    np.testing.assert_allclose(scheme.compare(code, code[:1])[:, 0], [1, 0, 0.5])


def test_an_embedding_at_the_mean_has_a_code():
    """The blind attackers present it; centred, all its projections tie near zero."""
    enrolled, _ = people()
    mean = enrolled.mean(axis=0, keepdims=True)
    assert (Iom(hashes=7, group=4, centred=True).fit(enrolled).protect(mean, 1) < 4).all()
    assert (Iom(hashes=7, group=4).protect(np.zeros_like(mean), 1) == 0).all()


def test_grouping_scores_and_search_agree():
    for centred in (False, True):
        assert_consistent(Iom(centred=centred), tolerance=4e-3)
        assert_consistent(IomUrp(centred=centred), tolerance=2e-3)
    assert_consistent(Iom(hashes=40, group=50), tolerance=0.03)
    assert_consistent(IomUrp(hashes=30, window=128, order=3), tolerance=0.04)


def test_blocks_do_not_change_the_code(monkeypatch):
    """Longer than a block of rows, with a remainder."""
    monkeypatch.setattr("fowh.kit.projection.BLOCK", 50_000)
    enrolled = people(subjects=700)[0]
    for scheme in (Iom(hashes=20), IomUrp(hashes=25, window=30), Lsh(), LshPstable()):
        whole = scheme.protect(enrolled, 3)
        parts = np.concatenate([scheme.protect(enrolled[i : i + 90], 3) for i in range(0, 700, 90)])
        assert (whole == parts).mean() > 0.9999


@pytest.mark.parametrize("group", [2, 16, 100])
@given(cosine=st.floats(-1, 1))
def test_locality_follows_the_theory(group, cosine):
    assert_locality(Iom(hashes=40, group=group), cosine, dimension=8)


def test_collision_probability():
    angles, two = collision(2)  # the sign of a difference: as a hyperplane
    np.testing.assert_allclose(two, 1 - angles / np.pi, atol=1e-9)
    for group in (3, 16, 256):
        angles, probabilities = collision(group)
        assert probabilities[0] == 1 and probabilities[-1] == 0
        assert probabilities[128] == pytest.approx(1 / group, abs=2e-5)  # orthogonal
        assert (np.diff(probabilities) <= 1e-12).all()


def test_collision_probability_by_simulation():
    """Where it is steepest; 200,000 draws have a standard error below 1.2e-3."""
    rng = np.random.default_rng(0)
    for group, cosine in ((16, 0.95), (16, 0.6), (64, 0.9)):
        x, z = rng.standard_normal((2, 200_000, group), dtype=np.float32)
        y = cosine * x + np.float32(np.sqrt(1 - cosine**2)) * z
        same = (x.argmax(axis=1) == y.argmax(axis=1)).mean()
        expected = Iom(group=group).expected_score(np.array([cosine]))[0]
        assert abs(same - expected) < 4 * 1.2e-3


def test_the_gradient_at_the_mean_is_the_closed_form():
    # 1 / sqrt(1 + (d - 1)(1 - 1/q) / (m e^2)), e the expected maximum of q standard normals.
    draws = np.random.default_rng(0).standard_normal((200_000, 16))
    largest = draws.max(axis=1).mean()
    expected = 1 / np.sqrt(1 + 511 * (15 / 16) / (300 * largest**2))
    assert expected == pytest.approx(0.81, abs=0.005)
    assert purity(Iom(hashes=300, group=16), count=30) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("centred", [False, True])
def test_slack(centred):
    made = Iom(hashes=20, group=8, centred=centred), IomUrp(hashes=20, window=30, centred=centred)
    for scheme in made:
        assert_slack_holds_where_enrolled(scheme)
        assert isinstance(scheme, Inequalities) and isinstance(scheme, Searchable)
    assert isinstance(Iom(), Theory) and not isinstance(IomUrp(), Theory)


def test_features_are_one_hot():
    enrolled = people()[0]
    keys = np.zeros(30, np.uint64)
    templates = Iom(hashes=6, group=4).enroll(enrolled, keys, np.random.default_rng(0))
    features = Iom(hashes=6, group=4).features(templates).reshape(30, 6, 4)
    np.testing.assert_array_equal(features.argmax(axis=2), templates.code)
    np.testing.assert_array_equal(features.sum(axis=2), 1)


def test_wide_codes_are_folded():
    enrolled = people()[0]
    keys = np.zeros(30, np.uint64)
    narrow = IomUrp(hashes=20, window=30)
    templates = narrow.enroll(enrolled, keys, np.random.default_rng(0))
    features = narrow.features(templates)
    np.testing.assert_array_equal(features.reshape(30, 20, 30).argmax(axis=2), templates.code)
    templates = IomUrp().enroll(enrolled, keys, np.random.default_rng(0))
    features = IomUrp().features(templates)
    assert features.shape == (30, 1 << 14) and (features.sum(axis=1) == 600).all()
    kept = (features @ features.T)[~np.eye(30, dtype=bool)]  # inner products survive the folding
    exact = IomUrp().compare(templates.code, templates.code)[~np.eye(30, dtype=bool)] * 600
    assert np.abs(kept - exact).mean() < 25


@pytest.mark.parametrize("centred", [False, True])
def test_urp_by_definition(centred):
    enrolled = people()[0]
    scheme = IomUrp(hashes=12, window=10, order=2, centred=centred).fit(enrolled)
    rows = np.tile(np.arange(128), (24, 1))
    permutations = key_stream(5, "iom_urp").permuted(rows, axis=1).reshape(2, 12, 128)
    hashed = enrolled - centred * enrolled.mean(axis=0)
    for row, code in zip(hashed, scheme.protect(enrolled, 5), strict=True):
        for digit, first, second in zip(code, *permutations, strict=True):
            assert digit == (row[first] * row[second])[:10].argmax()


@pytest.mark.parametrize("make", [Iom, IomUrp, Lsh, LshPstable])
def test_as_published_nothing_is_centred(make):
    """None of the publications does; the mean is learnt only where it is asked for."""
    enrolled, _ = people()
    published, centred = make(), make(centred=True).fit(enrolled)
    assert published.fit(enrolled) is published
    np.testing.assert_allclose(centred.public["mean"], enrolled.mean(axis=0), rtol=1e-5)
    shifted = enrolled - centred.public["mean"]
    same = centred.protect(enrolled, 5) == published.protect(shifted, 5)
    assert same.mean() > 0.999  # rounding may flip one
    assert (published.protect(enrolled, 5) != centred.protect(enrolled, 5)).any()


def test_only_about_its_centre_is_a_code_of_products_even():
    enrolled, _ = people()
    mean = enrolled.mean(axis=0)
    for order, even in ((2, True), (3, False)):
        scheme = IomUrp(order=order, centred=True).fit(enrolled)
        mirrored = scheme.protect(2 * mean - enrolled, 5) == scheme.protect(enrolled, 5)
        assert (mirrored.mean() > 0.999) == even
    published = IomUrp()
    mirrored = published.protect(2 * mean - enrolled, 5) == published.protect(enrolled, 5)
    assert mirrored.mean() < 0.2


def test_nonsense_is_refused():
    for make, fields in (
        (Iom, {"hashes": 0}),
        (Iom, {"group": 1}),
        (Iom, {"group": 257}),
        (IomUrp, {"hashes": 0}),
        (IomUrp, {"order": 0}),
        (IomUrp, {"window": 300}),
    ):
        with pytest.raises(InputError, match="give"):
            make(**fields)
    with pytest.raises(InputError, match="window=64"):
        IomUrp().protect(np.zeros((1, 64), np.float32), 0)
