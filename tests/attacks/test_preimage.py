"""The pre-image attack: exact where nothing protects, at its closed form, and above it."""

from __future__ import annotations

import numpy as np
import pytest

from attacks._readout import Population
from attacks.preimage import Preimage, _ranked
from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.scheme import Scheme
from fowh.core.view import View
from schemes.full_scores import FullScores
from schemes.iom import Iom
from schemes.iom_urp import IomUrp
from schemes.lsh import Lsh
from schemes.raw import Raw
from schemes.salted_hash import SaltedHash
from tests.attacks.world import DIMENSION, cosine, rank1, steal


def sphere(scheme: Scheme, count: int = 48) -> tuple[View, Floats]:
    """A release of directions that are uniform on the sphere in 512 dimensions."""
    draws = np.random.default_rng(5).standard_normal((500 + count, 512), dtype=np.float32)
    draws /= np.linalg.norm(draws, axis=1, keepdims=True)
    keys = np.full(count, 9, np.uint64)
    stolen = scheme.release(draws[500:], keys, np.random.default_rng(0))
    own, subjects = draws[:500], np.arange(500)
    return View(scheme, stolen, own - own.mean(0), subjects), draws[500:]


def purity(attack: Preimage, scheme: Scheme) -> float:
    view, truth = sphere(scheme)
    guess = attack.run(view, np.random.default_rng(0))
    return float(cosine(guess, truth, np.zeros(512, np.float32)).mean())


def test_raw_is_returned_exactly() -> None:
    view, truth = steal(Raw(), leaked=False)
    np.testing.assert_array_equal(Preimage().run(view, np.random.default_rng(0)), truth)


def test_closed_form_of_signs() -> None:
    # Sum of m Gaussian projections with their signs: m sqrt(2/pi) along x, sqrt(m (d-1)) across.
    expected = 1 / np.sqrt(1 + 511 * np.pi / 2 / 500)
    assert purity(Preimage(steps=0, prior=0), Lsh(bits=500)) == pytest.approx(expected, abs=0.01)


def test_closed_form_of_index_of_max() -> None:
    largest = np.random.default_rng(0).standard_normal((200_000, 16)).max(axis=1).mean()
    expected = 1 / np.sqrt(1 + 511 * (1 - 1 / 16) / (300 * largest**2))
    assert expected == pytest.approx(0.81, abs=0.01)
    assert purity(Preimage(steps=0, prior=0), Iom()) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("prior", [0, 0.5])
def test_inequalities_beat_the_closed_form(prior: float) -> None:
    # Paik et al. with the same parameters: at least 0.83.
    assert purity(Preimage(prior=prior), Iom()) >= 0.83


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("scheme", [Lsh(bits=256), Iom(hashes=64)])
def test_finds_the_person_and_is_accepted(scheme: Scheme, shared: bool) -> None:
    view, truth = steal(scheme, shared)
    guess = Preimage().run(view, np.random.default_rng(0))
    assert cosine(guess, truth, view.embeddings.mean(0)).mean() > 0.93
    assert rank1(guess, truth) >= 0.95
    mated = view.scheme.score(view.release[1:], truth[:-1])  # another reading, mostly
    assert np.mean(view.scheme.score(view.release, guess)) > np.quantile(mated, 0.9)


def test_products_are_undone_up_to_their_sign() -> None:
    view, truth = steal(IomUrp(window=DIMENSION, centred=True))
    mean = view.embeddings.mean(0)
    guess = Preimage().run(view, np.random.default_rng(0))
    assert guess.shape == (len(truth), Preimage.candidates, DIMENSION)
    found = cosine(guess[:, 0], truth, mean)
    assert np.abs(found).mean() > 0.85
    mirrored = view.scheme.score(view.release, guess[:, 1])
    np.testing.assert_allclose(mirrored, view.scheme.score(view.release, guess[:, 0]), atol=0.2)
    assert np.abs(guess[:, ::2] + guess[:, 1::2] - 2 * mean).max() < 1e-4


def test_only_where_the_sign_is_open_there_are_candidates() -> None:
    for scheme in (IomUrp(window=DIMENSION), Lsh(bits=64, centred=True), Iom(hashes=32), Raw()):
        view, truth = steal(scheme)
        assert Preimage().run(view, np.random.default_rng(0)).shape == truth.shape


def test_better_solutions_come_first_and_repetitions_last() -> None:
    solved = np.array([[[1, 0], [-1, 0.1], [0, 2], [3, 0]]], dtype=np.float32)
    ranked = _ranked(solved, np.array([[0.7, 0.9, 0.8, 0.1]]), np.zeros(2, np.float32))
    np.testing.assert_allclose(ranked[0], [[-1, 0.1], [0, 2], [1, 0], [3, 0]])


def test_an_asymmetrical_population_tells_the_sign() -> None:
    rng = np.random.default_rng(0)
    skewed = rng.gamma(0.3, size=(600, DIMENSION)).astype(np.float32)
    scheme = IomUrp(hashes=300, window=DIMENSION, centred=True).fit(skewed[:500])
    truth = skewed[500:]
    stolen = scheme.release(truth, np.full(100, 7, np.uint64), rng)
    view = View(scheme, stolen, skewed[:500], np.arange(500))
    guess = Preimage().run(view, np.random.default_rng(0))[:, 0]
    assert (cosine(guess, truth, skewed[:500].mean(0)) > 0).mean() > 0.8


def test_order_of_rows_does_not_matter() -> None:
    view, _ = steal(Lsh(bits=64), shared=False)
    mixed = np.random.default_rng(1).permutation(len(view.release))
    other = View(view.scheme, view.release[mixed], view.embeddings, view.subjects)
    guess = Preimage().run(view, np.random.default_rng(0))
    again = Preimage().run(other, np.random.default_rng(0))
    np.testing.assert_allclose(again, guess[mixed], atol=1e-3)


def test_says_what_it_lacks() -> None:
    assert "keys did not leak" in str(Preimage().unsupported(steal(Lsh(), leaked=False)[0]))
    for scheme in (SaltedHash(), FullScores()):
        assert "neither" in str(Preimage().unsupported(steal(scheme)[0]))


def test_rejects_impossible_parameters() -> None:
    with pytest.raises(InputError, match="prior"):
        Preimage(prior=2)


def test_population_shrinks_like_scikit_learn() -> None:
    from sklearn.covariance import OAS

    few = np.random.default_rng(0).standard_normal((20, 30)).astype(np.float32) * np.arange(1, 31)
    mine = Population.of(few.astype(np.float32))
    np.testing.assert_allclose(mine.covariance, OAS().fit(few).covariance_, rtol=1e-4, atol=1e-4)
    drawn = mine.draw(200_000, np.random.default_rng(1))
    np.testing.assert_allclose(np.cov(drawn.T), mine.covariance, atol=8)
