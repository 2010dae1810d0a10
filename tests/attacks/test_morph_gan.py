"""The image inverter on small pictures and a linear target."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks._morph import coarse
from attacks._morph.morphs import collect, shrink
from attacks._morph.nearer import corrected, descend
from attacks._morph.training import MorphRecipe, MorphTrainer, rebuilt
from attacks.morph_gan import MorphGan
from fowh.core.attack import black_box, unfit
from fowh.core.errors import InputError
from fowh.core.view import Query, View
from schemes.lsh import Lsh

TINY = {"queries": 120, "steps": 3, "batch": 8, "channels": 4}
WEIGHTS = np.random.default_rng(9).normal(size=(64 * 64, 16)) / 64


def embed(images):
    """A linear target on the pixels of 64 x 64 pictures."""
    return (images.reshape(len(images), -1) / 255 @ WEIGHTS).astype(np.float32)


def view(budget=1000, images=True, seed=0, **more):
    """Twelve subjects with five smooth pictures each; the first five rows were stolen."""
    rng = np.random.default_rng(seed)
    people = rng.normal(size=(12, 1, 4, 4)) + 0.3 * rng.normal(size=(12, 5, 4, 4))
    smooth = np.kron(people.reshape(60, 4, 4), np.ones((16, 16)))
    pictures = np.clip(128 + 40 * smooth, 0, 255).astype(np.uint8)
    embeddings = embed(pictures)
    scheme = Lsh(bits=256).fit(embeddings)
    stolen = scheme.release(embeddings[:5], np.arange(5, dtype=np.uint64), rng)
    given = {"samples": pictures, "query": Query(embed, budget)} if images else {}
    given["modality"] = "image"
    return View(scheme, stolen, embeddings, np.repeat(np.arange(12), 5), **given, **more)


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))


@pytest.mark.parametrize("condition", ["embedding", "template"])
def test_one_face_per_row(condition):
    seen = view()
    faces = MorphGan(**TINY, condition=condition).run(seen, np.random.default_rng(1))
    assert faces.shape == (5, 64, 64)
    assert faces.dtype == np.uint8
    assert faces.std() > 5
    assert seen.query.used == 120 + 2 * 5  # morphs, and a round of correction


def test_answer_from_the_cache_is_the_same_and_costs_the_same():
    first, second = view(), view()
    built = MorphGan(**TINY).render(first, first.embeddings, np.random.default_rng(1))
    second_again = MorphGan(**TINY).render(second, second.embeddings, np.random.default_rng(1))
    np.testing.assert_array_equal(built, second_again)
    assert first.query.used == second.query.used == 120 + 2 * 60
    MorphGan(**TINY).render(second, second.embeddings, np.random.default_rng(1))
    assert second.query.used == 120 + 4 * 60  # the inverter is paid for once


def test_correction_brings_faces_nearer_and_never_further():
    plain, corrected = view(), view()
    once = MorphGan(**TINY, corrections=0).render(plain, plain.embeddings, np.random.default_rng(1))
    more = MorphGan(**TINY, corrections=2).render(
        corrected, corrected.embeddings, np.random.default_rng(1)
    )
    off = [np.linalg.norm(embed(made) - plain.embeddings, axis=1) for made in (once, more)]
    assert (off[1] <= off[0] + 1e-4).all()
    assert off[1].mean() < off[0].mean()
    assert plain.query.used == 120


def test_a_short_budget_is_used_and_never_exceeded():
    for budget in (0, 50, 121):
        seen = view(budget=budget)
        faces = MorphGan(**TINY).render(seen, seen.embeddings, np.random.default_rng(1))
        assert faces.shape == (60, 64, 64)
        assert seen.query.used == min(budget, 120)


def test_training_is_deterministic_on_any_number_of_threads(tmp_path, monkeypatch):
    before, made = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path / str(threads)))
            seen = view()
            made.append(MorphGan(**TINY).render(seen, seen.embeddings, np.random.default_rng(1)))
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*made)


class Linear(torch.nn.Module):
    """The target as a white box."""

    def forward(self, images):
        return images.flatten(1).float() @ torch.from_numpy(WEIGHTS).float()


def off(faces, seen):
    """How far faces embed from the stolen embeddings, which the view does not hold."""
    return np.linalg.norm(embed(faces) - seen.embeddings[:5], axis=1)


def test_the_network_moves_faces_and_the_black_box_makes_no_use_of_it():
    made = []
    for module, descent in ((None, 16), (Linear(), 0), (Linear(), 16)):
        seen = view(module=module)
        made.append(MorphGan(**TINY, descent=descent).run(seen, np.random.default_rng(1)))
        assert seen.query.used == 120 + 2 * 5  # one inverter, whatever is granted
    np.testing.assert_array_equal(made[0], made[1])
    assert black_box(MorphGan(**TINY)) == MorphGan(**TINY, descent=0)
    assert black_box(MorphGan(**TINY, descent=0)) is None
    assert (made[2] != made[1]).any()


def test_a_descent_ends_nearer_and_none_leaves_faces_as_they_are():
    seen = view()
    inverter, wanted, own = rebuilt_of(seen), seen.embeddings[:5], shrink(seen.samples)
    first = np.repeat(own.mean(axis=0)[None].astype(np.uint8), 5, axis=0)
    same = descend(Linear(), inverter, first, wanted, own, 0)
    np.testing.assert_array_equal(same, first)
    nearer = off(descend(Linear(), inverter, first, wanted, own, 16), seen)
    assert (nearer < 0.8 * off(first, seen)).all()


def rebuilt_of(seen):
    """The inverter of a view."""
    return rebuilt(MorphGan(**TINY)._cached(seen, 7), "cpu")


def test_every_face_descends_alone():
    seen = view()
    inverter, wanted, own = rebuilt_of(seen), seen.embeddings[:5], shrink(seen.samples)
    first = corrected(seen, inverter, wanted, 0)
    whole = descend(Linear(), inverter, first, wanted, own, 4)
    alone = descend(Linear(), inverter, first[2:3], wanted[2:3], own, 4)
    assert np.abs(whole[2:3].astype(int) - alone).max() <= 1  # rounding of products


def test_a_descent_stays_among_likely_faces():
    """What moves is a sum of the attacker's eigenfaces: no pattern that none of his faces has."""
    seen = view()
    inverter, own = rebuilt_of(seen), shrink(seen.samples)
    grey = np.full((5, 64, 64), 128, np.uint8)  # far from the borders that clamp
    moved = descend(Linear(), inverter, grey, seen.embeddings[:5], own, 8).astype(float) - grey
    assert np.abs(moved).max() > 3
    axes = inverter.coarse.faces.numpy()
    rest = moved.reshape(5, -1) - moved.reshape(5, -1) @ axes.T @ axes
    assert np.abs(rest).max() < 1  # rounding to bytes


