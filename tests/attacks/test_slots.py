"""How versions fill the generator's input, on arrays that can be read by eye."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from attacks._versions.absent import ABSENT, STRENGTHS, Absent, Filling, presented
from attacks._versions.inputs import Read
from attacks._versions.slots import ANY_SLOTS, METHODS, ONE_SLOT, fill, present, width

COUNT, SAMPLES, LENGTH = 3, 4, 2
# vectors[v, s] is (100 v + 10 s + 1, 100 v + 10 s + 2): each number says where it comes from
VECTORS = (
    100.0 * torch.arange(COUNT)[:, None, None]
    + 10.0 * torch.arange(SAMPLES)[None, :, None]
    + torch.tensor([1.0, 2.0])
)
ROWS = torch.tensor([2, 0, 2])  # a batch may draw a sample twice, in any order
MANY = torch.arange(600) % SAMPLES


def randomness(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def filled(inputs: Tensor) -> list[tuple[bool, ...]]:
    """Which slots of each input hold something."""
    slots = inputs.reshape(len(inputs), COUNT, LENGTH)
    return [tuple(row) for row in (slots != 0).any(dim=2).tolist()]


def of(version: int, row: int) -> list[float]:
    return [100.0 * version + 10 * row + 1, 100.0 * version + 10 * row + 2]


def test_the_methods_are_those_of_the_paper_and_one_more() -> None:
    assert METHODS == ("single", "rand", "concat", "sr", "srwal", "slot_dropout")
    assert {*ONE_SLOT, *ANY_SLOTS} == set(METHODS)
    assert not set(ONE_SLOT) & set(ANY_SLOTS)


@pytest.mark.parametrize("method", METHODS)
def test_widths(method: str) -> None:
    wanted = {"single": 2, "rand": 2}.get(method, 6)
    assert width(method, COUNT, LENGTH) == wanted
    assert fill(method, VECTORS, ROWS, randomness())[0].shape == (3, wanted)
    assert present(method, VECTORS).shape == (SAMPLES, wanted)


def test_single_takes_the_final_version() -> None:
    inputs, drawn = fill("single", VECTORS, ROWS, randomness())
    assert inputs.tolist() == [[221, 222], [201, 202], [221, 222]]
    assert drawn.tolist() == [2, 2, 2]


def test_concat_takes_all_of_them_in_order() -> None:
    inputs, drawn = fill("concat", VECTORS, ROWS, randomness())
    assert inputs.tolist() == [
        [21, 22, 121, 122, 221, 222],
        [1, 2, 101, 102, 201, 202],
        [21, 22, 121, 122, 221, 222],
    ]
    assert drawn.tolist() == [2, 2, 2]


def test_rand_takes_the_drawn_version_and_draws_evenly() -> None:
    inputs, drawn = fill("rand", VECTORS, MANY, randomness())
    wanted = [of(v, r) for v, r in zip(drawn.tolist(), MANY.tolist(), strict=True)]
    assert inputs.tolist() == wanted
    counts = torch.bincount(drawn, minlength=COUNT)
    assert counts.min() > 150  # of 600; 200 expected, standard deviation 11.5
    for row in range(SAMPLES):  # of every sample, not of the batch at once
        assert set(drawn[row == MANY].tolist()) == {0, 1, 2}


@pytest.mark.parametrize("method", ["sr", "srwal"])
def test_structured_random_fills_the_drawn_slot_alone(method: str) -> None:
    inputs, drawn = fill(method, VECTORS, MANY, randomness())
    for got, version, row in zip(inputs.tolist(), drawn.tolist(), MANY.tolist(), strict=True):
        wanted = [0.0] * (COUNT * LENGTH)
        wanted[version * LENGTH : (version + 1) * LENGTH] = of(version, row)
        assert got == wanted
    assert torch.bincount(drawn, minlength=COUNT).min() > 150


def test_slot_dropout_fills_every_subset_but_none() -> None:
    inputs, drawn = fill("slot_dropout", VECTORS, MANY, randomness())
    assert set(filled(inputs)) == {*product([False, True], repeat=COUNT)} - {(False,) * COUNT}
    whole = fill("concat", VECTORS, MANY, randomness())[0]
    assert torch.equal(inputs, torch.where(inputs != 0, whole, 0.0))
    assert set(drawn.tolist()) == {2}


@pytest.mark.parametrize("method", METHODS)
def test_one_version_is_the_single_model(method: str) -> None:
    inputs, drawn = fill(method, VECTORS[:1], ROWS, randomness())
    assert inputs.tolist() == [[21, 22], [1, 2], [21, 22]]
    assert drawn.tolist() == [0, 0, 0]
    assert torch.equal(present(method, VECTORS[:1]), VECTORS[0])


@pytest.mark.parametrize("method", METHODS)
def test_filling_repeats_itself_and_leaves_the_vectors_alone(method: str) -> None:
    vectors, rows = VECTORS.clone(), MANY.clone()
    before = torch.get_rng_state()
    first, again = (fill(method, vectors, rows, randomness(5)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    present(method, vectors)
    assert torch.equal(vectors, VECTORS)
    assert torch.equal(rows, MANY)
    assert torch.equal(torch.get_rng_state(), before)
    other = fill(method, vectors, rows, randomness(6))[0]
    assert torch.equal(first[0], other) == (method in ("single", "concat"))


@pytest.mark.parametrize("method", ONE_SLOT)
def test_one_slot_presents_the_last(method: str) -> None:
    assert torch.equal(present(method, VECTORS), VECTORS[2])


@pytest.mark.parametrize("method", ANY_SLOTS)
def test_presenting_all_slots_in_order(method: str) -> None:
    whole = present(method, VECTORS)
    assert whole.tolist() == [of(0, row) + of(1, row) + of(2, row) for row in range(SAMPLES)]


KNOWN = VECTORS.numpy().astype(np.float32)
WHOSE = np.arange(SAMPLES)
NEW = np.array([[7.0, -7.0], [1.0, 0.0], [0.0, 0.0]], np.float32)  # stolen, of the final version


def test_zero_mean_and_replicate_by_hand() -> None:
    """The mean of slot v over rows 0, 10, 20, 30 is 100 v + 15 and what the coordinate adds."""
    wanted = {
        "zero": [[[0, 0]] * 3, [[0, 0]] * 3],
        "mean": [[[16, 17]] * 3, [[116, 117]] * 3],
        "replicate": [NEW.tolist(), NEW.tolist()],
    }
    assert {*wanted, "impute"} == set(ABSENT)
    for absent, others in wanted.items():
        made = Filling(absent, KNOWN, KNOWN[-1], WHOSE)(NEW)  # type: ignore[arg-type]
        assert made.dtype == np.float32
        assert made.tolist() == [*others, NEW.tolist()]


def linked(noise: float, people: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Two versions of which the first is a linear map of the last, plus noise; and whose rows."""
    rng = np.random.default_rng(seed)
    last = rng.normal(size=(3 * people, 6))
    turn = np.random.default_rng(0).normal(size=(6, 6))
    first = 2 + last @ turn + noise * rng.normal(size=last.shape)
    return np.stack([first, last]).astype(np.float32), np.repeat(np.arange(people), 3)


