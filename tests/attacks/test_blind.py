"""The blind controls read nothing that was stolen, and are what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from attacks.mean import Mean
from attacks.medoid import Medoid
from attacks.random import Random
from fowh.core.attack import Attack
from fowh.core.release import Release
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
