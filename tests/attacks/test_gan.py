"""The GAN on versions, and the ridge that it has to beat, in a linear world of small pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from attacks._own import held_out
from attacks._versions import choice, inputs, perceptual, training
from attacks._versions.absent import ABSENT, Filling
from attacks._versions.slots import ANY_SLOTS, MANY_AT_ONCE, METHODS
from attacks._versions.validation import LOOKS, asks, missed, split
from attacks.gan import Gan
from attacks.image_ridge import GAINS, PENALTIES, ImageRidge
from attacks.morph_gan import MorphGan
from fowh.core.attack import unfit
from fowh.core.cache import cache_dir
from fowh.core.errors import InputError
from fowh.core.scheme import Scheme
from fowh.core.target import Progress
from fowh.core.view import Query, Version, View
from schemes.lsh import Lsh
from schemes.raw import Raw

SIDE, LATENT, PEOPLE, READINGS = 32, 8, 12, 5
NAMES = ("0", "50", "100")
TINY: dict[str, Any] = {"steps": 3, "batch": 8, "base": 8}
DRAW = np.random.default_rng(5)
WAVES = np.kron(DRAW.normal(size=(LATENT, 4, 4)), np.ones((SIDE // 4, SIDE // 4)))
BASIS = np.linalg.qr(WAVES.reshape(LATENT, -1).T)[0].T * SIDE / 2  # each pixel moves by about 0.5
FINAL = np.linalg.qr(DRAW.normal(size=(LATENT, LATENT)))[0]
NOISE = (0.5, 0.2, 0.0)  # of each version's embeddings: the target gets better
ROTATIONS = [  # the orthogonal matrix nearest to a disturbed one: each nearer to the final one
    np.linalg.qr(FINAL.T @ FINAL + noise * np.tril(DRAW.normal(size=FINAL.shape), -1))[0] @ FINAL
    for noise in NOISE
]


def paint(latent: np.ndarray) -> np.ndarray:
    """Pictures of latent vectors, linear up to rounding; few pixels are clipped."""
    flat = 128 + 24 * latent @ BASIS
    return np.clip(flat, 0, 255).round().astype(np.uint8).reshape(-1, SIDE, SIDE)


def embed(pictures: np.ndarray) -> np.ndarray:
    """The final version: reads the latent vector off the pixels, rotated."""
    latent = (pictures.reshape(len(pictures), -1) - 128.0) / 24 @ np.linalg.pinv(BASIS)
    return (latent @ ROTATIONS[-1]).astype(np.float32)


def people(count: int, seed: int) -> np.ndarray:
    """(count * READINGS, LATENT), readings of a person next to each other."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.normal(size=(count, LATENT)), READINGS, axis=0)
    return centres + 0.3 * rng.normal(size=centres.shape)


