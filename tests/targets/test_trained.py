"""Trained targets: versions, determinism, the cache; on small left irises, for two epochs."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import ndimage

from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.core.target import Classifier, Lessons
from fowh.datasets.iris import Iris
from fowh.kit.training import initialise
from fowh.targets import _learn
from fowh.targets._learn import Recogniser, blurred
from fowh.targets._trained import TrainedTarget
from fowh.targets.densenet import Densenet, WeightsWarning, imagenet, load_imagenet

PEOPLE, READINGS, DIMENSION = 6, 6, 16
NAMES = {
    "upslope": ["0", "25", "50", "75", "100"],
    "update": ["0", "5", "10"],
    "downslope": ["0", "25", "50", "75", "100"],
}
KINDS = [(shown, name) for shown in ("embeddings", "answers") for name in ("upslope", "update")]
Fitted = dict[tuple[str, str], Densenet]


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    """Left eyes to learn, and a right eye that is enrolled later."""
    samples = Iris(people=PEOPLE, readings=READINGS, side=32).load()
    left = samples.traits["left"][samples.subjects]
    codes = samples.subjects[left] * 7 + 3  # any values are allowed
    return Lessons(samples.values[left], codes, samples.values[samples.subjects == 1])


def small(schedule: str = "upslope", **more: Any) -> Densenet:
    settings = {"epochs": 4, "dimension": DIMENSION, "side": 32} | more
    return Densenet(schedule=schedule, **settings)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def fitted(lessons: Lessons) -> Fitted:
    made: Any = {("embeddings", name): small(name).fit(lessons) for _, name in KINDS[:2]}
    answers = {("answers", name): target.classifier() for (_, name), target in made.items()}
    return made | answers


def embeddings(target: TrainedTarget, lessons: Lessons) -> list[NDArray[np.float32]]:
    return [version.embed(lessons.samples) for version in target.versions().values()]


@pytest.mark.parametrize("schedule", NAMES)
def test_names_of_versions(schedule: str) -> None:
    assert list(small(schedule=schedule).names) == NAMES[schedule]


def test_a_training_does_not_follow_the_number_of_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lessons: Lessons
) -> None:
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path / str(threads)))  # trained anew
            made.append(embeddings(small().fit(lessons), lessons)[-1])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*made)


@pytest.mark.parametrize("kind", KINDS)
def test_the_last_version_is_the_target_itself(
    kind: tuple[str, str], fitted: Fitted, lessons: Lessons
) -> None:
    target = fitted[kind]
    versions = target.versions()
    assert list(versions) == NAMES[kind[1]]
    last = versions[NAMES[kind[1]][-1]]
    assert last.sha256 == target.sha256
    assert np.array_equal(last.embed(lessons.samples), target.embed(lessons.samples))


@pytest.mark.parametrize("kind", KINDS)
def test_training_changes_every_version(
    kind: tuple[str, str], fitted: Fitted, lessons: Lessons
) -> None:
    seen = embeddings(fitted[kind], lessons)
    for earlier, later in pairwise(seen):
        assert np.abs(later - earlier).max() > 1e-3
    digests = {version.sha256 for version in fitted[kind].versions().values()}
    assert len(digests) == len(NAMES[kind[1]])


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_unit_vectors_or_probabilities(
    kind: tuple[str, str], fitted: Fitted, lessons: Lessons
) -> None:
    target = fitted[kind]
    wanted = PEOPLE if kind[0] == "answers" else DIMENSION
    for seen in embeddings(target, lessons):
        assert seen.shape == (PEOPLE * READINGS, wanted)  # the same of every version
        assert seen.dtype == np.float32
        if kind[0] == "embeddings":
            np.testing.assert_allclose(np.linalg.norm(seen, axis=1), 1, atol=1e-5)
        else:
            if kind[1] == "update":  # the rest is the newcomer's
                assert (seen.sum(axis=1) <= 1 + 1e-5).all()
            else:
                np.testing.assert_allclose(seen.sum(axis=1), 1, atol=1e-5)
            assert (seen >= 0).all()


def test_the_classifier_is_the_same_model_that_shows_something_else(
    fitted: Fitted, lessons: Lessons
) -> None:
    target, answers = fitted["embeddings", "upslope"], fitted["answers", "upslope"]
    assert isinstance(target, Classifier)
    assert target.public is not None and answers.public is not None
    assert answers.public.arrays is target.public.arrays
    assert answers.sha256 != target.sha256
    # the likeliest subject is the one whose weights the embedding is nearest to, by the cosine
    weights = target.public.state()["weights"]
    cosine = target.embed(lessons.samples) @ weights.T / np.linalg.norm(weights, axis=1)
    named = answers.embed(lessons.samples).argmax(axis=1)
    best = cosine.max(axis=1)
    np.testing.assert_allclose(cosine[np.arange(len(named)), named], best, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_width_is_known(kind: tuple[str, str], fitted: Fitted, lessons: Lessons) -> None:
    for version in fitted[kind].versions().values():
        nothing = version.embed(lessons.samples[:0])
        assert nothing.shape == (0, version.embed(lessons.samples[:1]).shape[1])
        assert nothing.dtype == np.float32


def test_the_trunk_learns_from_where_it_started(fitted: Fitted, lessons: Lessons) -> None:
    """Update goes on from the trained model; upslope's version 0 is the draw itself."""
    target = fitted["embeddings", "upslope"]
    assert target.public is not None
    generator = torch.Generator().manual_seed(0)
    drawn = target.network(PEOPLE)
    target.start(drawn, generator)
    kept = target.public.arrays
    for name, value in drawn.state_dict().items():
        assert np.array_equal(kept[f"0/features.{name}"], value.numpy())
    updated = fitted["embeddings", "update"]
    assert updated.public is not None
    for name in drawn.state_dict():
        first = updated.public.arrays[f"0/features.{name}"]
        assert np.array_equal(first, kept[f"100/features.{name}"])


