"""Which samples stand behind which update, and how reconstructions are matched to them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fowh.core.errors import InputError
from fowh.core.protocol import Fold
from fowh.leaks._batches import Batches

PEOPLE, READINGS = 10, 6


def fold() -> Fold:
    """Two victims, two bystanders; the first four readings of everybody are learned from."""
    whose = np.repeat(np.arange(PEOPLE), READINGS)
    reading = np.tile(np.arange(READINGS), PEOPLE)
    victims, others = whose < 2, (whose >= 2) & (whose < 4)
    stolen = victims & (reading < 2)
    gallery = ((victims | others) & (reading >= 4)) | stolen
    rest = whose >= 4
    parts = (rest, rest, victims, stolen, gallery, others & gallery, rest)
    return Fold(0, *map(np.flatnonzero, parts))


LEARNED = np.flatnonzero(np.tile(np.arange(READINGS) < 4, PEOPLE))


def test_chance_of_labels_is_of_who_knows_his_own_classes() -> None:
    """Two victims and two bystanders: a lot names one of four; four of everybody name all."""
    labels = np.repeat(np.arange(PEOPLE), READINGS)
    own, rng = fold().attacker, np.random.default_rng(0)
    one = Batches.of(fold(), LEARNED, 1, rng).chance(labels, own, rng)
    assert one == pytest.approx(0.25, abs=0.05)
    eight = Batches.of(fold(), LEARNED, 8, rng)  # both stolen ones of two, and four companions
    whose = labels[eight.members[0]]
    before = np.array([(whose[:at] == whose[at]).sum() for at in eight.place])
    evenly = float((before < 2).mean())  # each of four is named twice, a third reading never
    assert evenly >= 0.75 and eight.chance(labels, own, rng) == pytest.approx(evenly, abs=0.06)
    two = Batches.of(fold(), LEARNED, 2, rng)
    pairs = labels[two.members]
    same = (pairs[:, 0] == pairs[:, 1]).mean()
    # Two different names of four: a label is among them half of the time, its twin never.
    evenly = 0.5 * (1 - same) + 0.25 * same
    assert two.chance(labels, own, rng) >= evenly - 0.05


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 8), st.integers(0, 9))
def test_every_stolen_row_is_behind_one_update_and_nobody_of_the_attackers(
    each: int, seed: int
) -> None:
    made = Batches.of(fold(), LEARNED, each, np.random.default_rng(seed))
    assert made.members.shape == (-(-4 // each), each)
    assert len(np.unique(made.members)) == made.members.size
    assert (made.members.ravel()[made.place] == fold().stolen).all()
    assert np.isin(made.members, LEARNED).all()
    assert not np.isin(made.members, fold().attacker).any()


def test_too_large_a_batch_is_refused_in_one_line() -> None:
    with pytest.raises(InputError, match="17 samples behind an update: 16 samples are not"):
        Batches.of(fold(), LEARNED, 17, np.random.default_rng(0))


def test_single_updates_keep_their_order() -> None:
    made = Batches.of(fold(), LEARNED, 1, np.random.default_rng(0))
    assert (made.members[:, 0] == fold().stolen).all()
    assert made.match(np.zeros((4, 3)), np.zeros((60, 3))).tolist() == [0, 1, 2, 3]


def test_reconstructions_of_a_batch_are_matched_one_to_one() -> None:
    # Two in a batch: the truth is at 0 and 1; guesses at .9 and 1.1. One to one, the sum of
    # distances is least when .9 stands for 0 and 1.1 for 1; alone, both would choose .9.
    made = Batches(np.array([[7, 3]]), np.array([1]))
    values = np.zeros((8, 1), dtype=np.float32)
    values[7], values[3] = 0.0, 1.0
    guesses = np.array([[1.1], [0.9]], dtype=np.float32)
    assert made.match(guesses, values).tolist() == [0]
    assert Batches(made.members, np.array([0])).match(guesses, values).tolist() == [1]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 99))
def test_the_order_within_a_batch_plays_no_part(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((60, 5)).astype(np.float32)
    made = Batches.of(fold(), LEARNED, 4, rng)
    guesses = values[made.members.ravel()] + 0.1 * rng.standard_normal((4, 5)).astype(np.float32)
    order = rng.permutation(4)
    there = guesses[made.match(guesses, values)]
    assert np.array_equal(there, guesses[order][made.match(guesses[order], values)])
    assert np.abs(there - values[fold().stolen]).max() < 1


def test_garbage_is_matched_too() -> None:
    made = Batches.of(fold(), LEARNED, 4, np.random.default_rng(0))
    wild = np.full((4, 2), np.nan, dtype=np.float32)
    assert sorted(made.match(wild, np.zeros((60, 2), dtype=np.float32))) == [0, 1, 2, 3]


def test_labels_count_as_often_as_they_are_there() -> None:
    # Behind the row are classes 2, 2, 5; claimed are 2, 5, 5: one of the twos and the five.
    members, labels = np.array([[0, 1, 2]]), np.array([2, 2, 5])
    found = Batches(members, np.array([0, 1, 2])).labelled(np.array([5, 2, 5]), labels)
    assert found.tolist() == [1, 0, 1]
    none = Batches(members, np.array([0, 1, 2])).labelled(np.array([1, 1, 1]), labels)
    assert none.tolist() == [0, 0, 0]