def world(
    scheme: Scheme | None = None,
    shared: bool = True,
    stolen: str = "all",
    colour: bool = False,
    victims: int = 2,
    budget: int = 10_000,
    **changes: Any,
) -> tuple[View, np.ndarray]:
    """What the attacker sees, and the pictures behind the stolen rows."""
    own, truth = people(PEOPLE, 1), people(victims, 2)
    whose = np.repeat(np.arange(victims), READINGS)
    keys = np.full(len(truth), 7, np.uint64) if shared else (900 - whose).astype(np.uint64)
    made = []
    for number, (name, rotation, noise) in enumerate(zip(NAMES, ROTATIONS, NOISE, strict=True)):
        rng = np.random.default_rng([3, number])
        mine, theirs = (
            (z @ rotation + noise * rng.normal(size=z.shape)).astype(np.float32)
            for z in (own, truth)
        )
        fitted = (scheme or Raw()).fit(mine)
        taken = fitted.release(theirs, keys, rng)
        leaked = stolen == "all" or name == NAMES[-1]
        made.append(Version(name, fitted, mine, taken if leaked else None))
    last = made[-1]
    assert last.release is not None
    pictures, true = paint(own), paint(truth)
    if colour:
        pictures, true = (np.stack([p, 255 - p, p // 2], axis=-1) for p in (pictures, true))
    view = View(
        last.scheme,
        last.release,
        last.embeddings,
        np.repeat(np.arange(PEOPLE), READINGS),
        pictures,
        None if colour else Query(embed, budget),
        versions=() if stolen == "none" else tuple(made),
        modality="image",
    )
    return replace(view, **changes), true


def attack(seed: int = 0, **given: Any) -> np.ndarray:
    """Pictures of one run on a world of its own."""
    knobs = {key: given.pop(key) for key in list(given) if key in Gan.__dataclass_fields__}
    view, _ = world(**given)
    return Gan(**(TINY | knobs)).run(view, np.random.default_rng(seed))


@pytest.fixture(autouse=True)
def small_and_with_a_cache_of_its_own(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))  # no weights that happen to be stored here
    monkeypatch.setattr(perceptual, "STEPS", 5)


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """What each training that is really done gets to see, slot by slot."""
    seen: list[np.ndarray] = []
    real = training.train

    def counted(known: np.ndarray, *rest: Any, **named: Any) -> Any:
        seen.append(known)
        return real(known, *rest, **named)

    monkeypatch.setattr(training, "train", counted)
    return seen


WAYS = [(method, "final") for method in METHODS] + [(method, "all") for method in ANY_SLOTS]
SCHEMES = {"raw": (Raw(), True), "lsh": (Lsh(bits=64), True), "lsh, own keys": (Lsh(64), False)}


@pytest.mark.parametrize("protected", SCHEMES)
@pytest.mark.parametrize(("method", "test"), WAYS)
def test_every_method_makes_a_picture_of_each_row(method: str, test: str, protected: str) -> None:
    scheme, shared = SCHEMES[protected]
    view, _ = world(scheme, shared)
    chosen = Gan(**TINY, incorporate=method, test=test)  # type: ignore[arg-type]
    assert chosen.unsupported(view) is None
    made = chosen.run(view, np.random.default_rng(0))
    assert (made.shape, made.dtype) == ((2 * READINGS, SIDE, SIDE), np.uint8)
    assert (made != made[0]).any(axis=0).any()  # it looks at the row
    assert perceptual.OWN in view.remarks


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_decides_everything_and_the_global_randomness_nothing(
    method: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for folder, seed in (("one", 1), ("two", 1), ("three", 2)):
        monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path / folder))
        torch.rand(1)  # another global state each time
        before = torch.random.get_rng_state()
        made.append(attack(seed, incorporate=method))
        assert torch.equal(torch.random.get_rng_state(), before)
    np.testing.assert_array_equal(made[0], made[1])
    assert (made[0] != made[2]).mean() > 0.1


def test_the_caller_s_arrays_are_left_alone() -> None:
    view, _ = world()
    before = view.samples.copy(), view.embeddings.copy(), view.release.code.copy()
    Gan(**TINY, incorporate="srwal", input_dropout=0.3).run(view, np.random.default_rng(0))
    after = view.samples, view.embeddings, view.release.code
    for was, now in zip(before, after, strict=True):
        np.testing.assert_array_equal(was, now)


@pytest.mark.parametrize("method", ANY_SLOTS)
def test_all_ways_to_present_share_one_training(method: str, trainings: list[np.ndarray]) -> None:
    made = [attack(incorporate=method, test=test) for test in ("final", "all")]
    if method in MANY_AT_ONCE:
        made += [attack(incorporate=method, absent=absent) for absent in ABSENT[1:]]
    assert len(trainings) == 1
    for number, one in enumerate(made):
        assert all((one != other).any() for other in made[:number])
    attack(incorporate=method, steps=2)
    assert len(trainings) == 2  # and another recipe does not


def test_final_needs_no_release_of_an_earlier_version() -> None:
    """What leaked of the other versions must not matter where only the final one is presented."""
    for method in ("rand", "concat", "srwal"):
        all_leaked = attack(incorporate=method)
        np.testing.assert_array_equal(attack(incorporate=method, stolen="final"), all_leaked)


def test_without_versions_there_is_one_slot(trainings: list[np.ndarray]) -> None:
    made = attack(incorporate="concat", stolen="none")
    assert made.shape == (2 * READINGS, SIDE, SIDE)
    assert trainings[0].shape == (1, PEOPLE * READINGS, LATENT)


def test_slots_hold_the_versions_that_were_asked_for(trainings: list[np.ndarray]) -> None:
    view, _ = world()
    units = [v.embeddings / np.sqrt(np.square(v.embeddings).mean()) for v in view.versions]
    cases = (
        ("single", "", [2]),  # the final version only
        ("rand", "", [0, 1, 2]),
        ("rand", "0+50", [0, 1]),
        ("sr", "0+100", [0, 2]),
        ("concat", "100+0", [0, 2]),  # in the order of the versions
        ("single", "50", [1]),
    )
    for method, versions, expected in cases:
        attack(incorporate=method, versions=versions)
        known = trainings.pop()
        np.testing.assert_allclose(known, np.stack([units[k] for k in expected]), rtol=1e-5)


def test_the_final_release_is_attacked_even_where_it_was_not_trained_on() -> None:
    """And what judges the training is presented likewise."""
    view, _ = world()
    chosen = Gan(**TINY, incorporate="concat", versions="0+50")
    read = inputs.read(
        view, chosen._sources(view, list(view.versions[:2])), False, np.random.default_rng(0)
    )
    assert read.known.shape[0] == 2
    power = np.sqrt(np.square(view.embeddings).mean())
    np.testing.assert_allclose(read.stolen, view.release.code[None] / power, rtol=1e-5)
    np.testing.assert_allclose(read.final, view.embeddings / power, rtol=1e-5)


def test_the_control_copies_fills_every_slot_alike(trainings: list[np.ndarray]) -> None:
    attack(incorporate="sr", copies=True)
    known = trainings.pop()
    assert known.shape[0] == 3
    for slot in known[:-1]:
        np.testing.assert_array_equal(slot, known[-1])
    view, _ = world()
    chosen = Gan(**TINY, incorporate="sr", copies=True, test="all")
    sources = chosen._sources(view, list(view.versions))
    stolen = inputs.read(view, sources, True, np.random.default_rng(0)).stolen
    np.testing.assert_array_equal(stolen[0], stolen[-1])
    assert stolen.any()


def test_the_control_input_dropout_zeroes_that_share_and_keeps_the_mean() -> None:
    view, _ = world()
    given = {**TINY, "input_dropout": 0.25}
    names = training.SlotRecipe.__dataclass_fields__
    recipe = training.SlotRecipe(**{name: getattr(Gan(**given), name) for name in names})
    known = np.stack([view.embeddings])
    trainer = training.SlotTrainer(known, view.samples, recipe, 1, view)
    dropped = trainer._dropped(torch.ones(400, 50)).numpy()
    assert np.unique(dropped).tolist() == pytest.approx([0, 4 / 3])
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.015)
    assert dropped.mean() == pytest.approx(1, abs=0.02)
    assert (dropped[0] != dropped[1]).any()
    whole = training.SlotTrainer(known, view.samples, replace(recipe, input_dropout=0.0), 1, view)
    assert (whole._dropped(torch.ones(40, 50)) == 1).all()
    assert (attack() != attack(input_dropout=0.25)).any()


