"""Leak gradients: what leaves, what it is good for, what counts as got back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fowh
from fowh.checks import world
from fowh.core import memory
from fowh.core.errors import InputError
from fowh.core.leak import Setting
from fowh.core.protocol import Fold
from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.core.release import Floats
from fowh.core.target import Prepared, Target
from fowh.core.threat import Threat
from fowh.core.updates import UpdateScheme
from fowh.kit import federated
from fowh.kit.pairing import another_reading
from fowh.kit.rounds import share_of, taking_part
from fowh.leaks import _clients
from fowh.leaks._clients import Clients
from fowh.leaks.gradients import LOOSE, Gradients


@dataclass(frozen=True)
class Line(Target):
    """A linear classifier of small grey pictures."""

    modality = "image"
    alone: bool = True
    rate: float = 0.01
    seed: int = 0

    def prepare(self, samples: Any) -> Prepared:
        return Prepared(samples, np.ones(len(samples), dtype=bool))

    def embed(self, samples: Any, device: str = "cpu") -> Floats:
        return world.embed(samples)

    def network(self, classes: int, channels: int, generator: torch.Generator) -> nn.Module:
        made = nn.Sequential(nn.Flatten(), nn.Linear(channels * 32 * 32, classes))
        with torch.no_grad():
            for weights in made.parameters():
                weights.normal_(0, 0.02, generator=generator)
        return made

    @property
    def sha256(self) -> str:
        return f"line {self.alone} {self.rate}"


def fold() -> Fold:
    whose = world.subjects()
    reading = np.arange(len(whose)) % world.READINGS
    victims, others = whose >= 10, (whose >= 8) & (whose < 10)
    stolen = victims & (reading < 2)
    gallery = ((victims | others) & (reading == 3)) | stolen
    rest = whose < 8
    parts = (rest, rest, victims, stolen, gallery, others & gallery, rest)
    return Fold(0, *map(np.flatnonzero, parts))


LEARNED = np.flatnonzero(np.arange(world.PEOPLE * world.READINGS) % world.READINGS < 3)


def setting(scheme: UpdateScheme | None = None, target: Target | None = None) -> Setting:
    pictures = world.pictures()
    return Setting(
        scheme or UpdateScheme(),
        world.embed(pictures),
        world.subjects(),
        fold(),
        Threat(),
        world.fixed,
        pictures,
        target or Line(),
        LEARNED,
    )


def gradient_of(network: nn.Module, rows: Any) -> Any:
    x = torch.from_numpy(world.pictures()[rows]).float()[:, None] / 255
    labels = torch.from_numpy(world.subjects()[rows])
    loss = nn.functional.cross_entropy(network(x), labels)
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(network.parameters()))])


def test_an_update_is_the_gradient_of_the_stolen_sample() -> None:
    system = Gradients().deploy(setting())
    stolen = fold().stolen
    assert system.release.code.shape == (4, 12 * 1025) and system.release.each == 1
    for row, sample in enumerate(stolen):
        expected = gradient_of(system.network(), [sample])
        np.testing.assert_allclose(system.release.code[row], expected, atol=1e-6)


@pytest.mark.parametrize("batch", [2, 3, 4])
def test_an_update_of_a_batch_is_the_gradient_of_its_mean_loss(batch: int) -> None:
    system = Gradients(batch=batch).deploy(setting())
    assert system.release.each == batch and len(system.release) == -(-4 // batch)
    for row, members in enumerate(system.batches.members):
        expected = gradient_of(system.network(), members)
        np.testing.assert_allclose(system.release.code[row], expected, atol=1e-6)


def test_clients_are_added_before_the_server_sees_them() -> None:
    @dataclass(frozen=True)
    class Pairs(UpdateScheme):
        @property
        def summed(self) -> int:
            return 2

    system = Gradients(batch=2).deploy(setting(Pairs()))
    assert system.release.each == 4 and len(system.release) == 1
    expected = gradient_of(system.network(), system.batches.members[0])
    np.testing.assert_allclose(system.release.code[0], expected, atol=1e-6)


def test_local_steps_end_where_gradient_descent_ends() -> None:
    system = Gradients(batch=2, steps=3).deploy(setting())
    network = system.network()
    start = nn.utils.parameters_to_vector(network.parameters()).detach().clone()
    for _ in range(3):
        step = gradient_of(network, system.batches.members[0])
        now = nn.utils.parameters_to_vector(network.parameters()).detach()
        nn.utils.vector_to_parameters(now - 0.01 * step, network.parameters())
    end = nn.utils.parameters_to_vector(network.parameters()).detach()
    np.testing.assert_allclose(system.release.code[0], (start - end) / 0.03, atol=1e-5)


def test_later_rounds_are_of_a_network_that_has_learnt() -> None:
    early, late = (Gradients(round=number).deploy(setting()) for number in (0, 400))
    assert early.facts["accuracy_at_round"] < 0.5 < 0.9 < late.facts["accuracy_at_round"]
    assert np.abs(late.release.code).mean() < np.abs(early.release.code).mean()


def test_utility_is_the_accuracy_on_victims_samples_that_nobody_learned_from() -> None:
    found = Gradients().deploy(setting()).utility()
    assert found["unprotected"]["subject"].tolist() == [10, 11] * 3
    assert found["protected"]["correct"].mean() == found["unprotected"]["correct"].mean() == 1

    @dataclass(frozen=True)
    class Nothing(UpdateScheme):
        def update(self, means: Floats, size: int, rng: Any) -> Floats:
            return np.zeros_like(means)

    lost = Gradients().deploy(setting(Nothing())).utility()
    assert lost["protected"]["correct"].mean() < 1 == lost["unprotected"]["correct"].mean()


def test_the_truth_is_got_back_and_a_stranger_is_not() -> None:
    leak, here = Gradients(), setting()
    system = leak.deploy(here)
    true = here.values[fold().stolen]
    found = leak.successes(system.judge(true), system.terms)
    assert found["rank1"].tolist() == [1] * 4 and found["type1_at_fmr_1e-3"].tolist() == [1] * 4
    other = leak.successes(system.judge(np.roll(true, 2, axis=0)), system.terms)
    assert other["rank1"].tolist() == [0] * 4


def test_another_reading_of_a_victim_is_not_found_by_itself() -> None:
    here = setting()
    system, gallery = Gradients().deploy(here), fold().gallery
    at = another_reading(here.subjects[gallery])[np.searchsorted(gallery, fold().stolen)]
    probes = here.values[gallery[at]]
    expected = []
    for row, taken, probe in zip(fold().stolen, gallery[at], probes, strict=True):
        others = np.setdiff1d(gallery, [row, taken])
        near = others[np.linalg.norm(here.values[others] - probe, axis=1).argmin()]
        theirs = (here.subjects[others] == here.subjects[row]).any()
        expected.append(float(here.subjects[near] == here.subjects[row]) if theirs else np.nan)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(system.probed(probes, at)["rank1"], expected)
    assert system.judge(probes)["rank1"].all()


def test_the_attackers_answers_are_those_of_the_network_not_of_the_recogniser() -> None:
    system = Gradients().deploy(setting())
    told = system.told()
    assert told.shape == (len(fold().attacker), world.PEOPLE)
    np.testing.assert_allclose(told.sum(axis=1), 1, atol=1e-5)
    assert not np.array_equal(told[:, :4], setting().values[fold().attacker][:, :4])


def test_the_shared_network_is_a_copy() -> None:
    system = Gradients().deploy(setting())
    before = nn.utils.parameters_to_vector(system.network().parameters()).detach().clone()
    with torch.no_grad():
        for weights in system.network().parameters():
            weights.zero_()
    after = nn.utils.parameters_to_vector(system.network().parameters())
    assert torch.equal(before, after)


def test_a_malicious_server_gets_updates_of_the_network_that_it_planted() -> None:
    system = Gradients().deploy(setting())
    planted = Line().network(12, 1, torch.Generator().manual_seed(9))
    left = system.planted(planted)
    np.testing.assert_allclose(
        left.code[0], gradient_of(planted, [fold().stolen[0]]).numpy(), atol=1e-6
    )


def present(system: Clients) -> set[int]:
    """Classes behind an update of ``Line``: there alone the bias has a negative derivative."""
    release = system.instead()["shuffled"](system.network())
    assert release.each == system.release.each and release.code.shape == system.release.code.shape
    return set(np.flatnonzero(release.code[0, -world.PEOPLE :] < 0))


def test_where_one_release_holds_all_that_was_stolen_anothers_is_of_no_victim() -> None:
    system = Gradients(batch=4).deploy(setting())
    assert len(system.release) == 1
    classes = present(system)
    assert classes and not classes & {10, 11}
    several, single = Gradients(batch=2).deploy(setting()), Gradients().deploy(setting())
    assert set(several.instead()) == set(single.instead()) == {"prior"}


@settings(max_examples=15, deadline=None)
@given(st.integers(4, 12), st.integers(0, 99))
def test_what_stands_for_another_s_update_is_blind(batch: int, seed: int) -> None:
    """Whatever the victims look like, it stays the same; their own update does not."""
    here, theirs = setting(), np.isin(world.subjects(), [10, 11])
    other = here.samples.copy()
    drawn = np.random.default_rng(seed).integers(0, 256, other[theirs].shape)
    other[theirs] = drawn.astype(np.uint8)
    one, two = (
        Gradients(batch=batch).deploy(replace(here, samples=s)) for s in (here.samples, other)
    )
    for name, leaves in one.instead().items():
        np.testing.assert_array_equal(
            leaves(one.network()).code, two.instead()[name](two.network()).code
        )
    assert np.abs(one.release.code - two.release.code).max() > 1e-3


def test_nothing_is_an_update_of_zeros_of_the_network_that_was_handed_out() -> None:
    system = Gradients(batch=2).deploy(setting())
    nothing = system.instead()["prior"](nn.Linear(3, 5))
    assert nothing.each == 2 and nothing.code.shape == (2, 20) and not nothing.code.any()


def test_a_network_of_later_rounds_was_trained_with_the_steps_that_are_stolen() -> None:
    one, three = (Gradients(batch=2, round=2, steps=n).deploy(setting()) for n in (1, 3))
    start = Gradients(batch=2).deploy(setting())
    ends = [nn.utils.parameters_to_vector(s.network().parameters()) for s in (start, one, three)]
    assert torch.dist(ends[2], ends[0]) > 1.5 * torch.dist(ends[1], ends[0])


def test_utility_is_of_the_steps_that_are_stolen(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def noted(*given: Any) -> nn.Module:
        asked.append(given[4:])
        return trained(*given)

    trained = _clients.trained
    monkeypatch.setattr(_clients, "trained", noted)
    Gradients(batch=2, steps=3).deploy(setting()).utility()
    assert asked == [(2, 3)] * 7  # the attacked network, three without and three with the scheme


def test_a_cell_of_the_reference_trains_its_networks_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    Gradients().deploy(setting(load("scheme", Gradients.reference))).utility()
    assert len(list((tmp_path / "trained").glob("*.npz"))) == 1 + _clients.SEEDS


@pytest.mark.parametrize("batch", [1, 2, 3, 4])
def test_epsilon_is_of_the_rounds_in_which_the_busiest_takes_part(batch: int) -> None:
    """36 members: two clients of two fit into a round, of three and four there is one."""
    scheme = load("scheme", "dp_sgd:sigma=2")
    facts = Gradients(batch=batch).deploy(setting(scheme)).facts
    rng, often = stream(0, "federated", "rounds"), np.zeros(36)
    for _ in range(federated.ROUNDS):
        often[taking_part(36, batch, rng)] += 1
    assert facts["participations"] == often.max() > often.mean()
    expected = scheme.spent(int(often.max()), 1.0, 1 / 360)
    assert facts["epsilon"] == expected > scheme.spent(round(often.mean()), 1.0, 1 / 360)


@pytest.mark.parametrize("batch", [14, 15, 28])
def test_a_large_batch_makes_no_guarantee_that_a_small_one_lacks(batch: int) -> None:
    """280 members: sampling hides nobody from a server that is sent a client's own row."""
    busiest = _clients.busiest(replace(setting(), learned=np.arange(280)), batch)
    epsilon = load("scheme", "dp_sgd:sigma=1").spent(busiest, 1.0, 1 / 2800)
    assert 20 <= busiest <= 40 and epsilon > LOOSE


