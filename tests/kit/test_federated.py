"""Training in rounds, against plain autograd and loops written by hand."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fowh.core.registry import load
from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme
from fowh.kit import federated
from fowh.kit.federated import BatchNorm, Centre
from fowh.kit.rounds import SHARE, clients_of, taking_part

CLASSES, SIDE = 3, 6


def network(norm: bool = False, seed: int = 0) -> nn.Sequential:
    generator = torch.Generator().manual_seed(seed)
    parts: list[nn.Module] = [Centre(), nn.Conv2d(1, 4, 3, padding=1)]
    parts += [BatchNorm(4)] if norm else []
    made = nn.Sequential(*parts, nn.ReLU(), nn.Flatten(), nn.Linear(4 * SIDE**2, CLASSES))
    with torch.no_grad():
        for weights in made.parameters():
            weights.copy_(0.3 * torch.randn(weights.shape, generator=generator))
    return made


def batch(count: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    samples = torch.rand(count, 1, SIDE, SIDE, generator=generator)
    return samples, torch.randint(CLASSES, (count,), generator=generator)


def backward(made: nn.Module, samples: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the mean loss by autograd, as one row."""
    made.zero_grad()
    cross_entropy(made(samples), labels).backward()  # type: ignore[no-untyped-call]
    return torch.cat([w.grad.flatten() for w in made.parameters() if w.grad is not None])


def weights_of(made: nn.Module) -> Tensor:
    return torch.cat([w.detach().flatten() for w in made.parameters()])


def test_gradients_of_single_samples_are_those_of_a_loop() -> None:
    made, (samples, labels) = network(), batch(7)
    loop = torch.stack([backward(made, samples[n : n + 1], labels[n : n + 1]) for n in range(7)])
    found = federated.per_sample(made, samples, labels)
    assert found.shape == (7, federated.size_of(made)) == (7, 40 + 432 + 3)
    torch.testing.assert_close(found, loop)
    assert (loop[0] - loop[1]).abs().max() > 0.01


def test_the_gradient_of_a_batch_is_the_mean_of_its_samples() -> None:
    made, (samples, labels) = network(), batch(8)
    found = federated.of_batches(made, samples.reshape(2, 4, 1, SIDE, SIDE), labels.reshape(2, 4))
    each = federated.per_sample(made, samples, labels).reshape(2, 4, -1)
    torch.testing.assert_close(found, each.mean(dim=1))


def test_labels_may_be_probabilities() -> None:
    made, (samples, labels) = network(), batch(4)
    sure = nn.functional.one_hot(labels, CLASSES).float()
    gradient = federated.loss_gradient(made)
    torch.testing.assert_close(gradient(samples, sure), gradient(samples, labels))


def test_the_gradient_can_be_differentiated_again() -> None:
    made, (samples, labels) = network(), batch(1)
    samples.requires_grad_()
    (second,) = torch.autograd.grad(federated.loss_gradient(made)(samples, labels).sum(), samples)
    assert second.abs().sum() > 0


def test_one_local_step_is_the_gradient() -> None:
    made, (samples, labels) = network(), batch(8)
    x, y = samples.reshape(2, 4, 1, SIDE, SIDE), labels.reshape(2, 4)
    found = federated.local_steps(made, x, y, steps=1, rate=0.1)
    torch.testing.assert_close(found, federated.of_batches(made, x, y), atol=2e-6, rtol=1e-4)


def test_several_local_steps_are_those_of_stochastic_gradient_descent() -> None:
    made, (samples, labels) = network(), batch(8)
    x, y = samples.reshape(2, 4, 1, SIDE, SIDE), labels.reshape(2, 4)
    before = weights_of(made)
    found = federated.local_steps(made, x, y, steps=3, rate=0.1)
    for client in range(2):
        own = copy.deepcopy(made)
        descent = torch.optim.SGD(own.parameters(), lr=0.1)
        for _ in range(3):
            descent.zero_grad()
            cross_entropy(own(x[client]), y[client]).backward()  # type: ignore[no-untyped-call]
            descent.step()
        expected = (before - weights_of(own)) / 0.3
        torch.testing.assert_close(found[client], expected, atol=2e-6, rtol=1e-4)
    torch.testing.assert_close(weights_of(made), before, atol=0, rtol=0)


def trained(rounds: int, seed: int = 3, scheme: UpdateScheme | None = None) -> nn.Module:
    made, (samples, labels) = network(), batch(60)
    rng = np.random.default_rng(seed)
    federated.train(made, samples, labels, scheme or UpdateScheme(), rounds, 0.2, rng)
    return made


