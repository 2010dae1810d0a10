"""The blind controls read nothing that was stolen, and are what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from attacks.mean import Mean
from attacks.mean_image import MeanImage
from attacks.medoid import Medoid
from attacks.random import Random
from attacks.random_image import RandomImage
from fowh.checks import world
from fowh.core.attack import Attack
from fowh.core.release import Release
from fowh.core.view import View
from schemes.lsh import Lsh
from tests.attacks.world import steal


@pytest.mark.parametrize("attack", [Random(), Mean(), Medoid()])
def test_reads_no_release(attack: Attack) -> None:
    view, truth = steal(Lsh(), leaked=False)
    garbage = replace(view, release=Release(np.zeros((len(truth), 1), np.uint8)))
    guess = attack.run(view, np.random.default_rng(0))
    assert attack.blind
    assert guess.shape == truth.shape
    assert guess.dtype == np.float32
    np.testing.assert_array_equal(guess, attack.run(garbage, np.random.default_rng(0)))


def test_random_presents_own_samples_of_many() -> None:
    view, _ = steal(Lsh())
    guess = Random().run(view, np.random.default_rng(0))
    hits = (guess[:, None] == view.embeddings[None]).all(axis=2)
    assert hits.any(axis=1).all()
    assert len(np.unique(hits.argmax(axis=1))) > 20


def test_mean_is_the_own_mean() -> None:
    view, _ = steal(Lsh())
    guess = Mean().run(view, np.random.default_rng(0))
    np.testing.assert_allclose(guess[5], view.embeddings.astype(np.float64).mean(0), rtol=1e-6)


def test_medoid_minimises_the_summed_squared_distance() -> None:
    view, _ = steal(Lsh())
    summed = cdist(view.embeddings, view.embeddings, "sqeuclidean").sum(axis=1)
    guess = Medoid().run(view, np.random.default_rng(0))
    np.testing.assert_array_equal(guess[0], view.embeddings[summed.argmin()])
    np.testing.assert_array_equal(guess[0], guess[-1])


def updates(colour: bool = False, value: float = 0.0) -> View:
    """Three updates of two samples each, seen by somebody with 48 pictures of his own."""
    own = world.pictures()
    own = np.stack([own, own // 2, 255 - own], axis=-1) if colour else own
    release = Release(np.full((3, 7), value, dtype=np.float32), each=2)
    return View(Lsh(), release, np.zeros((48, 2), np.float32), world.subjects(), own)


@pytest.mark.parametrize("attack", [RandomImage(), MeanImage()])
@pytest.mark.parametrize("colour", [False, True])
def test_a_blind_picture_for_every_sample_behind_a_row(attack: Attack, colour: bool) -> None:
    made = attack.run(updates(colour), np.random.default_rng(0))
    assert attack.blind
    assert made.shape == (6, 32, 32, 3)[: 3 + colour]
    assert made.dtype == np.uint8
    other = attack.run(updates(colour, value=1), np.random.default_rng(0))
    np.testing.assert_array_equal(made, other)


def test_random_pictures_are_own_ones_of_many() -> None:
    view = updates()
    assert view.samples is not None
    made = RandomImage().run(view, np.random.default_rng(0))
    hits = (made[:, None] == view.samples[None]).all(axis=(2, 3))
    assert hits.any(axis=1).all()
    assert len(np.unique(hits.argmax(axis=1))) > 3


def test_the_mean_picture_is_the_mean_of_the_own_ones() -> None:
    view = replace(updates(), samples=np.array([[[0, 10]], [[1, 20]], [[5, 31]]], np.uint8))
    made = MeanImage().run(view, np.random.default_rng(0))
    np.testing.assert_array_equal(made, np.tile(np.array([[[2, 20]]], np.uint8), (6, 1, 1)))