def test_imputed_slots_are_what_least_squares_predicts() -> None:
    """Against an independent solution with an intercept, on rows that it was not fitted to."""
    known, whose = linked(0.1, 40)
    new, _ = linked(0.0, 5, seed=9)
    made = Filling("impute", known, known[-1], whose)(new[-1])
    ones = np.ones((len(known[1]), 1))
    solved = np.linalg.lstsq(np.hstack([known[1], ones]), known[0], rcond=None)[0]
    expected = np.hstack([new[1], np.ones((len(new[1]), 1))]) @ solved
    np.testing.assert_allclose(made[0], expected, atol=0.02)
    np.testing.assert_allclose(made[0], new[0], atol=0.15)  # and so the truth, but for the noise
    np.testing.assert_array_equal(made[1], new[1])


def test_the_penalty_is_the_one_that_predicts_left_out_subjects_best() -> None:
    """Each strength judged by brute force: refitted without each subject, one after the other."""
    known, whose = linked(2.5, 6)
    x, y = (known[k] - known[k].mean(axis=0) for k in (1, 0))
    errors = []
    for strength in STRENGTHS:
        error = 0.0
        for person in np.unique(whose):
            out = whose == person
            a, b = x[~out].astype(float), y[~out].astype(float)
            centre, mean = a.mean(axis=0), b.mean(axis=0)
            gram = (a - centre).T @ (a - centre)
            penalty = strength * np.square(x).sum() + 1e-6
            weights = np.linalg.solve(gram + penalty * np.eye(6), (a - centre).T @ (b - mean))
            error += np.square(mean + (x[out] - centre) @ weights - y[out]).sum()
        errors.append(error)
    best = STRENGTHS[int(np.argmin(errors))]
    assert STRENGTHS[0] < best < STRENGTHS[-1]  # the case decides something
    penalty = best * np.square(x).sum() + 1e-6
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(6), x.T @ y)
    made = Filling("impute", known, known[-1], whose)(known[-1])
    np.testing.assert_allclose(made[0], known[0].mean(axis=0) + x @ weights, atol=1e-3)


@pytest.mark.parametrize("absent", ABSENT)
def test_held_out_samples_are_shown_as_stolen_ones_and_teach_nothing(absent: Absent) -> None:
    known, whose = linked(0.5, 10)
    held = whose >= 8
    vectors = Read(known, known[-1], known[-1:, held])  # the very same rows are stolen
    shown, stolen = presented(vectors, absent, False, held, whose)
    np.testing.assert_array_equal(shown[-1], stolen[-1])
    alike = absent in ("zero", "replicate")  # the others learn from samples
    assert np.array_equal(shown, stolen) == alike
    np.testing.assert_allclose(shown, stolen, atol=1.5)
    changed = known.copy()
    changed[0, held] += 1000  # what was held out says of other versions must not matter
    again, _ = presented(Read(changed, known[-1], known[-1:, held]), absent, False, held, whose)
    np.testing.assert_array_equal(again, shown)


def test_with_all_leaked_the_true_vectors_are_shown() -> None:
    known, whose = linked(0.5, 10)
    held = whose >= 8
    vectors = Read(known, known[-1], known[:, :4] + 1)
    shown, stolen = presented(vectors, "zero", True, held, whose)
    np.testing.assert_array_equal(shown, known[:, held])
    np.testing.assert_array_equal(stolen, known[:, :4] + 1)


@pytest.mark.parametrize("absent", ABSENT)
def test_one_slot_has_nothing_absent(absent: Absent) -> None:
    made = Filling(absent, KNOWN[-1:], KNOWN[-1], WHOSE)(NEW)
    np.testing.assert_array_equal(made, NEW[None])
