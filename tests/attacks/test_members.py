"""Attacks on membership: by hand, against each other, and with networks that memorise."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import norm
from torch import nn
from torch.nn.functional import cross_entropy

import fowh
from attacks._members import confidence
from attacks.lira import ENOUGH, Lira, own_classes, ratio
from attacks.membership import Membership
from fowh.core.attack import unfit
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.kit import federated, shadows
from fowh.kit.images import as_tensor
from fowh.kit.rounds import SHARE
from fowh.leaks._members import by_lot
from fowh.leaks.membership import Membership as Leak
from schemes.full_scores import FullScores
from schemes.round_scores import RoundScores
from schemes.top_label import TopLabel


@dataclass(frozen=True)
class Small:
    """A learner of pictures of eight by eight pixels, with enough weights to memorise."""

    alone: bool = True
    rate: float = 0.3

    def network(self, classes: int, channels: int, generator: torch.Generator) -> nn.Module:
        made = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, classes))
        with torch.no_grad():
            for weights in made.parameters():
                weights.normal_(0, 0.15, generator=generator)
        return made


def success(scores: Any, member: Any, name: str) -> float:
    """Mean success of the members, all in one fold."""
    columns = {"score": scores, "member": member.astype(np.float64)}
    return float(np.nanmean(Leak().successes(columns, {})[name]))


def memorised(scheme: Any = None, seed: int = 2, other: bool = False) -> tuple[View, np.ndarray]:
    """Noise with labels of three classes: half of the candidates were learned, truth beside it.

    With ``other`` the target learned as many pictures of the same kind, none of the candidates.
    """
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (120, 8, 8)).astype(np.uint8)
    labels, member = np.arange(120) % 3, np.arange(120) // 3 % 2 == 0
    labels = np.where(rng.random(120) < 0.2, (labels + 1) % 3, labels)
    pictures[np.arange(120), 0, labels] = 255  # a class is seen, but not by everybody
    learner, learned = Small(), pictures[member]
    if other:
        learned = rng.integers(0, 256, learned.shape).astype(np.uint8)
        learned[np.arange(len(learned)), 0, labels[member]] = 255
    net = learner.network(3, 1, torch.Generator().manual_seed(9))
    federated.train(
        *(net, as_tensor(learned, "cpu"), torch.from_numpy(labels[member])),
        *(UpdateScheme(), federated.ROUNDS, learner.rate, np.random.default_rng(4)),
    )
    said = federated.named(net, as_tensor(pictures, "cpu"))
    limit = scheme or FullScores()
    asked, own = np.arange(60), np.arange(60, 120)
    left = limit.limit(said, rng)
    aux = {"label": labels[asked], "sample": pictures[asked]}
    view = View(
        *(limit, fowh.Release(left[asked], aux), left[own], labels[own] + 5, pictures[own]),
        as_released=True,
        learner=learner,
    )
    return view, member[asked]


def test_loss_and_confidence_by_hand() -> None:
    answers = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.1, 0.2, 0.7]], dtype=np.float32)
    labels = np.array([0, 1, 2])
    release = fowh.Release(answers, {"label": labels})
    view = View(FullScores(), release, answers, labels, as_released=True)
    made = Membership().run(view, np.random.default_rng(0))
    np.testing.assert_allclose(made, np.log([0.5, 1e-12, 0.7]), rtol=1e-6)
    expected = [0.0, np.log(1e-12), np.log(0.7 / 0.3)]
    np.testing.assert_allclose(confidence(answers, labels), expected, atol=1e-6)
    sure = np.array([[1.0, 1e-9, 0.0]], dtype=np.float32)  # one minus the first rounds to nothing
    assert confidence(sure, labels[:1])[0] == pytest.approx(9 * np.log(10), rel=1e-6)
    assert confidence(np.stack([answers] * 4), labels).shape == (4, 3)


def test_the_ratio_of_gaussians_by_hand() -> None:
    """Candidates of means 5 and 1, and 2 and 0; all deviations are 1, so is the common one."""
    taken = np.array([[1, 1], [1, 0], [0, 1], [0, 0]]) == 1
    shadow = np.array([[6.0, 3.0], [4.0, 1.0], [2.0, 1.0], [0.0, -1.0]])
    seen = np.array([4.0, 0.0])
    expected = norm.logpdf(seen, [5, 2]) - norm.logpdf(seen, [1, 0])
    np.testing.assert_allclose(ratio(seen, shadow, taken), expected)
    np.testing.assert_allclose(ratio(seen, shadow, taken, "offline"), [3, 0])


def test_with_many_shadows_each_candidate_has_a_variance_of_its_own() -> None:
    rng = np.random.default_rng(1)
    taken = (np.arange(64)[:, None] + np.arange(2)) % 2 == 0
    shadow = rng.standard_normal((64, 2)) * [1, 7] + taken
    seen = np.array([1.0, 2.0])
    parts = [[shadow[pick[:, i], i] for i in range(2)] for pick in (taken, ~taken)]
    likely, unlikely = (
        [norm.logpdf(seen[i], values.mean(), values.std()) for i, values in enumerate(part)]
        for part in parts
    )
    expected = np.subtract(likely, unlikely)
    np.testing.assert_allclose(ratio(seen, shadow, taken), expected)


@pytest.mark.parametrize("variant", ["online", "offline"])
def test_where_samples_differ_in_difficulty_the_ratio_wins_by_far(variant: Any) -> None:
    rng = np.random.default_rng(7)
    hard, member = 5 * rng.standard_normal(2000), np.arange(2000) % 2 == 0
    taken = rng.permuted(np.arange(32)[:, None] % 2 * np.ones((1, 2000)), axis=0) == 1
    shadow = hard + 3 * taken + rng.standard_normal(taken.shape)
    seen = hard + 3 * member + rng.standard_normal(2000)
    found, plain = (
        success(scores, member, "member_at_fpr_1e-2")
        for scores in (ratio(seen, shadow, taken, variant), seen)
    )
    assert found > 0.6 and plain < 0.1


def test_shadow_models_are_trained_as_one_by_one() -> None:
    """Against a loop with plain autograd, from equal draws."""
    rng = np.random.default_rng(5)
    pictures = torch.from_numpy(rng.random((12, 1, 8, 8), dtype=np.float32))
    labels = torch.from_numpy(np.arange(12) % 3)
    taken = rng.random((3, 12)) < 0.5
    nets = [Small().network(3, 1, torch.Generator().manual_seed(seed)) for seed in range(3)]
    kept = [[w.detach().clone() for w in net.parameters()] for net in nets]
    said = shadows.answers(nets, pictures, labels, taken, 0.2, np.random.default_rng(6), rounds=15)
    for net, before in zip(nets, kept, strict=True):
        assert all(torch.equal(w, b) for w, b in zip(net.parameters(), before, strict=True))
    draws = np.random.default_rng(6)
    parts = [taken & (draws.random(taken.shape) < SHARE) for _ in range(15)]
    for number, net in enumerate(nets):
        size = max(1, round(SHARE * int(taken[number].sum())))
        for part in parts:
            rows = torch.from_numpy(np.flatnonzero(part[number]))
            if len(rows):
                net.zero_grad()
                loss = cross_entropy(net(pictures[rows]), labels[rows], reduction="sum") / size
                loss.backward()
                with torch.no_grad():
                    for weights in net.parameters():
                        weights -= 0.2 * weights.grad
        expected = net(pictures).softmax(1).detach().numpy()
        np.testing.assert_allclose(said[number], expected, atol=1e-5)


@pytest.mark.parametrize("variant", ["online", "offline"])
def test_what_was_memorised_is_told(variant: Any) -> None:
    view, member = memorised()
    made = Lira(variant=variant, shadows=16).run(view, np.random.default_rng(3))
    again = Lira(variant=variant, shadows=16).run(view, np.random.default_rng(3))
    assert made.shape == (60,) and np.array_equal(made, again)
    assert success(made, member, "member_auc") > 0.8


def test_shadow_models_answer_through_the_scheme() -> None:
    view, member = memorised(TopLabel())
    made = [each.run(view, np.random.default_rng(3)) for each in (Lira(shadows=16), Membership())]
    assert np.isfinite(made).all()
    ratio_, loss = (success(each, member, "member_auc") for each in made)
    assert ratio_ > 0.7 and ratio_ > loss


@dataclass(frozen=True)
class Noisy(fowh.OutputScheme):
    """Adds noise to every score, so that some leave 0..1, and notes what it added."""

    drawn: Any = field(default_factory=list, compare=False)

    def limit(self, answers: Any, rng: np.random.Generator) -> Any:
        self.drawn.append(0.5 * rng.standard_normal(answers.shape, dtype=np.float32))
        return answers + self.drawn[-1]


def test_noise_is_drawn_anew_for_each_shadow_model_and_each_run() -> None:
    scheme = Noisy()
    view, member = memorised(scheme)
    assert (view.release.code < 0).any() and (view.release.code > 1).any()
    made = [Lira(shadows=16).run(view, np.random.default_rng(seed)) for seed in (3, 4)]
    assert np.isfinite(made).all()
    of_target, *noise = (each.reshape(-1, 3) for each in scheme.drawn)
    assert [len(each) for each in noise] == [16 * 60] * 2
    every = np.concatenate([of_target, *noise])
    assert len(np.unique(every, axis=0)) == len(every)
    assert success(made[0], member, "member_auc") > 0.5


@pytest.mark.parametrize("digits", [0, 1])
@pytest.mark.parametrize("variant", ["online", "offline"])
@pytest.mark.parametrize("models", [4, ENOUGH])
def test_rounded_scores_of_0_and_1_have_a_finite_ratio(
    digits: int, variant: Any, models: int
) -> None:
    """Also where nothing is left of an answer, or all shadow models agree."""
    scheme, labels = RoundScores(digits=digits), np.array([0, 1, 2, 0])
    said = np.array([[1, 0, 0], [1, 0, 0], [0.4, 0.3, 0.3], [0.5, 0.2, 0.3]], dtype=np.float32)
    left = scheme.limit(said, np.random.default_rng(0))
    seen = confidence(left, labels)
    assert np.isfinite(seen).all() and seen[0] == -seen[1] == pytest.approx(12 * np.log(10))
    if digits == 0:
        assert left[2:].max() == 0 and seen[2] == seen[3] == 0
    rng = np.random.default_rng(1)
    taken = np.arange(models)[:, None] % 2 == np.arange(4) % 2
    alike = np.tile(seen, (models, 1))
    mixed = confidence(scheme.limit(rng.dirichlet([0.1] * 3, (models, 4)), rng), labels)
    for shadow in (alike, mixed):
        assert np.isfinite(ratio(seen, shadow, taken, variant)).all()


def test_a_target_that_learned_none_of_the_candidates_gives_the_false_alarm_rate() -> None:
    """Four folds: then a lot names as many, while a target that learned them gives much more."""
    attacks = {"loss": Membership(), "online": Lira(shadows=8)}
    parts: dict[Any, list[Any]] = {(name, other): [] for name in attacks for other in (0, 1)}
    for seed, other in itertools.product(range(2, 6), (0, 1)):
        view, member = memorised(seed=seed, other=bool(other))
        for name, attack in attacks.items():
            scores = attack.run(view, np.random.default_rng(3))
            parts[name, other].append({"score": scores, "member": member.astype(np.float64)})
    chance, others = by_lot(120)["member_at_fpr_1e-2"], 120
    for (_, other), folds in parts.items():
        made = [Leak().successes(each, {}) for each in Leak().pooled(folds)]
        named, area = (
            np.nanmean([each[name] for each in made])
            for name in ("member_at_fpr_1e-2", "member_auc")
        )
        if other:  # within three deviations, of a share whose threshold is drawn as well
            assert named < chance + 3 * np.sqrt(2 * chance / others)
            assert area == pytest.approx(0.5, abs=3 * np.sqrt(1 / (6 * others)))
        else:
            assert named > 0.07 and area > 0.65


def test_own_classes_are_what_the_target_says_of_ones_own_people() -> None:
    told = np.array([[0.6, 0.4, 0], [0.1, 0.9, 0], [0, 0.2, 0.8]], dtype=np.float32)
    view = View(FullScores(), fowh.Release(told), told, np.array([8, 8, 3]))
    assert own_classes(view).tolist() == [1, 1, 2]


def test_why_it_cannot_run() -> None:
    view, _ = memorised()
    bare = fowh.Release(view.release.code)
    for attack in (Membership(), Lira()):
        assert unfit(attack, view) is None
        assert "--leak membership" in str(unfit(attack, replace(view, release=bare)))
    assert "not public" in str(unfit(Lira(), replace(view, learner=None)))
    assert "batch norm" in str(unfit(Lira(), replace(view, learner=Small(alone=False))))
    assert "samples" in str(unfit(Lira(), replace(view, samples=None)))


@pytest.mark.parametrize("given", [{"variant": "both"}, {"shadows": 5}, {"shadows": 2}])
def test_faulty_parameters_are_one_clear_line(given: Any) -> None:
    with pytest.raises(fowh.InputError, match="lira: ") as caught:
        Lira(**given)
    assert "\n" not in str(caught.value)
