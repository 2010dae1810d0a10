"""Codes that leave the sign open: told from others, learnt from products, handed in with both."""

from __future__ import annotations

import numpy as np
import pytest

from attacks._even import Moments, both_signs, facing, improbable, is_even
from attacks._morph.estimate import Reader
from attacks._readout import Population
from attacks.mlp import Mlp
from attacks.ridge import Ridge
from fowh.core.attack import Attack
from fowh.core.scheme import Scheme
from schemes.full_scores import FullScores
from schemes.fuzzy_commitment import FuzzyCommitment
from schemes.iom import Iom
from schemes.iom_urp import IomUrp
from schemes.lsh import Lsh
from schemes.lsh_pstable import LshPstable
from schemes.raw import Raw
from schemes.salted_hash import SaltedHash
from tests.attacks.world import DIMENSION, cosine, rank1, steal

URP = IomUrp(hashes=150, window=DIMENSION, centred=True)


@pytest.mark.parametrize(
    ("scheme", "even"),
    [
        (URP, True),
        (FuzzyCommitment(length=127, message=29, repeat=3), True),
        (IomUrp(hashes=300, window=DIMENSION), False),
        (IomUrp(hashes=300, window=DIMENSION, order=3, centred=True), False),
        *((scheme, False) for scheme in (Lsh(), Lsh(centred=True), Iom(), LshPstable())),
        *((scheme, False) for scheme in (Raw(), SaltedHash(), FullScores())),
    ],
    ids=str,
)
def test_an_attacker_sees_which_codes_are_even(scheme: Scheme, even: bool) -> None:
    view, _ = steal(scheme)
    rng = np.random.default_rng(0)
    assert is_even(view, Population.of(view.embeddings), rng) == even
    assert rng.random() == np.random.default_rng(0).random()  # the stream stays where it was


def test_without_a_key_nobody_sees_it() -> None:
    view, _ = steal(URP, leaked=False)
    assert not is_even(view, Population.of(view.embeddings), np.random.default_rng(0))


def test_moments_are_squared_cosines_and_lead_back_up_to_the_sign() -> None:
    view, truth = steal(Raw())
    population = Population.of(view.embeddings)
    moments = Moments(view, population)
    products = moments.of(truth)
    assert products.shape == (len(truth), DIMENSION * (DIMENSION + 1) // 2)
    w = (truth - population.mean) @ np.linalg.inv(np.linalg.cholesky(population.covariance)).T
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    np.testing.assert_allclose(products @ products.T, (DIMENSION * w @ w.T) ** 2, rtol=0.01, atol=1)
    back = moments.candidates(products)
    np.testing.assert_allclose(np.abs(cosine(back[:, 0], truth, population.mean)), 1, atol=1e-3)
    np.testing.assert_allclose(back.sum(axis=1) / 2, np.tile(population.mean, (80, 1)), atol=1e-5)


def test_the_likelier_sign_is_that_of_the_third_moment() -> None:
    own = np.array([[3, 0.1], [-1, 0.1], [-1, 0.1], [-1, -0.3]], dtype=np.float32)  # mean 0
    population = Population(np.zeros(2, np.float32), np.eye(2), 1.0)
    x = np.array([[1, 0], [-1, 0]], dtype=np.float32)
    # Cosines of the first: 1 and three times about -1, so its mirror image is the likelier.
    np.testing.assert_array_equal(improbable(x, own, population), [True, False])
    np.testing.assert_array_equal(both_signs(x, own, population)[:, 0], [[-1, 0], [-1, 0]])


def test_what_lies_opposite_to_its_estimate_is_turned_about_the_mean() -> None:
    population = Population(np.ones(2, np.float32), np.eye(2), 1.0)
    x = np.array([[3, 1], [3, 1]], dtype=np.float32)
    estimate = np.array([[2, 9], [0, 9]], dtype=np.float32)
    np.testing.assert_array_equal(facing(x, estimate, population), [[3, 1], [-1, 1]])


@pytest.mark.parametrize(
    ("attack", "shared"),
    [(Ridge(synthetic=250), True), (Mlp(synthetic=1500), True), (Mlp(synthetic=1500), False)],
)
def test_even_codes_are_read_up_to_the_sign(attack: Attack, shared: bool) -> None:
    view, truth = steal(URP, shared)
    made = attack.run(view, np.random.default_rng(0))
    assert made.shape == (len(truth), attack.candidates, DIMENSION) and made.dtype == np.float32
    mean = view.embeddings.mean(0)
    each = np.stack([cosine(made[:, k], truth, mean) for k in (0, 1)])
    assert each.max(axis=0).mean() > 0.75
    better = made[np.arange(len(truth)), each.argmax(axis=0)]
    assert rank1(better, truth) > 0.9
    other = np.roll(truth, 8, axis=0)  # another's row: what two signs reach by chance
    chance = np.abs(cosine(made[:, 0], other, mean)).mean()
    assert chance < 0.5


def test_the_image_attacks_reader_reads_them_too() -> None:
    view, truth = steal(URP)
    reader = Reader(view, view.embeddings[:0], np.random.default_rng(0))
    read = cosine(reader(view.release), truth, view.embeddings.mean(0))
    assert np.abs(read).mean() > 0.75
