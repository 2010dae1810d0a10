"""The malicious server's imprint."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from attacks.imprint import Imprint
from fowh.core.attack import unfit
from fowh.core.errors import InputError
from fowh.kit.images import as_tensor
from schemes.secure_aggregation import SecureAggregation
from tests.attacks._clients import found, stolen, turned

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("clients", [1, 4])
def test_every_picture_of_a_sum_comes_back_and_not_another_s(clients: int) -> None:
    view, truth, _ = stolen(Imprint(), SecureAggregation(clients), rows=2, size=8)
    assert truth.shape[1] == 8 * clients
    assert found(Imprint().run(view, RNG), truth, 0) == 1
    assert found(Imprint().run(turned(view), RNG), truth, 0) == 0


def test_pictures_that_share_a_cell_are_told_apart_by_peeling_alone() -> None:
    share = {}
    for functions in (1, 3):
        attack = Imprint(bins=96, functions=functions)
        view, truth, _ = stolen(attack, rows=1, size=24)
        share[functions] = found(attack.run(view, RNG), truth, 0)
    assert share[3] == 1 > share[1]


def test_of_more_pictures_than_cells_those_alone_in_one_are_known() -> None:
    attack = Imprint(bins=15)
    view, truth, _ = stolen(attack, rows=1, size=24)
    made = attack.run(view, RNG)
    assert made.shape == truth[0].shape
    assert found(made, truth, 0) < 1


def test_the_planted_network_answers_as_the_honest_one() -> None:
    view, _, _ = stolen(Imprint())
    assert view.module is not None and view.samples is not None
    with torch.no_grad():
        said = view.module(as_tensor(view.samples, "cpu")).softmax(dim=1).numpy()
    assert np.abs(said - view.embeddings).max() < 0.05


def test_an_honest_server_is_none_of_it() -> None:
    view, _, _ = stolen(Imprint())
    assert "--server malicious" in str(unfit(Imprint(), replace(view, malicious=False)))
    with pytest.raises(InputError, match="functions"):
        Imprint(bins=2, functions=3)
