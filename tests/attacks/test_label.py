"""Labels out of the last layer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from attacks._labels import last_layer, spread
from attacks._own_updates import tried
from attacks.label import Label
from fowh.checks import world
from fowh.core.attack import unfit
from fowh.core.errors import InputError
from schemes.dp_sgd import DpSgd
from tests.attacks._clients import stolen, turned

RNG = np.random.default_rng(0)


def test_counts_are_rounded_so_that_they_add_up() -> None:
    wanted = np.array([[2.6, 0.0, 1.4, -0.5], [0.2, 0.3, 0.25, 0.25]])
    assert spread(wanted, 4).tolist() == [[0, 0, 0, 2], [0, 1, 2, 3]]
    assert spread(np.array([[0.4, 0.6]]), 1).tolist() == [[1]]


@pytest.mark.parametrize("rule", ["bias", "filter"])
@pytest.mark.parametrize("size", [1, 3, 8])
def test_labels_of_a_fresh_network_are_exact(rule: str, size: int) -> None:
    view, _, labels = stolen(Label(), size=size)
    made = Label(rule).run(view, RNG).reshape(labels.shape)  # type: ignore[arg-type]
    assert np.array_equal(np.sort(made, axis=1), np.sort(labels, axis=1))


def test_under_noise_the_whole_layer_says_more_than_the_bias() -> None:
    view, _, labels = stolen(Label(), DpSgd(sigma=0.3), rows=60)
    right = {
        rule: (Label(rule).run(view, RNG) == labels[:, 0]).mean() for rule in ("bias", "filter")
    }  # type: ignore[arg-type]
    assert right["filter"] > right["bias"] + 0.15


def test_under_noise_the_other_layers_tell_as_well() -> None:
    view, _, labels = stolen(Label(), DpSgd(sigma=0.1), rows=120)
    last = last_layer(view.module)  # type: ignore[arg-type]
    assert last is not None
    rest = view.release.code.copy()
    rest[:, last.weight] = rest[:, last.bias] = 0  # nothing of the last one
    hidden = replace(view, release=replace(view.release, code=rest))
    assert (Label().run(hidden, RNG) == labels[:, 0]).mean() > 3 / world.PEOPLE


def test_nobody_of_his_own_is_behind_a_row() -> None:
    view, _, labels = stolen(Label(), DpSgd(sigma=30.0), rows=8)
    others = np.setdiff1d(view.subjects, labels[0])  # all classes but one are his own people's
    told = replace(view, classes=np.resize(others, len(view.subjects)))
    assert (Label().run(told, RNG) == labels[0, 0]).all()


def test_his_own_are_behind_the_updates_that_he_tries_on() -> None:
    view, _, _ = stolen(Label(), DpSgd(sigma=1e-3))
    few = view.subjects < world.PEOPLE // 2  # the classes of some of his people, and all of them
    told = replace(
        view,
        samples=view.samples[few],  # type: ignore[index]
        embeddings=view.embeddings[few],
        subjects=view.subjects[few],
        classes=view.subjects[few],
    )
    own, _ = tried(told, 6, np.random.default_rng(4))
    made = Label().run(own, RNG)
    assert np.isin(made, told.classes).all()
    assert not np.isin(Label().run(replace(own, classes=told.classes), RNG), told.classes).any()


def test_another_s_row_names_another() -> None:
    view, _, labels = stolen(Label(), rows=8)
    assert (Label().run(turned(view), RNG) == np.roll(labels[:, 0], 1)).all()


def test_what_it_cannot_read_it_says() -> None:
    view, _, _ = stolen(Label())
    assert last_layer(nn.Sequential(nn.Linear(2, 2, bias=False))) is None
    assert "no" in str(unfit(Label(), replace(view, module=nn.Sequential(nn.Linear(2, 2)))))
    with pytest.raises(InputError, match="give bias or filter"):
        Label("none")  # type: ignore[arg-type]