def test_a_longer_training_tells_eyes_apart(lessons: Lessons) -> None:
    """Accuracy on what was learned: chance is 1 in 6."""
    target: Any = small(epochs=50, dropout=0.0).fit(lessons)
    _, codes = np.unique(lessons.subjects, return_inverse=True)
    first, *_, last = embeddings(target.classifier(), lessons)
    assert (last.argmax(axis=1) == codes).mean() > 0.9
    assert (first.argmax(axis=1) == codes).mean() < 0.5


def test_a_newcomer_is_learned(fitted: Fitted, lessons: Lessons) -> None:
    assert lessons.later is not None
    versions = fitted["answers", "update"].versions()
    first, last = (versions[name].embed(blurred(lessons.later)) for name in ("0", "10"))
    # What the known subjects do not get is the newcomer's, whose column is not revealed.
    assert last.sum(axis=1).mean() < first.sum(axis=1).mean() - 1e-3


def test_a_training_repeats_itself(
    lessons: Lessons,
    fitted: Fitted,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[union-attr, index] # noqa: NPY002
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    images = lessons.samples.copy()
    again = small("update").fit(lessons)
    one = [version.sha256 for version in fitted["embeddings", "update"].versions().values()]
    assert [version.sha256 for version in again.versions().values()] == one
    assert np.array_equal(images, lessons.samples)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])  # type: ignore[index] # noqa: NPY002
    assert len(list((tmp_path / "target").glob("*.npz"))) == 1
    # the second time it is read, not trained
    monkeypatch.setattr(_learn, "learn", lambda *_: pytest.fail("trained again"))
    assert small("update").fit(lessons).sha256 == again.sha256


