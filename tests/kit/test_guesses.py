"""A list of blind guesses: what it begins with, whom it covers, and what it is made from."""

from __future__ import annotations

import numpy as np
import pytest

from fowh.kit.guesses import cover


def world(
    people: int = 60, readings: int = 3, dim: int = 8, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Readings near their person, people in a few crowds; embeddings (n, dim) and subjects."""
    draw = np.random.default_rng(seed)
    crowds = draw.normal(0, 2, size=(5, dim))
    centres = crowds[draw.integers(5, size=people)] + draw.normal(0, 0.7, size=(people, dim))
    subjects = np.repeat(np.arange(people), readings)
    values = centres[subjects] + draw.normal(0, 0.4, size=(len(subjects), dim))
    return values.astype(np.float32), subjects


def listed(own: np.ndarray, subjects: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    return cover(own, subjects, count, np.random.default_rng(seed))


def reached(guesses: np.ndarray, people: np.ndarray, radius: float) -> float:
    """Share of people within that distance of a guess."""
    apart = np.linalg.norm(people[:, None] - guesses, axis=2)
    return float((apart <= radius).any(axis=1).mean())


def test_the_first_is_the_mean_and_all_are_different() -> None:
    own, subjects = world()
    made = listed(own, subjects, 100)
    assert made.shape == (100, 8) and made.dtype == np.float32
    np.testing.assert_allclose(made[0], own.mean(axis=0), rtol=1e-6)
    assert len(np.unique(made, axis=0)) == 100


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("count", [5, 20, 60])
def test_it_covers_more_strangers_than_as_many_own_samples(seed: int, count: int) -> None:
    """People whom nobody saw, of the same crowds; against the average draw of own samples."""
    values, subjects = world(people=260, seed=seed)
    mine = subjects < 60
    own, strangers = values[mine], values[~mine][::3]
    apart = np.linalg.norm(own[1:] - own[:-1], axis=1)
    radius = float(np.median(apart[subjects[mine][1:] == subjects[mine][:-1]]))
    draw = np.random.default_rng(seed)
    blind = [reached(draw.permutation(own)[:count], strangers, radius) for _ in range(20)]
    assert reached(listed(own, subjects[mine], count), strangers, radius) > np.mean(blind)


def test_a_longer_list_begins_with_the_shorter_one() -> None:
    """Otherwise success within k guesses would be no curve: one list, cut at k."""
    own, subjects = world()
    np.testing.assert_array_equal(listed(own, subjects, 50)[:10], listed(own, subjects, 50)[:10])
    long, short = listed(own, subjects, 1000), listed(own, subjects, 1000)[:100]
    np.testing.assert_array_equal(long[:100], short)


def test_the_same_randomness_gives_the_same_list_and_other_randomness_another() -> None:
    own, subjects = world()
    one, again, other = (listed(own, subjects, 80, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


def test_what_it_is_made_from_is_left_alone() -> None:
    own, subjects = world()
    before = own.copy()
    listed(own, subjects, 30)
    np.testing.assert_array_equal(own, before)


@pytest.mark.parametrize(
    "own",
    [
        np.array([[1.0, 2.0, 3.0]]),  # a single one
        np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
        np.full((7, 3), 2.5),  # all equal
        np.zeros((4, 3)),
    ],
)
@pytest.mark.parametrize("count", [1, 3, 5000])
def test_few_or_equal_samples_are_enough(own: np.ndarray, count: int) -> None:
    """A list as long as there are different candidates; nothing but numbers in it."""
    given = own.astype(np.float32)
    made = listed(given, np.arange(len(given)), count)
    assert 1 <= len(made) <= count and made.shape[1] == 3
    assert np.isfinite(made).all()
    np.testing.assert_allclose(made[0], given.mean(axis=0), rtol=1e-6)


def test_more_guesses_than_there_are_own_samples() -> None:
    own, subjects = world(people=4, readings=2)
    made = listed(own, subjects, 1000)
    assert len(made) == 1000
    assert len(np.unique(made, axis=0)) == 1000


def test_samples_on_a_sphere_have_guesses_near_it() -> None:
    """Embeddings of one length: strangers are drawn of that length, so that all can be reached."""
    own, subjects = world(dim=16)
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    made = listed(own, subjects, 1000)
    assert np.linalg.norm(made, axis=1).max() < 1 + 1e-5
