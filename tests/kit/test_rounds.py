"""Who takes part in which round."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fowh.core.registry import load
from fowh.kit import federated
from fowh.kit.rounds import SHARE, clients_of, most_often, taking_part
from tests.kit.test_federated import batch, network


@given(st.integers(10, 300), st.integers(1, 10), st.integers(0, 9))
def test_nobody_is_in_a_round_twice_and_every_client_is_full(
    members: int, size: int, seed: int
) -> None:
    rows = taking_part(members, size, np.random.default_rng(seed))
    assert rows.shape[1] == size and len(np.unique(rows)) == rows.size
    drawn = np.flatnonzero(np.random.default_rng(seed).random(members) < SHARE)
    if clients_of(members, size) == 1:
        assert len(rows) == 1
    else:
        assert np.isin(rows, drawn).all() and rows.size > len(drawn) - size


@pytest.mark.parametrize(("size", "share"), [(1, 0.1), (14, 0.09), (15, 15 / 280), (64, 64 / 280)])
def test_a_client_is_never_more_than_one_party_with_all_its_samples(
    size: int, share: float
) -> None:
    """280 members: of clients of 15 there is one a round, of 15 samples and not of some 28."""
    rng, often = np.random.default_rng(0), np.zeros(280)
    for _ in range(2000):
        often[taking_part(280, size, rng)] += 1
    assert often.mean() / 2000 == pytest.approx(share, rel=0.15)
    assert often.min() > 0.5 * often.mean()  # nobody is spared


@pytest.mark.parametrize("size", [2, 14, 15, 28])
def test_the_busiest_member_of_a_training_is_the_one_that_it_has(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And neither noise nor the network changes who that is."""
    seen = np.zeros(280, dtype=int)

    def noted(members: int, size: int | None, rng: np.random.Generator) -> Any:
        rows = taking_part(members, size, rng)
        seen[rows] += 1
        return rows

    monkeypatch.setattr(federated, "taking_part", noted)
    samples, labels = batch(280)
    scheme, rng = load("scheme", "dp_sgd:sigma=1"), np.random.default_rng(5)
    federated.train(*(network(), samples, labels, scheme, 30, 0.1, rng), size=size)
    assert seen.max() == most_often(30, 280, size, np.random.default_rng(5)) > seen.mean()


@dataclass(frozen=True)
class Sized(type(load("scheme", "dp_sgd"))):  # type: ignore[misc]
    """Says how many samples a client has whose update gets noise."""

    def mean(self, means: Any, size: int, rng: np.random.Generator) -> Any:
        assert means.shape[0] == 1 and size == 6
        return super().mean(means, size, rng)


def test_one_large_client_adds_the_noise_of_its_own_size() -> None:
    samples, labels = batch(60)
    made = network()
    start = torch.nn.utils.parameters_to_vector(made.parameters()).detach()
    scheme = Sized(sigma=100)
    rate = 0.2 / scheme.pace(1)
    federated.train(*(made, samples, labels, scheme, 1, rate, np.random.default_rng(3)), size=6)
    moved = torch.nn.utils.parameters_to_vector(made.parameters()).detach() - start
    assert moved.std() == pytest.approx(0.2 * 100 / 6, rel=0.1)