@pytest.mark.parametrize(("batch", "share"), [(1, 0.1), (4, 4 / 36)])
def test_from_who_sees_the_models_alone_sampling_hides(batch: int, share: float) -> None:
    """Opacus' accountant of the share that takes part; less than to who knows who took part."""
    scheme = load("scheme", "dp_sgd:sigma=4")
    facts = Gradients(batch=batch).deploy(setting(scheme)).facts
    assert share_of(36, batch) == share
    expected = scheme.spent(federated.ROUNDS, share, facts["delta"])
    assert facts["epsilon_models"] == expected < facts["epsilon"]


def test_labels_are_claims() -> None:
    leak = Gradients()
    system = leak.deploy(setting())
    right = leak.successes(system.claimed(np.array([10, 10, 11, 11])), {})
    wrong = leak.successes(system.claimed(np.array([11, 11, 10, 1])), {})
    assert right["label"].tolist() == [1] * 4 and wrong["label"].tolist() == [0] * 4


def test_who_may_not_be_clipped_alone_is_refused() -> None:
    @dataclass(frozen=True)
    class Private(UpdateScheme):
        def spent(self, rounds: int, share: float, delta: float) -> float:
            return 1.0

    Gradients().deploy(setting(Private()))
    with pytest.raises(InputError, match="under batch normalisation in train mode"):
        Gradients().deploy(setting(Private(), replace(Line(), alone=False)))