def test_reasons_against_running() -> None:
    view, _ = world()
    unknown = Gan(incorporate="rand", versions="50+75").unsupported(view) or ""
    assert "'75'" in unknown
    assert "0, 50, 100" in unknown
    final_only, _ = world(stolen="final")
    assert "what was stolen" in (Gan(incorporate="sr", test="all").unsupported(final_only) or "")
    assert Gan(incorporate="sr").unsupported(final_only) is None
    assert Gan(incorporate="rand", versions="0+50").unsupported(view) is None


@pytest.mark.parametrize("given", [{"incorporate": m, "test": "all"} for m in ("single", "rand")])
def test_one_slot_cannot_take_all_releases(given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="takes one version"):
        Gan(**given)


@pytest.mark.parametrize("absent", ABSENT[1:])
def test_only_who_learns_from_several_slots_at_once_has_other_than_zeros(absent: Any) -> None:
    for method in METHODS:
        if method in MANY_AT_ONCE:
            Gan(incorporate=method, absent=absent)  # type: ignore[arg-type]
            with pytest.raises(InputError, match="test=all"):
                Gan(incorporate=method, absent=absent, test="all")  # type: ignore[arg-type]
        else:
            with pytest.raises(InputError, match=f"absent={absent} with incorporate={method}"):
                Gan(incorporate=method, absent=absent)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": -1}, "steps=-1"),
        ({"batch": 3}, "batch=3"),
        ({"base": 3}, "base=3"),
        ({"rate": 0.0}, "rate=0"),
        ({"rate": float("nan")}, "rate=nan"),
        ({"structure": -0.1}, "negative"),
        ({"input_dropout": 1.0}, "input_dropout=1.0"),
        ({"input_dropout": -0.1}, "input_dropout"),
    ],
)
def test_bad_parameters_are_input_errors(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Gan(**given)
    assert "\n" not in str(caught.value)


class Interrupted(Exception):
    """The machine was switched off."""


def noted(looks: list[float]) -> Progress:
    """A callback that keeps how far the training was at each look."""

    def note(text: str, done: float) -> None:
        if "step" in text and "validation" not in text:
            looks.append(done)

    return note


def checkpoints() -> list[Any]:
    return sorted((cache_dir() / "training").glob("*.npz"))


@pytest.mark.parametrize("given", [{"incorporate": "srwal"}, {"adversarial": 0.0, "batch": 4}])
def test_an_interrupted_training_goes_on_as_if_nothing_had_happened(
    given: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {**TINY, "steps": 12, **given}
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path / "whole"))
    whole: list[float] = []
    uninterrupted, _ = world(progress=noted(whole))
    wanted = Gan(**given).run(uninterrupted, np.random.default_rng(0))
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path / "parts"))
    looks: list[float] = []

    def stop_at_the_second_look(text: str, done: float) -> None:
        if "step" in text:
            looks.append(done)
            if len(looks) == 2:
                raise Interrupted

    with pytest.raises(Interrupted):
        Gan(**given).run(world(progress=stop_at_the_second_look)[0], np.random.default_rng(0))
    assert len(checkpoints()) == 1
    went_on: list[float] = []
    resumed, _ = world(progress=noted(went_on))  # another process: its budget is whole again
    made = Gan(**given).run(resumed, np.random.default_rng(0))
    assert looks + went_on == whole  # nothing was done twice
    np.testing.assert_array_equal(made, wanted)
    assert resumed.query.used == uninterrupted.query.used > 0  # and the same bill
    assert checkpoints() == []


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 half an archive"])
def test_a_damaged_checkpoint_is_no_checkpoint(damage: bytes) -> None:
    given = {**TINY, "steps": 4}

    def stop(text: str, done: float) -> None:
        if "step" in text:
            raise Interrupted

    with pytest.raises(Interrupted):
        Gan(**given).run(world(progress=stop)[0], np.random.default_rng(0))
    (path,) = checkpoints()
    path.write_bytes(damage)
    made = Gan(**given).run(world()[0], np.random.default_rng(0))
    assert made.shape == (2 * READINGS, SIDE, SIDE)
    assert checkpoints() == []


