"""Learners: networks drawn from their generator alone, trained in rounds, frozen where asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fowh.checks import world
from fowh.core.errors import InputError
from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.core.target import Classifier, Learner, Lessons
from fowh.core.updates import UpdateScheme
from fowh.kit import federated
from fowh.kit.images import as_tensor, resize
from fowh.targets._answering import Answering
from fowh.targets._learner import FederatedTarget

NAMES = ("mlp", "softmax", "lenet", "convnet")
KINDS = (*NAMES, "lenet:start=uniform", "convnet:norm=eval", "convnet:norm=train")
CLASSES = 5


def target(text: str) -> FederatedTarget:
    made: FederatedTarget = load("target", text)
    return made


def network(text: str, seed: int = 0, channels: int = 1) -> nn.Module:
    generator = torch.Generator().manual_seed(seed)
    return target(text).network(CLASSES, channels, generator)


def lessons() -> Lessons:
    """Six people of codes 3, 10, 17, ..., each with four pictures."""
    return Lessons(world.pictures(6), world.subjects(6) * 7 + 3)


def weights_of(made: nn.Module) -> Tensor:
    return torch.cat([w.detach().flatten() for w in made.parameters()])


@pytest.mark.parametrize("text", KINDS)
@pytest.mark.parametrize("side", [32, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_squares_of_either_size_become_logits(text: str, side: int, channels: int) -> None:
    more = f"{text}{',' if ':' in text else ':'}side={side}"
    made = network(more, channels=channels)
    assert made(torch.rand(4, channels, side, side)).shape == (4, CLASSES)
    assert isinstance(target(more), Learner)
    assert isinstance(target(more), Classifier)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mlp", 1024 * 256 + 256 + 256 * 5 + 5),
        ("mlp:width=8,side=64", 4096 * 8 + 8 + 8 * 5 + 5),
        ("softmax", 1024 * 5 + 5),
        ("lenet", (25 + 1) * 12 + 2 * (300 + 1) * 12 + 768 * 5 + 5),  # 768, as published
        ("convnet", 10 * 16 + 145 * 32 + 289 * 64 + 64 * 64 * 5 + 5),
        ("convnet:norm=eval", 10 * 16 + 145 * 32 + 289 * 64 + 64 * 64 * 5 + 5 + 2 * (16 + 32 + 64)),
    ],
)
def test_networks_have_the_layers_that_they_are_said_to_have(text: str, expected: int) -> None:
    assert federated.size_of(network(text)) == expected


@pytest.mark.parametrize("text", KINDS)
def test_weights_come_from_the_generator_alone(text: str) -> None:
    before = torch.random.get_rng_state()
    one, same, other = network(text, 1), network(text, 1), network(text, 2)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(weights_of(one), weights_of(same))
    begins_at_zero = text == "softmax"  # nothing is drawn
    assert torch.equal(weights_of(one), weights_of(other)) == begins_at_zero
    assert bool((weights_of(one) == 0).all()) == begins_at_zero


def test_the_two_starts_of_lenet_are_as_far_out_as_they_say() -> None:
    uniform = weights_of(network("lenet:start=uniform"))
    assert 0.499 < uniform.abs().max() <= 0.5
    assert uniform.std() == pytest.approx(1 / 12**0.5, rel=0.02)
    default = weights_of(network("lenet"))
    assert default.abs().max() <= 25**-0.5  # the first layer has 25 inputs
    last = default[-768 * CLASSES - CLASSES :]
    assert 0.9 * 768**-0.5 < last.abs().max() <= 768**-0.5


@pytest.mark.parametrize("text", KINDS)
def test_what_is_alone_does_not_depend_on_its_neighbours(text: str) -> None:
    made, pictures = network(text), torch.rand(4, 1, 32, 32)
    off = float((made(pictures)[:2] - made(pictures[:2])).abs().max().detach())
    alone = target(text).alone
    assert (off < 1e-5) == alone == (text != "convnet:norm=train")
    assert made.training == (text != "convnet:norm=eval")


@pytest.mark.parametrize("text", KINDS)
def test_gradients_can_be_had_of_many_clients_at_once(text: str) -> None:
    made = network(text)
    pictures, labels = torch.rand(2, 3, 1, 32, 32), torch.tensor([[0, 1, 2], [3, 4, 0]])
    together = federated.of_batches(made, pictures, labels)
    one = federated.loss_gradient(made)
    apart = torch.stack([one(pictures[n], labels[n]) for n in range(2)])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-3)


def test_the_first_layer_s_gradient_holds_the_pixels() -> None:
    """Rows of its weights' gradient over its bias's: the picture, less the middle grey."""
    made, picture = network("mlp"), torch.rand(1, 1, 32, 32)
    found = federated.per_sample(made, picture, torch.tensor([2]))[0]
    weights, bias = found[: 256 * 1024].reshape(256, 1024), found[256 * 1024 : 256 * 1025]
    unit = int(bias.abs().argmax())
    pixels = weights[unit] / bias[unit] + federated.MIDDLE
    torch.testing.assert_close(pixels, picture.flatten(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("text", ["softmax", "mlp", "convnet:norm=train"])
def test_fitted_it_names_whom_it_learned(text: str) -> None:
    learned = lessons()
    fitted = target(text).fit(learned)
    assert isinstance(fitted, FederatedTarget)
    said = fitted.embed(learned.samples)
    assert said.shape == (24, 6)
    assert said.dtype == np.float32
    np.testing.assert_allclose(said.sum(axis=1), 1, rtol=1e-5)
    assert (said.argmax(axis=1) == world.subjects(6)).mean() > 0.9
    assert fitted.classifier() is fitted


def test_what_it_learned_is_what_a_loop_of_rounds_gives() -> None:
    learned, plain = lessons(), target("softmax:seed=3")
    first = int(stream(3, "federated", "weights").integers(2**62))
    made = plain.network(6, 1, torch.Generator().manual_seed(first))
    federated.train(
        *(made, as_tensor(learned.samples, "cpu"), torch.from_numpy(world.subjects(6))),
        *(UpdateScheme(), federated.ROUNDS, plain.rate, stream(3, "federated", "rounds")),
    )
    fitted = plain.fit(learned)
    assert isinstance(fitted, FederatedTarget)
    assert fitted.public is not None
    for name, value in made.state_dict().items():
        np.testing.assert_array_equal(fitted.public.arrays[name], value.numpy())


def test_it_is_trained_once(monkeypatch: pytest.MonkeyPatch) -> None:
    learned = lessons()
    one = target("softmax").fit(learned)
    monkeypatch.setattr(federated, "train", lambda *given, **more: pytest.fail("trained again"))
    again = target("softmax").fit(learned)
    assert again.sha256 == one.sha256 != target("softmax").sha256
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        target("softmax").fit(Lessons(255 - learned.samples, learned.subjects))


def test_the_network_of_a_white_box_is_what_answers() -> None:
    fitted = target("convnet:norm=train").fit(lessons())
    frozen = fitted.module()
    assert isinstance(frozen, Answering)
    assert not frozen.training
    assert not any(weights.requires_grad for weights in frozen.parameters())
    pictures = lessons().samples[:3]
    said = frozen(as_tensor(pictures, "cpu")).numpy()
    np.testing.assert_allclose(said, fitted.embed(pictures), rtol=1e-4, atol=1e-6)


def test_pictures_of_other_sizes_and_colours_are_turned_into_its_own() -> None:
    fitted, pictures = target("softmax").fit(lessons()), lessons().samples[:4]
    said = fitted.embed(pictures)
    colour = np.repeat(pictures[..., None], 3, axis=-1)
    np.testing.assert_allclose(fitted.embed(colour), said, atol=1e-4)
    large = np.repeat(np.repeat(pictures, 2, axis=1), 2, axis=2)
    assert np.abs(fitted.embed(large) - said).max() < 0.1
    learned = Lessons(np.repeat(lessons().samples[..., None], 3, axis=-1), lessons().subjects)
    of_colour = target("softmax").fit(learned)
    np.testing.assert_allclose(of_colour.embed(pictures), of_colour.embed(colour), atol=1e-5)


def test_samples_are_dlib_s_chips_made_small() -> None:
    faces: NDArray[Any] = load("dataset", "orl").load().values[:2]
    chips = load("target", "dlib").prepare(faces)
    made = target("mlp:side=64").prepare(faces)
    np.testing.assert_array_equal(made.samples, resize(chips.samples, 64))
    np.testing.assert_array_equal(made.found, chips.found)
    assert made.found.all()
    assert target("mlp").preparation == target("softmax:seed=4").preparation
    assert target("mlp").preparation != target("mlp:side=64").preparation


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", ["side=48", "side=0", "seed=-1"])
def test_other_sizes_and_seeds_are_refused(name: str, wrong: str) -> None:
    with pytest.raises(InputError, match=f"{name}: side=.*give side 32 or 64") as caught:
        load("target", f"{name}:{wrong}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["mlp:width=0", "lenet:start=he", "convnet:norm=group"])
def test_wrong_parameters_are_refused(wrong: str) -> None:
    with pytest.raises(InputError):
        load("target", wrong)
    with pytest.raises(InputError, match="give"):
        key, _, value = wrong.partition(":")[2].partition("=")
        given = {key: int(value) if value.isdigit() else value}
        replace(target(wrong.partition(":")[0]), **given)  # type: ignore[arg-type]


def test_untrained_it_does_not_answer() -> None:
    with pytest.raises(InputError, match="target lenet is not trained") as caught:
        target("lenet").embed(lessons().samples)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="--protocol federated"):
        target("lenet").fit(None)
    few = Lessons(lessons().samples[:4], lessons().subjects[:4])
    with pytest.raises(InputError, match="1 subjects to learn from"):
        target("lenet").fit(few)