def test_training_without_protection_is_gradient_descent_on_those_who_take_part() -> None:
    made, (samples, labels) = network(), batch(60)
    rng = np.random.default_rng(3)
    for _ in range(5):
        rows = np.flatnonzero(rng.random(60) < SHARE)
        loss = cross_entropy(made(samples[rows]), labels[rows], reduction="sum")
        parts = torch.autograd.grad(loss, list(made.parameters()))
        with torch.no_grad():
            for weights, part in zip(made.parameters(), parts, strict=True):
                weights -= 0.2 * part / 6  # a tenth of 60 is expected
    torch.testing.assert_close(weights_of(trained(5)), weights_of(made), atol=1e-6, rtol=1e-5)


def test_training_goes_the_same_way_twice_and_another_with_other_people() -> None:
    assert torch.equal(weights_of(trained(4)), weights_of(trained(4)))
    assert not torch.equal(weights_of(trained(4)), weights_of(trained(4, seed=4)))
    assert torch.equal(weights_of(trained(0)), weights_of(network()))


@dataclass(frozen=True)
class Halved(UpdateScheme):
    """Halves what each sample gives and notes what reaches the server."""

    def each(self, gradients: Any) -> Any:
        return gradients / 2

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        assert means.shape == (1, 475)
        assert size == 6
        return means + np.float32(1)


def test_a_scheme_is_asked_for_each_sample_and_once_for_each_round() -> None:
    plain, half = trained(1), trained(1, scheme=Halved())
    start = weights_of(network())
    moved = (weights_of(plain) - start) / 2 - 0.2
    torch.testing.assert_close(weights_of(half) - start, moved, atol=1e-6, rtol=1e-5)


def test_slices_cover_all_rows_and_fit_into_a_block() -> None:
    size = federated.BLOCK // 3
    assert federated.blocks(8, size) == [slice(0, 3), slice(3, 6), slice(6, 8)]
    assert federated.blocks(2, 10 * federated.BLOCK) == [slice(0, 1), slice(1, 2)]
    assert federated.blocks(0, 5) == []


def test_batch_normalisation_in_train_mode_is_torch_s_and_stores_nothing() -> None:
    made, (samples, labels) = network(norm=True), batch(8)
    usual = copy.deepcopy(made)
    usual[2] = nn.BatchNorm2d(4)
    usual[2].load_state_dict(made[2].state_dict())
    expected = backward(usual, samples, labels)
    x, y = samples[None], labels[None]
    torch.testing.assert_close(federated.of_batches(made, x, y)[0], expected, atol=1e-6, rtol=1e-4)
    assert isinstance(made[2], BatchNorm)
    assert made[2].running_mean is not None
    assert not made[2].running_mean.any()


@pytest.mark.parametrize("rounds", [0, 3])
def test_what_answers_are_normalised_by_is_what_all_members_have_on_average(rounds: int) -> None:
    made, (samples, labels) = network(norm=True), batch(60)
    rng = np.random.default_rng(0)
    federated.train(made, samples, labels, UpdateScheme(), rounds, 0.2, rng, alone=False)
    together = made(samples)
    torch.testing.assert_close(made.eval()(samples), together, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(made(samples[:1]), together[:1], atol=1e-5, rtol=1e-4)
    assert not torch.equal(weights_of(made), weights_of(network(norm=True))) or rounds == 0


def test_normalisation_in_eval_mode_stays_as_it_is() -> None:
    made, (samples, labels) = network(norm=True).eval(), batch(60)
    federated.train(made, samples, labels, UpdateScheme(), 2, 0.2, np.random.default_rng(0))
    assert isinstance(made[2], BatchNorm)
    assert made[2].running_mean is not None
    assert not made[2].running_mean.any()


def test_answers_are_probabilities() -> None:
    made, (samples, _) = network(), batch(5)
    said = federated.named(made, samples)
    assert said.dtype == np.float32
    np.testing.assert_allclose(said, made(samples).softmax(dim=1).detach().numpy())
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)


@dataclass(frozen=True)
class Brisk(UpdateScheme):
    """Nothing but longer steps."""

    def pace(self, clients: int) -> float:
        return 2.0


def test_the_pace_of_a_scheme_lengthens_the_servers_steps() -> None:
    samples, labels = batch(60)
    one, other = network(), network()
    federated.train(one, samples, labels, Brisk(), 3, 0.1, np.random.default_rng(0))
    federated.train(other, samples, labels, UpdateScheme(), 3, 0.2, np.random.default_rng(0))
    torch.testing.assert_close(weights_of(one), weights_of(other))


@dataclass(frozen=True)
class Noted(UpdateScheme):
    """Sends signs, so that a mean of what is sent is not what is sent of a mean."""

    def each(self, gradients: Any) -> Any:
        return gradients * 2

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        assert size == 2
        return np.sign(means)


