"""The learned attacks: what they must break, and what they must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from attacks.mlp import Mlp
from attacks.ridge import Ridge
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.scheme import OutputScheme
from schemes.full_scores import FullScores
from schemes.iom import Iom
from schemes.lsh import Lsh
from schemes.raw import Raw
from schemes.salted_hash import SaltedHash
from schemes.top_label import TopLabel
from tests.attacks.world import OWN_PEOPLE, cosine, rank1, steal

LEARNED: list[Attack] = [Ridge(), Mlp()]


@pytest.mark.parametrize("attack", LEARNED)
def test_raw_is_read_out(attack: Attack) -> None:
    view, truth = steal(Raw(), shared=False)
    guess = attack.run(view, np.random.default_rng(0))
    assert attack.learned
    assert guess.dtype == np.float32
    assert cosine(guess, truth, view.embeddings.mean(0)).mean() > 0.98


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("attack", LEARNED)
def test_signs_are_read_out(attack: Attack, shared: bool) -> None:
    view, truth = steal(Lsh(bits=256), shared)
    guess = attack.run(view, np.random.default_rng(0))
    assert cosine(guess, truth, view.embeddings.mean(0)).mean() > 0.85
    assert rank1(guess, truth) >= 0.9


@pytest.mark.parametrize("attack", LEARNED)
@pytest.mark.parametrize("case", ["salted", "keys unknown", "another's row"])
def test_learns_nothing_where_there_is_nothing(attack: Attack, case: str) -> None:
    view, truth = steal(
        SaltedHash() if case == "salted" else Lsh(bits=256),
        shared=case == "another's row",
        leaked=case != "keys unknown",
    )
    guess = attack.run(view, np.random.default_rng(0))
    if case == "another's row":  # the shuffled control: 4 readings each, move by 2 people
        truth = np.roll(truth, 8, axis=0)
    else:  # then the honest answer is the mean, whose error is the spread of the population
        blind = np.square(truth - view.embeddings.mean(0)).sum(axis=1).mean()
        assert np.square(guess - truth).sum(axis=1).mean() < 1.1 * blind
    assert abs(cosine(guess, truth, view.embeddings.mean(0)).mean()) < 0.15
    assert rank1(guess, truth) < 0.2


@pytest.mark.parametrize("attack", LEARNED)
def test_same_seed_same_guess_and_nothing_else_moves(attack: Attack) -> None:
    import torch

    view, _ = steal(Lsh(bits=64), shared=False)
    before, state = view.embeddings.copy(), torch.random.get_rng_state()
    first = attack.run(view, np.random.default_rng(4))
    second = attack.run(view, np.random.default_rng(4))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(view.embeddings, before)
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("attack", [Ridge(), Mlp()])
def test_made_up_people_help(attack: Ridge | Mlp) -> None:
    view, truth = steal(Iom(hashes=64))
    mean = view.embeddings.mean(0)
    few = replace(attack, synthetic=0).run(view, np.random.default_rng(0))
    many = attack.run(view, np.random.default_rng(0))
    assert cosine(many, truth, mean).mean() > cosine(few, truth, mean).mean() + 0.02


def test_rejects_impossible_parameters() -> None:
    with pytest.raises(InputError, match="synthetic"):
        Ridge(synthetic=-1)
    with pytest.raises(InputError, match="hidden"):
        Mlp(hidden=0)


@pytest.mark.parametrize("attack", LEARNED)
@pytest.mark.parametrize("scheme", [FullScores(), TopLabel()])
def test_answers_are_read_as_well(attack: Attack, scheme: OutputScheme) -> None:
    view, truth = steal(scheme, leaked=False, closed_set=True)
    assert attack.unsupported(view) is None
    guess = attack.run(view, np.random.default_rng(0))
    named = (guess.argmax(axis=1) == truth.argmax(axis=1)).mean()
    assert named > 0.6  # of 32, chance is far below: nothing hides the largest


@pytest.mark.parametrize("closed", [False, True])
def test_of_a_closed_set_single_samples_stop_the_perceptron(
    closed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, _ = steal(Raw(), closed_set=closed)
    seen: list[set[int]] = []
    real = Mlp._train

    def spy(self: Mlp, x: Floats, y: Floats, learned: Any, held: Any, *rest: Any) -> Any:
        own = learned[learned < len(view.subjects)]
        seen.append(set(view.subjects[held]) & set(view.subjects[own]))
        return real(self, x, y, learned, held, *rest)

    monkeypatch.setattr(Mlp, "_train", spy)
    Mlp(steps=1).run(view, np.random.default_rng(0))
    assert len(seen) == 1
    assert bool(seen[0]) == closed  # whole subjects are held out but of a closed set


def test_of_a_closed_set_single_samples_choose_the_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    left_out = []

    def spy(features: Floats, target: Floats, groups: Floats, strengths: Floats) -> Floats:
        left_out.append(len(np.unique(groups)))
        return np.arange(len(strengths))

    monkeypatch.setattr("fowh.kit.ridge.left_out_errors", spy)
    view, _ = steal(Raw())
    for closed in (False, True):
        Ridge().run(replace(view, closed_set=closed), np.random.default_rng(0))
    assert left_out == [OWN_PEOPLE, len(view.subjects)]