def test_pictures_of_given_embeddings_are_the_inverters_alone():
    """They are what a witness is measured by: nothing in them was made for the target."""
    made = []
    for module in (None, Linear()):
        seen = view(module=module)
        made.append(MorphGan(**TINY).render(seen, seen.embeddings, np.random.default_rng(1)))
    np.testing.assert_array_equal(*made)


def test_training_brings_faces_nearer_to_their_embedding():
    seen = view()
    pairs = collect(seen, 120, 0.7, torch.Generator().manual_seed(1))
    recipe = MorphRecipe(60, 16, 1e-3, 8, 0.1, 0.1, 2.0, 0.0)
    fit = coarse.fit(pairs, "cpu")
    features = coarse.surrogate(pairs, fit, "cpu")
    trainer = MorphTrainer(pairs, fit, recipe, features, torch.Generator().manual_seed(1), "cpu")
    losses = [trainer.step(step / 60)["perceptual"] for step in range(60)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:3])


def test_no_images_is_a_reason():
    assert "embeddings only" in unfit(MorphGan(), view(images=False))
    assert unfit(MorphGan(), view()) is None


def test_bad_parameters_are_input_errors():
    with pytest.raises(InputError, match="queries"):
        MorphGan(queries=-1)
    with pytest.raises(InputError, match="descent=-1"):
        MorphGan(descent=-1)
    with pytest.raises(InputError, match="condition"):
        MorphGan(condition="both")


@pytest.mark.slow
def test_faces_of_unseen_people_are_recognised():
    """Black box, ORL and dlib: the true embedding's face, and the same for somebody else's."""
    from fowh.core.threat import Threat
    from fowh.datasets.orl import Orl
    from fowh.protocols.standard import Standard
    from fowh.targets.dlib import Dlib

    samples, target = Orl().load(), Dlib()
    prepared = target.prepare(samples.values).samples
    embeddings = target.embed(prepared)
    fold = Standard().folds(samples, target, False, Threat(), 0)[0]
    own, known, truth = fold.attacker, embeddings[fold.attacker], embeddings[fold.stolen]
    scheme = Lsh().fit(embeddings[fold.development])
    keys = np.arange(len(truth), dtype=np.uint64)
    stolen = scheme.release(truth, keys, np.random.default_rng(0))
    query = Query(target.embed, 2000)
    seen = View(scheme, stolen, known, samples.subjects[own], prepared[own], query)
    inverter = MorphGan(queries=1500, steps=60, corrections=0)
    faces = target.embed(inverter.render(seen, truth, np.random.default_rng(1)))
    distance = np.linalg.norm(faces[:, None] - embeddings, axis=2)
    distance[np.arange(len(truth)), fold.stolen] = np.inf  # never the stolen reading itself
    nearest = samples.subjects[distance.argmin(axis=1)]
    owner = samples.subjects[fold.stolen]
    assert (nearest == owner).mean() > 0.55
    assert (nearest == np.roll(owner, 10)).mean() < 0.15


def test_a_kernel_is_as_wide_as_own_points_usually_are_apart_and_never_rounding_wide() -> None:
    points = torch.eye(40)
    assert float(coarse.usual_distance(points, 30)) == pytest.approx(2**0.5, abs=1e-3)
    labels = torch.eye(4)[[0] * 36 + [1, 2, 3, 3]]  # most coincide, as labels without scores do
    assert 0.1 < float(coarse.usual_distance(labels, 36)) < 2**0.5
    assert float(coarse.usual_distance(torch.full((40, 8), 0.3), 30)) == 1