@pytest.mark.parametrize("given", [{"batch": 0}, {"round": -1}, {"steps": 0}, {"batch": 1.5}])
def test_nonsense_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected an integer of at least"):
        Gradients(**given)


def test_a_witness_that_would_have_to_be_trained_is_refused() -> None:
    given = {"dataset": "iris:people=24,readings=6,side=32", "target": "mlp", "leak": "gradients"}
    with pytest.raises(InputError, match="witness resnet is trained here"):
        fowh.evaluate("plain", witness="resnet", attacks=["label"], **given)


def test_a_target_that_nobody_trains_is_refused() -> None:
    with pytest.raises(InputError, match="nobody trains target deaf in rounds"):
        Gradients().observed(world.Deaf())


def test_the_targets_seed_draws_other_weights() -> None:
    one, other = (Gradients().deploy(setting(target=Line(seed=seed))) for seed in (0, 9))
    ends = [nn.utils.parameters_to_vector(each.network().parameters()) for each in (one, other)]
    assert not torch.equal(*ends)


def test_several_local_steps_have_no_single_samples_to_clip() -> None:
    @dataclass(frozen=True)
    class Private(UpdateScheme):
        def spent(self, rounds: int, share: float, delta: float) -> float:
            return 1.0

    for scheme in (Private(), load("scheme", "clip"), load("scheme", "chain:of=clip+top_k")):
        with pytest.raises(InputError, match="after several local steps"):
            Gradients(steps=2).deploy(setting(scheme))
    Gradients(steps=2).deploy(setting(load("scheme", "chain:of=top_k+quantise")))


def test_updates_that_fit_into_no_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "limit", lambda: 60_000)  # the network itself fits
    with pytest.raises(InputError, match="gradients of the 2 samples behind an update"):
        Gradients(batch=2).deploy(setting())


def test_training_goes_the_same_way_twice() -> None:
    one, two = (Line().network(12, 1, torch.Generator().manual_seed(1)) for _ in range(2))
    pictures = torch.from_numpy(world.pictures()).float()[:, None] / 255
    labels = torch.from_numpy(world.subjects())
    for network in (one, two):
        rng = np.random.default_rng(5)
        federated.train(network, pictures, labels, UpdateScheme(), 5, 0.01, rng)
    ends = [nn.utils.parameters_to_vector(n.parameters()).detach() for n in (one, two)]
    assert torch.equal(*ends)