@pytest.mark.filterwarnings("ignore::fowh.targets.densenet.WeightsWarning")
def test_the_cache_knows_what_a_training_depends_on(
    lessons: Lessons, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    asked = []

    class AskedError(Exception):
        """Instead of a training."""

    def learn(target: TrainedTarget, *_: Any) -> Any:
        asked.append(target)
        raise AskedError

    monkeypatch.setattr(_learn, "learn", learn)
    small().fit(lessons)  # cached
    small("update").fit(lessons)
    assert not asked
    some = replace(lessons, samples=lessons.samples[1:], subjects=lessons.subjects[1:])
    swapped = replace(lessons, subjects=lessons.subjects[::-1].copy())
    assert lessons.later is not None
    another = replace(lessons, later=lessons.later[1:])
    others = [
        (small(**change), lessons)
        for change in (
            {"seed": 1},
            {"epochs": 5},
            {"loss": "arcface"},
            {"dropout": 0.25},
            {"dimension": 8},
            {"side": 40},
            {"depth": "169"},
            {"schedule": "downslope"},
        )
    ]
    changed = ((small(), some), (small(), swapped), (small("update"), another))
    for target, taught in (*others, *changed):
        with pytest.raises(AskedError):
            target.fit(taught)
    assert len(asked) == 11


def test_seeds_schedules_and_what_is_shown_are_told_apart(lessons: Lessons, fitted: Fitted) -> None:
    recipes = {small(schedule, seed=seed).sha256 for schedule in NAMES for seed in (0, 1)}
    assert len(recipes) == 6
    other = small(epochs=1, seed=1).fit(lessons)
    same_start = small(epochs=1).fit(lessons)
    mine = fitted["embeddings", "upslope"].versions()["0"].sha256
    assert same_start.versions()["0"].sha256 == mine
    assert other.versions()["0"].sha256 != mine
    assert other.sha256 != same_start.sha256
    assert fitted["answers", "upslope"].versions()["0"].sha256 != mine  # reveals other things


def test_what_embeds_differently_has_another_digest(fitted: Fitted, lessons: Lessons) -> None:
    """Embeddings are cached by that digest; version 0 has the same weights under every loss."""
    first = fitted["answers", "upslope"].versions()["0"]
    other = replace(first, loss="arcface")  # type: ignore[type-var]
    assert np.abs(first.embed(lessons.samples) - other.embed(lessons.samples)).max() > 0.01
    assert first.sha256 != other.sha256


@pytest.mark.parametrize("kind", KINDS)
def test_the_module_is_the_target(kind: tuple[str, str], fitted: Fitted, lessons: Lessons) -> None:
    target = fitted[kind]
    network = target.module()
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())
    pictures = torch.from_numpy(lessons.samples[:4])[:, None].float() / 255
    pictures.requires_grad_()
    out = network(pictures)
    assert np.abs(out.detach().numpy() - target.embed(lessons.samples[:4])).max() < 1e-5
    rgb = network(pictures.detach().expand(-1, 3, -1, -1))
    assert (rgb - out).abs().max() < 1e-5
    goal = out.detach().roll(1, 0)
    (slope,) = torch.autograd.grad((out - goal).square().sum(), pictures)
    assert torch.isfinite(slope).all()
    assert (slope != 0).float().mean() > 0.9
    larger = torch.rand(1, 1, 50, 50, requires_grad=True)  # resized by the network itself
    (slope,) = torch.autograd.grad(network(larger)[:, 0].sum(), larger)
    assert (slope != 0).float().mean() > 0.9


def test_embedding_is_row_by_row_and_resizes(fitted: Fitted, lessons: Lessons) -> None:
    target = fitted["embeddings", "upslope"]
    whole = target.embed(lessons.samples)
    many = np.tile(lessons.samples, (8, 1, 1))  # more than one batch
    np.testing.assert_allclose(target.embed(many)[256:288], whole[4:36], atol=1e-5)
    colour = np.repeat(lessons.samples[..., None], 3, axis=-1)
    np.testing.assert_allclose(target.embed(colour), whole, atol=1e-5)
    larger = lessons.samples.repeat(2, axis=1).repeat(2, axis=2)
    assert (target.embed(larger) * whole).sum(axis=1).min() > 0.9


def test_a_module_is_nobody_elses(fitted: Fitted, lessons: Lessons) -> None:
    target = small().fit(lessons)  # read from the cache, so that other tests keep theirs
    before, network = target.embed(lessons.samples[:4]), target.module()
    assert network is not None
    with torch.no_grad():
        for weight in network.parameters():
            weight.zero_()
    assert np.array_equal(target.embed(lessons.samples[:4]), before)