def test_every_client_sends_an_update_of_its_own() -> None:
    made, (samples, labels) = network(), batch(60)
    start, scheme = weights_of(made), Noted()
    federated.train(*(made, samples, labels, scheme, 1, 0.2, np.random.default_rng(3)), size=2)
    rng = np.random.default_rng(3)
    rows = rng.permutation(np.flatnonzero(rng.random(60) < SHARE))
    clients = rows[: len(rows) // 2 * 2].reshape(-1, 2)
    assert len(clients) > 1  # or nothing is told apart
    sent = [
        federated.per_sample(network(), samples[two], labels[two]).mean(dim=0).sign()
        for two in clients
    ]
    expected = start - 0.2 * torch.stack(sent).mean(dim=0)
    torch.testing.assert_close(weights_of(made), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("norm", [False, True])
def test_after_several_local_steps_the_server_takes_the_mean_of_the_clients_weights(
    norm: bool,
) -> None:
    """McMahan et al. 2017, algorithm 1, by hand: three rounds of clients of two, three steps."""
    made, (samples, labels) = network(norm), batch(60)
    federated.train(
        *(made, samples, labels, UpdateScheme(), 3, 0.2, np.random.default_rng(3), not norm),
        size=2,
        steps=3,
    )
    other, rng = network(norm), np.random.default_rng(3)
    for _ in range(3):
        ends = []
        for two in taking_part(60, 2, rng):
            own = copy.deepcopy(other)
            descent = torch.optim.SGD(own.parameters(), lr=0.2)
            for _ in range(3):
                descent.zero_grad()
                cross_entropy(own(samples[two]), labels[two]).backward()  # type: ignore[no-untyped-call]
                descent.step()
            ends.append(weights_of(own))
        assert len(ends) > 1
        torch.nn.utils.vector_to_parameters(torch.stack(ends).mean(dim=0), other.parameters())
    torch.testing.assert_close(weights_of(made), weights_of(other), atol=1e-5, rtol=1e-4)


def test_without_a_scheme_clients_do_what_one_party_does_with_as_many_samples() -> None:
    made, (samples, labels) = network(), batch(60)
    federated.train(
        *(made, samples, labels, UpdateScheme(), 3, 0.2, np.random.default_rng(3)), size=1
    )
    other, rng = network(), np.random.default_rng(3)
    for _ in range(3):
        rows = rng.permutation(np.flatnonzero(rng.random(60) < SHARE))
        loss = cross_entropy(other(samples[rows]), labels[rows])
        parts = torch.autograd.grad(loss, list(other.parameters()))
        with torch.no_grad():
            for weights, part in zip(other.parameters(), parts, strict=True):
                weights -= 0.2 * part
    torch.testing.assert_close(weights_of(made), weights_of(other), atol=1e-6, rtol=1e-5)


def test_noise_of_every_client_is_in_the_training() -> None:
    samples, labels = batch(60)
    moved = {}
    for size in (None, 1):
        made = network()
        start = weights_of(made)
        scheme, rng = load("scheme", "dp_sgd:sigma=100"), np.random.default_rng(3)
        rate = 0.2 / scheme.pace(clients_of(60, size))
        federated.train(*(made, samples, labels, scheme, 1, rate, rng), size=size)
        moved[size] = (weights_of(made) - start).std()
    taking = (np.random.default_rng(3).random(60) < SHARE).sum()
    assert moved[None] == pytest.approx(0.2 * 100 / 6, rel=0.1)
    assert moved[1] == pytest.approx(0.2 * 100 / taking**0.5, rel=0.1)


def test_batch_normalisation_in_train_mode_reads_each_clients_batch_alone() -> None:
    made, (samples, labels) = network(norm=True), batch(60)
    start = weights_of(made)
    federated.train(
        *(made, samples, labels, UpdateScheme(), 1, 0.2, np.random.default_rng(0), False), size=2
    )
    clients = taking_part(60, 2, np.random.default_rng(0))
    sent = [backward(network(norm=True), samples[two], labels[two]) for two in clients]
    together = backward(network(norm=True), samples[clients.ravel()], labels[clients.ravel()])
    expected = start - 0.2 * torch.stack(sent).mean(dim=0)
    torch.testing.assert_close(weights_of(made), expected, atol=1e-6, rtol=1e-4)
    assert (start - 0.2 * together - expected).abs().max() > 1e-3


@pytest.mark.parametrize("steps", [1, 2])
def test_blocks_of_clients_do_not_change_the_training(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All clients in one block, and in blocks of three, the last of fewer: each counts alike."""
    samples, labels = batch(150)
    ends, taken = [], []
    each = federated.gradients_of

    def noted(network: nn.Module, samples: Tensor, *others: Any) -> Tensor:
        taken.append(len(samples))
        return each(network, samples, *others)

    monkeypatch.setattr(federated, "gradients_of", noted)
    for block in (federated.BLOCK, 3 * 2 * 475):
        monkeypatch.setattr(federated, "BLOCK", block)
        made = network()
        given = (samples, labels, Noted(), 1, 0.2, np.random.default_rng(3))
        federated.train(made, *given, size=2, steps=steps)
        ends.append(weights_of(made))
    assert taken[0] == sum(taken[1:]) and taken[1] == 3 > taken[-1]
    torch.testing.assert_close(*ends, atol=1e-6, rtol=1e-5)
