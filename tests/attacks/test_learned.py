"""The learned attacks: what they must break, what they must not, and their arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from attacks.mlp import Mlp
from attacks.ridge import STRENGTHS, Ridge, fit, left_out_errors
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats
from schemes.iom import Iom
from schemes.lsh import Lsh
from schemes.raw import Raw
from schemes.salted_hash import SaltedHash
from tests.attacks.world import cosine, rank1, steal

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
@pytest.mark.parametrize("case", ["salted", "keys unknown", "another's template"])
def test_learns_nothing_where_there_is_nothing(attack: Attack, case: str) -> None:
    view, truth = steal(
        SaltedHash() if case == "salted" else Lsh(bits=256),
        shared=case == "another's template",
        leaked=case != "keys unknown",
    )
    guess = attack.run(view, np.random.default_rng(0))
    if case == "another's template":  # the shuffled control: 4 readings each, move by 2 people
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


def problem(n: int, f: int) -> tuple[Floats, Floats, NDArray[np.int64]]:
    rng = np.random.default_rng(n)
    features = rng.standard_normal((n, f)).astype(np.float32)
    target = features[:, :3] + rng.standard_normal((n, 3)).astype(np.float32)
    return features - features.mean(0), target - target.mean(0), np.arange(n) // 5


@pytest.mark.parametrize("shape", [(40, 15), (40, 90)])
def test_weights_are_scikit_learns(shape: tuple[int, int]) -> None:
    from sklearn.linear_model import Ridge as Reference

    features, target, _ = problem(*shape)
    reference = Reference(alpha=0.01 * np.square(features).sum(), fit_intercept=False)
    reference.fit(features.astype(np.float64), target.astype(np.float64))
    np.testing.assert_allclose(fit(features, target, 0.01), reference.coef_.T, atol=1e-5)


@pytest.mark.parametrize("shape", [(40, 15), (40, 90)])
def test_left_out_errors_are_those_of_refitting(shape: tuple[int, int]) -> None:
    from sklearn.linear_model import Ridge as Reference
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    features, target, subjects = problem(*shape)
    errors = left_out_errors(features, target, subjects)
    for number in (4, 9, 14):
        reference = Reference(alpha=STRENGTHS[number] * np.square(features).sum())
        guess = cross_val_predict(
            reference,
            features.astype(np.float64),
            target.astype(np.float64),
            groups=subjects,
            cv=LeaveOneGroupOut(),
        )
        assert errors[number] == pytest.approx(np.square(target - guess).sum(), rel=5e-3)


def test_rejects_impossible_parameters() -> None:
    with pytest.raises(InputError, match="synthetic"):
        Ridge(synthetic=-1)
    with pytest.raises(InputError, match="hidden"):
        Mlp(hidden=0)