def test_prepared_images_are_centre_squares() -> None:
    image = np.full((2, 40, 70), 30, dtype=np.uint8)
    image[:, :, 15:55] = 200
    got = small().prepare(image)
    assert got.samples.shape == (2, 32, 32)
    assert (got.samples == 200).all()
    assert got.found.all() and got.found.shape == (2,)
    colour = small().prepare(np.repeat(image.transpose(0, 2, 1)[..., None], 3, axis=-1))
    assert colour.samples.shape == (2, 32, 32, 3) and (colour.samples == 200).all()


def test_the_digest_of_preparing_is_that_of_the_side_alone(lessons: Lessons) -> None:
    """Prepared samples are cached by it, so that every training shares them."""
    ways = [small(), small("update", epochs=9, seed=3, loss="arcface"), load("target", "resnet")]
    first = ways[0].preparation
    assert ways[1].preparation == first
    assert replace(ways[2], side=32).preparation == first
    assert ways[2].preparation != first  # of side 64
    assert small().fit(lessons).preparation == first


@pytest.mark.parametrize("shape", [(3, 9, 12), (2, 7, 7, 3)])
def test_the_blur_is_a_gaussian(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    y, x = np.mgrid[-1:2, -1:2]
    kernel = np.exp(-(x**2 + y**2) / (2 * 0.8**2))
    kernel = (kernel / kernel.sum()).reshape(1, 3, 3, *[1] * (len(shape) - 3))
    wanted = ndimage.correlate(images.astype(np.float64), kernel, mode="nearest")
    before = images.copy()
    got = blurred(images)
    assert got.dtype == np.uint8
    assert np.abs(got - wanted).max() <= 0.5 + 1e-9
    assert np.array_equal(images, before)


def test_an_unfitted_target_has_nothing_to_show(lessons: Lessons) -> None:
    asked = (small().versions, small().module, small().classifier)
    for ask in (*asked, lambda: small().embed(lessons.samples)):
        with pytest.raises(RuntimeError, match="call fit first"):
            ask()


def test_one_subject_is_too_few(lessons: Lessons) -> None:
    one = Lessons(lessons.samples[:READINGS], lessons.subjects[:READINGS])
    with pytest.raises(InputError, match="1 private subjects to learn from"):
        small().fit(one)


def test_nothing_to_learn_from_names_the_protocols_that_have_something() -> None:
    with pytest.raises(InputError, match="--protocol afm_iris") as caught:
        small().fit(None)
    assert str(caught.value).startswith("target densenet is trained here")
    assert "\n" not in str(caught.value)


def test_update_needs_somebody_who_joins_later(lessons: Lessons) -> None:
    with pytest.raises(InputError, match="who joins later") as caught:
        small("update", epochs=1).fit(replace(lessons, later=None))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"dimension": 1},
        {"side": 31},
        {"seed": -1},
        {"dropout": 1.0},
        {"dropout": -0.1},
        {"dropout": float("nan")},
    ],
)
def test_bad_parameters_are_refused_in_one_line(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="densenet: ") as caught:
        Densenet(**wrong)
    ((name, value),) = wrong.items()
    assert f"{name}={value}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spec", ["schedule=sideways", "depth=121", "public=1"])
def test_unknown_choices_are_refused(spec: str) -> None:
    with pytest.raises(InputError, match=spec.partition("=")[0]):
        load("target", f"densenet:{spec}")


def test_densenet_169_has_the_published_shape() -> None:
    with torch.device("meta"):
        target = Densenet(depth="169", dimension=512, side=128)
        made = Recogniser(target, 356, 356, False).eval()
        assert made.encode(torch.empty(2, 1, 128, 128)).shape == (2, 512)
        assert made(torch.empty(2, 3, 128, 128)).shape == (2, 512)
    trunk = sum(weight.numel() for weight in made.features[0].parameters())  # type: ignore[index]
    assert trunk == 14_149_480 - 1664 * 1000 - 1000  # torchvision's count without its classifier
    assert made.weights.shape == (356, 512)


@pytest.mark.parametrize("side", [32, 50, 128])
@pytest.mark.parametrize("name", ["densenet", "resnet"])
def test_small_networks_take_any_side(name: str, side: int) -> None:
    with torch.device("meta"):
        target = load("target", f"{name}:dimension=24,side={side}")
        assert isinstance(target, TrainedTarget)
        network = target.network(5).eval()
        assert network(torch.empty(2, 3, side, side)).shape == (2, 24)


