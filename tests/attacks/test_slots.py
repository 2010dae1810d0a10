"""How versions fill the generator's input, on arrays that can be read by eye."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

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
    assert present(method, VECTORS, "all").shape == (SAMPLES, wanted)
    assert present(method, VECTORS, "final").shape == (SAMPLES, wanted)


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
    for test in ("final", "all"):
        assert torch.equal(present(method, VECTORS[:1], test), VECTORS[0])


@pytest.mark.parametrize("method", METHODS)
def test_filling_repeats_itself_and_leaves_the_vectors_alone(method: str) -> None:
    vectors, rows = VECTORS.clone(), MANY.clone()
    before = torch.get_rng_state()
    first, again = (fill(method, vectors, rows, randomness(5)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    present(method, vectors, "final")
    assert torch.equal(vectors, VECTORS)
    assert torch.equal(rows, MANY)
    assert torch.equal(torch.get_rng_state(), before)
    other = fill(method, vectors, rows, randomness(6))[0]
    assert torch.equal(first[0], other) == (method in ("single", "concat"))


@pytest.mark.parametrize("method", ONE_SLOT)
@pytest.mark.parametrize("test", ["final", "all"])
def test_one_slot_presents_the_final_version(method: str, test: str) -> None:
    assert torch.equal(present(method, VECTORS, test), VECTORS[2])


@pytest.mark.parametrize("method", ANY_SLOTS)
def test_presenting_one_version_or_all(method: str) -> None:
    final = present(method, VECTORS, "final")
    assert final.tolist() == [[0, 0, 0, 0, *of(2, row)] for row in range(SAMPLES)]
    whole = present(method, VECTORS, "all")
    assert whole.tolist() == [of(0, row) + of(1, row) + of(2, row) for row in range(SAMPLES)]
    nothing = VECTORS.clone()
    nothing[:-1] = float("nan")  # with ``final`` the other versions are not looked at
    assert torch.equal(present(method, nothing, "final"), final)
