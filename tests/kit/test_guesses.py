"""A list of blind guesses: what it begins with, whom it covers, and what it is made from."""

from __future__ import annotations

import numpy as np
import pytest

from fowh.kit.guesses import _greedy, cover


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


@pytest.mark.parametrize("count", [5, 20, 60])
def test_it_covers_more_strangers_than_as_many_own_samples(count: int) -> None:
    """People whom nobody saw, of the same crowds; eight worlds, and draws of own samples."""
    ours, blind = [], []
    for seed in range(8):
        values, subjects = world(people=260, seed=seed)
        mine = subjects < 60
        own, strangers = values[mine], values[~mine][::3]
        apart = np.linalg.norm(own[1:] - own[:-1], axis=1)
        radius = 1.4 * float(np.median(apart[subjects[mine][1:] == subjects[mine][:-1]]))
        draw = np.random.default_rng(seed)
        blind += [reached(draw.permutation(own)[:count], strangers, radius) for _ in range(10)]
        ours.append(reached(listed(own, subjects[mine], count), strangers, radius))
    assert np.mean(ours) > np.mean(blind)


def test_greedy_by_hand() -> None:
    """Rows reach columns; the first is given, then who reaches most of those not yet reached."""
    near = np.array(
        [
            [1, 0, 0, 0, 0, 0],
            [1, 1, 1, 0, 0, 0],  # two more than the first
            [0, 0, 1, 1, 1, 0],  # three more: it comes second, and then 1 has one left
            [0, 0, 0, 0, 0, 0],  # reaches nobody, ever
            [0, 0, 0, 0, 1, 1],  # one left too, after 1 in order
            [1, 0, 0, 1, 0, 0],  # nobody left: the next round
        ],
        dtype=bool,
    )
    assert _greedy(near, 6) == [0, 2, 1, 4, 5]
    assert _greedy(near, 2) == [0, 2]


def test_greedy_takes_the_largest_gain_each_time() -> None:
    """Against counting every gain again at every step, within a round."""
    near = np.random.default_rng(0).random((60, 200)) < 0.03
    order, left = [0], ~near[0]
    while (gains := (near & left).sum(axis=1)).max() > 0:
        order.append(int(gains.argmax()))
        left &= ~near[order[-1]]
    assert _greedy(near, len(order)) == order
    assert len(set(_greedy(near, 60))) == len(_greedy(near, 60))


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
@pytest.mark.parametrize("count", [1, 3, 1000])
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