WAYS_TO_FILL = [("final", absent) for absent in ABSENT] + [("all", "zero")]


@pytest.mark.parametrize(("test", "absent"), WAYS_TO_FILL)
def test_the_state_that_is_used_errs_least_on_what_the_attack_will_present(
    test: str, absent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is shown of held-out samples is filled like the stolen rows, without their help."""
    seen: list[tuple[int, np.ndarray, np.ndarray]] = []
    errors = iter([5.0, 3.0, 4.0, 3.5])
    real = choice.apply

    def spy(trained: Any, look: int, recipe: Any, shown: np.ndarray, view: View) -> np.ndarray:
        made: np.ndarray = real(trained, look, recipe, shown, view)
        seen.append((look, shown, made))
        return made

    monkeypatch.setattr(choice, "apply", spy)
    monkeypatch.setattr(choice, "missed", lambda *_: next(errors))
    view, _ = world()
    given = {**TINY, "steps": 4, "incorporate": "concat", "test": test, "absent": absent}
    made = Gan(**given).run(view, np.random.default_rng(0))
    assert [look for look, _, _ in seen] == [0, 1, 2, 3, 1]
    np.testing.assert_array_equal(made, seen[-1][2])
    said = [r for r in view.remarks if r.startswith("weights after 2 of 4 updates, held-out error")]
    assert len(said) == 1
    known = np.stack(
        [v.embeddings / np.sqrt(np.square(v.embeddings).mean()) for v in view.versions]
    )
    held = split(view, int(np.random.default_rng(0).integers(2**63)))
    expected = known[:, held]
    if test == "final":
        final, whose = known[-1], view.subjects
        learnt = Filling(absent, known[:, ~held], final[~held], whose[~held])  # type: ignore[arg-type]
        expected = learnt(final[held])
    for _, shown, _ in seen[:-1]:
        np.testing.assert_allclose(shown, expected, rtol=1e-4, atol=1e-5)
    assert seen[-1][1].shape == (3, 2 * READINGS, LATENT)


def test_ways_to_present_may_choose_different_states_of_one_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The cached judgement of one is not the other's."""
    errors = iter([1.0, 2.0, 3.0, 3.0, 2.0, 1.0])
    monkeypatch.setattr(choice, "missed", lambda *_: next(errors))
    remarks = []
    for test in ("final", "all", "final"):
        view, _ = world()
        Gan(**TINY, incorporate="concat", test=test).run(  # type: ignore[arg-type]
            view, np.random.default_rng(0)
        )
        remarks += [r.split(",")[0] for r in view.remarks if r.startswith("weights")]
    assert remarks == [f"weights after {step} of 3 updates" for step in (1, 3, 1)]


def test_the_training_ends_after_its_steps_and_keeps_ten_states() -> None:
    looks: list[float] = []
    view, _ = world(progress=noted(looks))
    names = training.SlotRecipe.__dataclass_fields__
    for steps, expected in ((25, [*range(2, 20, 2), 25]), (3, [1, 2, 3]), (0, [0])):
        gan = Gan(**{**TINY, "steps": steps})
        recipe = training.SlotRecipe(**{name: getattr(gan, name) for name in names})
        found = training.train(np.stack([view.embeddings]), view, recipe, 3, f"named {steps}")
        assert found["steps"].tolist() == expected
        kept = {name.partition("/")[0] for name in found if "/" in name}
        assert kept == {str(number) for number in range(len(expected))}
        assert len(expected) <= LOOKS


@pytest.mark.parametrize("depth", ["first", "last"])
def test_the_alignment_loss_reaches_down_from_its_depth(depth: str) -> None:
    view, _ = world()
    given = {**TINY, "incorporate": "srwal", "depth": depth}
    names = training.SlotRecipe.__dataclass_fields__
    recipe = training.SlotRecipe(**{name: getattr(Gan(**given), name) for name in names})
    known = np.stack([v.embeddings for v in view.versions])
    shape = torch.Size((1, 1, 64, 64))
    net = training.build(recipe, known, shape)
    training.initialise(net, torch.Generator().manual_seed(0))
    pictures, logits = net(torch.randn(6, 3 * LATENT, generator=torch.Generator().manual_seed(1)))
    assert pictures.shape == (6, 1, 64, 64)
    assert logits.shape == (6, 3)
    logits.square().sum().backward()
    reached = [layer.weight.grad is not None for layer in net.convolutions]
    assert reached == {"first": [True, False, False], "last": [True, True, True]}[depth]
    assert net.enter.weight.grad.abs().sum() > 0


def test_held_out_subjects_are_whole_and_never_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    view, _ = world()
    held = split(view, 4)
    names, others = (set(view.subjects[rows].tolist()) for rows in (held, ~held))
    assert len(names) == round(0.1 * PEOPLE)
    assert not names & others
    trained_on: list[np.ndarray] = []
    real = training.SlotTrainer

    def spy(known: np.ndarray, samples: np.ndarray, *rest: Any) -> Any:
        trained_on.append(samples)
        return real(known, samples, *rest)

    monkeypatch.setattr(training, "SlotTrainer", spy)
    fields = training.SlotRecipe.__dataclass_fields__
    recipe = training.SlotRecipe(**{name: getattr(Gan(**TINY), name) for name in fields})
    training.train(np.stack([view.embeddings]), view, recipe, 4, "named")
    np.testing.assert_array_equal(trained_on[0], view.samples[~held])


def test_validation_asks_the_target_where_it_may_and_looks_at_pixels_where_not() -> None:
    view, _ = world()
    held = split(view, 4)
    truth = view.samples[held]
    assert asks(view, held)
    assert missed(view, held, truth, True) == pytest.approx(0, abs=0.05)
    assert view.query.used == len(truth)
    wrong = np.roll(truth, 7, axis=2)
    gap = embed(wrong) - view.embeddings[held]
    apart = np.linalg.norm(gap, axis=1).mean()
    assert missed(view, held, wrong, True) == pytest.approx(apart, rel=1e-5)
    for silent in (replace(view, query=None), replace(view, query=Query(embed, 3))):
        assert not asks(silent, held)
        assert missed(silent, held, truth, False) == 0
        gap = np.abs(wrong.astype(float) - truth)
        assert missed(silent, held, wrong, False) == pytest.approx(gap.mean(), rel=1e-5)


def test_no_step_at_all_and_no_query_still_make_pictures() -> None:
    assert attack(steps=0).shape == (2 * READINGS, SIDE, SIDE)
    assert attack(query=None).shape == (2 * READINGS, SIDE, SIDE)
    assert attack(budget=7).shape == (2 * READINGS, SIDE, SIDE)


def test_the_budget_is_never_exceeded() -> None:
    view, _ = world(budget=12)
    Gan(**{**TINY, "steps": 10}).run(view, np.random.default_rng(0))
    assert view.query.used == 0  # ten looks would cost more: not one is begun


def test_colour_images_give_colour_pictures() -> None:
    for method in ("single", "srwal"):
        made = attack(incorporate=method, colour=True)
        assert (made.shape, made.dtype) == ((2 * READINGS, SIDE, SIDE, 3), np.uint8)
        assert made.reshape(-1, 3).std(axis=0).min() > 0


def test_pictures_of_64_pixels() -> None:
    view, _ = world()
    larger = np.kron(view.samples, np.ones((1, 2, 2), np.uint8))
    made = Gan(**TINY).run(replace(view, samples=larger, query=None), np.random.default_rng(0))
    assert made.shape == (2 * READINGS, 64, 64)


@pytest.mark.parametrize(("side", "made_side"), [(48, 32), (150, 128)])
def test_other_sides_give_the_power_of_two_below(side: int, made_side: int) -> None:
    view, _ = world()
    images = np.zeros((len(view.samples), side, side), np.uint8)
    images[:, : side // 2] = view.samples[:, :1, :1]
    made = Gan(**TINY).run(replace(view, samples=images, query=None), np.random.default_rng(0))
    assert made.shape == (2 * READINGS, made_side, made_side)


def test_an_answer_from_the_cache_costs_the_same() -> None:
    bills = []
    for _ in range(2):
        view, _ = world()
        Gan(**TINY).run(view, np.random.default_rng(0))
        bills.append(view.query.used)
    assert bills[0] == bills[1] > 0


def test_who_may_not_ask_gets_no_weights_that_were_chosen_by_asking(
    trainings: list[np.ndarray],
) -> None:
    attack()
    attack(query=None)
    assert len(trainings) == 2


def off(made: np.ndarray, truth: np.ndarray) -> float:
    """Mean absolute error of pixels."""
    return float(np.abs(made.astype(float) - truth).mean())


@pytest.mark.parametrize("method", ["single", "rand"])
def test_a_trained_gan_beats_the_mean_picture_on_people_it_never_saw(method: str) -> None:
    view, truth = world(victims=8)
    chosen = Gan(steps=80, batch=16, base=16, incorporate=method)  # type: ignore[arg-type]
    made = chosen.run(view, np.random.default_rng(0))
    mean = view.samples.mean(axis=0)
    assert off(made, truth) < 0.9 * off(mean, truth)
    assert off(made, truth) < 0.8 * off(np.roll(made, READINGS, axis=0), truth)


def test_the_ridge_recovers_a_linear_world() -> None:
    view, truth = world(victims=8)
    assert ImageRidge().unsupported(view) is None
    made = ImageRidge().run(view, np.random.default_rng(0))
    assert (made.shape, made.dtype) == (truth.shape, np.uint8)
    assert off(made, truth) < 1.5  # of 255; rounding and the penalty
    assert off(view.samples.mean(axis=0), truth) > 6


def test_the_ridge_may_leave_out_those_that_chose_for_it() -> None:
    """As many as a generator leaves out; both learn, and the remark says from how many."""
    view, truth = world(victims=8)
    for refit, count in ((True, len(view.samples)), (False, len(view.samples) - READINGS)):
        view.remarks.clear()
        made = ImageRidge(held=0.1, refit=refit).run(view, np.random.default_rng(0))
        assert view.remarks[0].endswith(f"fitted to {count} samples")
        assert off(made, truth) < 1.5


def test_the_ridge_on_protected_rows() -> None:
    for scheme, shared in SCHEMES.values():
        view, truth = world(scheme, shared, victims=8)
        made = ImageRidge().run(view, np.random.default_rng(0))
        assert off(made, truth) < 0.9 * off(view.samples.mean(axis=0), truth)
    with pytest.raises(InputError, match="held"):
        ImageRidge(held=1.0)


@pytest.mark.parametrize("asked", [True, False])
def test_the_ridge_chooses_what_errs_least_on_held_out_people(
    asked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, _ = world(Lsh(bits=64))
    view = view if asked else replace(view, query=None)
    chosen: list[tuple[float, float]] = []
    real = ImageRidge._choice

    def spy(self: ImageRidge, view: View, x: Any, y: Any, out: np.ndarray) -> tuple[float, float]:
        chosen.append(real(self, view, x, y, out))
        errors = {}
        for penalty in PENALTIES:
            centre, mean = x[~out].mean(axis=0), y[~out].mean(axis=0)
            a, b = (x[~out] - centre).astype(float), (y[~out] - mean).astype(float)
            ridge = penalty * np.square(a).sum() + 1e-6
            weights = np.linalg.solve(a.T @ a + ridge * np.eye(a.shape[1]), a.T @ b)
            for gain in GAINS:
                made = np.clip(mean + gain * (x[out] - centre) @ weights, 0, 255).round()
                made = made.reshape(-1, SIDE, SIDE).astype(np.uint8)
                gap = embed(made) - view.embeddings[out]
                if not asked:
                    gap = made.reshape(len(made), -1) - y[out]
                errors[penalty, gain] = np.linalg.norm(gap, axis=1).mean()
        assert errors[chosen[-1]] == pytest.approx(min(errors.values()), rel=1e-3)
        assert len(set(view.subjects[out].tolist())) == round(0.2 * PEOPLE)
        assert not set(view.subjects[out].tolist()) & set(view.subjects[~out].tolist())
        return chosen[-1]

    monkeypatch.setattr(ImageRidge, "_choice", spy)
    ImageRidge().run(view, np.random.default_rng(0))
    assert len(chosen) == 1


def test_where_noise_makes_predictions_pale_the_ridge_adds_contrast() -> None:
    """Pictures near the border of one bit: the target looks at directions, not at contrast."""
    view, _ = world()
    noisy = view.embeddings + np.random.default_rng(1).normal(size=view.embeddings.shape)

    def direction(pictures: np.ndarray) -> np.ndarray:
        """As most targets: unit length, so that a pale picture embeds like a strong one ..."""
        raw = embed(pictures) + 0.5  # ... but for what all pictures share
        return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)

    known = direction(view.samples)
    scheme = Raw().fit(noisy.astype(np.float32))
    last = Version("final", scheme, noisy.astype(np.float32), view.release)
    view = replace(view, versions=(last,), embeddings=known, query=Query(direction, 10_000))
    inputs_ = noisy / np.sqrt(np.square(noisy).mean())
    pixels = view.samples.reshape(len(view.samples), -1).astype(np.float32)
    out = view.subjects >= PEOPLE - 4
    _, gain = ImageRidge()._choice(view, inputs_.astype(np.float32), pixels, out)
    assert gain > 1


def test_a_ridge_without_enough_queries_compares_like_with_like() -> None:
    """A budget for a part of the candidates must not make those the better ones."""
    view, truth = world(Lsh(bits=64), victims=8)
    made = [
        ImageRidge().run(replace(view, query=query), np.random.default_rng(0))
        for query in (None, Query(embed, 25))
    ]
    assert off(made[1], truth) <= 1.05 * off(made[0], truth)


def test_a_classifiers_own_subjects_stay_in_training() -> None:
    """Its answers name the attacker's subjects: one never trained on would say nothing."""
    view, _ = world()
    rng = np.random.default_rng
    whole = held_out(view, 0.1, 0, rng(0))
    assert whole.any()
    assert not set(view.subjects[whole]) & set(view.subjects[~whole])
    single = held_out(replace(view, closed_set=True), 0.1, 0, rng(0))
    assert single.sum() == round(0.1 * len(single))
    assert set(view.subjects[single]) <= set(view.subjects[~single])
    assert not held_out(view, 0.001, 0, rng(0)).any()
    assert held_out(view, 0.001, 1, rng(0)).sum() == READINGS


def test_samples_that_are_no_images_are_a_reason() -> None:
    view, _ = world()
    for chosen in (Gan(), ImageRidge(), MorphGan()):
        assert unfit(chosen, view) is None
        assert "embeddings only" in (unfit(chosen, replace(view, samples=None)) or "")
        assert "'image', and these are 'sound'" in (
            unfit(chosen, replace(view, modality="sound")) or ""
        )


@pytest.mark.parametrize("knob", ["subjects", "closed_set"])
def test_who_holds_out_other_samples_trains_anew(knob: str, trainings: list[np.ndarray]) -> None:
    view, _ = world()
    other = {"subjects": np.roll(view.subjects, 2), "closed_set": True}[knob]
    for seen in (view, view, replace(view, **{knob: other})):
        Gan(**TINY).run(seen, np.random.default_rng(0))
    assert len(trainings) == 2