def test_every_weight_is_drawn_from_the_generator() -> None:
    """Nothing is left as it came out of the memory, and nothing comes from the global stream."""
    made = []
    for seed in (0, 0, 1):
        target = small()
        with torch.device("meta"):
            network = target.network(3)
        network.to_empty(device="cpu")
        with torch.no_grad():
            for weight in network.parameters():
                weight.fill_(float("nan"))
        target.start(network, torch.Generator().manual_seed(seed))
        made.append(network.state_dict())
    assert all(torch.isfinite(value).all() for value in made[0].values())
    assert all(torch.equal(value, made[1][name]) for name, value in made[0].items())
    for name, value in made[0].items():
        if value.ndim > 1:  # He et al.: the variance is 2 over the inputs of a unit
            assert not torch.equal(value, made[2][name])
            spread = (2 / value[0].numel()) ** 0.5
            assert abs(value.std().item() / spread - 1) < 4 / (2 * value.numel()) ** 0.5


@pytest.fixture(scope="module")
def large() -> Any:
    """A DenseNet-169 with drawn weights."""
    with torch.device("meta"):
        made = Densenet(depth="169", dimension=8).network(3)
    made.to_empty(device="cpu")
    initialise(made, torch.Generator().manual_seed(0))
    return made


def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights can be loaded; torchvision is otherwise as it is."""
    imagenet.cache_clear()
    monkeypatch.setattr("fowh.targets.densenet._announce", lambda url, file: None)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)


def test_without_imagenet_weights_there_is_a_warning_and_nothing_is_printed(
    large: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    offline(monkeypatch)
    before = {name: value.clone() for name, value in large.state_dict().items()}
    with pytest.warns(WeightsWarning) as said:
        assert not load_imagenet(large)
    (text,) = [str(each.message) for each in said]
    assert text.startswith("no ImageNet weights for DenseNet-169 (no route)")
    assert "\n" not in text
    assert capsys.readouterr() == ("", "")
    assert all(torch.equal(value, before[name]) for name, value in large.state_dict().items())


def test_a_download_is_announced_and_can_be_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    def fail(url: str, **how: Any) -> None:
        asked.append(url)
        raise OSError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    imagenet.cache_clear()
    with pytest.warns(UserWarning) as said:
        assert imagenet() is None
    first = str(said[0].message)
    assert first.startswith("loading https://") and "57 MB" in first and "--offline" in first
    assert len(said) == 2 and len(asked) == 1
    imagenet.cache_clear()
    monkeypatch.setenv("FOWH_OFFLINE", "1")
    with pytest.warns(WeightsWarning, match=r"no ImageNet weights .*\(--offline\)") as said:
        assert imagenet() is None
    assert len(said) == 1 and len(asked) == 1
    imagenet.cache_clear()


@pytest.mark.filterwarnings("ignore::fowh.targets.densenet.WeightsWarning")
def test_loading_imagenet_weights_draws_nothing(
    large: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch)
    before = torch.get_rng_state()
    load_imagenet(large)
    assert torch.equal(torch.get_rng_state(), before)


def test_imagenet_weights_go_to_the_trunk(large: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import DenseNet, DenseNet169_Weights

    with torch.device("meta"):
        trunk = DenseNet(32, (6, 12, 32, 32), 64).features
    trunk.to_empty(device="cpu")
    initialise(trunk, torch.Generator().manual_seed(1))

    def stored(url: str, **how: Any) -> Any:
        """As torchvision's file has it: layers named norm.1, and a classifier."""
        assert url == DenseNet169_Weights.IMAGENET1K_V1.url
        assert how["weights_only"] and how["check_hash"]
        state = {f"features.{name}": value for name, value in trunk.state_dict().items()}
        state = {re.sub(r"(norm|conv)([12])\.", r"\1.\2.", k): v for k, v in state.items()}
        return state | {"classifier.bias": torch.zeros(1000)}

    imagenet.cache_clear()
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", stored)
    head = large[4].weight.clone()
    load_imagenet(large)
    loaded = large[0].state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in trunk.state_dict().items())
    assert torch.equal(large[4].weight, head)
    imagenet.cache_clear()
