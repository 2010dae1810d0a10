"""The published protocols: who is in which part, and how many."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.protocol import Fold
from fowh.core.registry import load
from fowh.core.threat import Threat
from fowh.datasets.iris import Iris
from fowh.protocols._afm import Published, Split
from fowh.protocols.afm_face import AfmFace
from fowh.protocols.afm_iris import AfmIris
from fowh.targets._trainable import Schedule
from fowh.targets.densenet import Densenet

CLOSED = pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])


def typed(protocol: Any) -> str:
    """What a user writes for a protocol."""
    return str(protocol.paper).replace("-", "_")


def irises(people: int, readings: int) -> Samples:
    """Left and right eye of each person in turn; of one pixel each."""
    subjects = np.repeat(np.arange(2 * people), readings)
    names = tuple(f"p{n // 2}-{n % 2}" for n in range(2 * people))
    images = np.zeros((len(subjects), 1, 1), dtype=np.uint8)
    return Samples(subjects, names, "0", images, "image", {"left": np.tile([True, False], people)})


def faces(sizes: list[int]) -> Samples:
    """Subjects with so many readings each."""
    subjects = np.repeat(np.arange(len(sizes)), sizes)
    images = np.zeros((len(subjects), 1, 1), dtype=np.uint8)
    return Samples(subjects, tuple(map(str, range(len(sizes)))), "0", images, "image")


def lfw() -> Samples:
    """As unbalanced as the paper's 89 people, from 15 faces to more than 500."""
    sizes = np.maximum(15, 530 / np.arange(1, 90) ** 0.75).astype(int)
    return faces(sizes.tolist())


def split(
    protocol: Published,
    samples: Samples,
    closed: bool = False,
    schedule: Schedule = "upslope",
    seed: int = 0,
) -> Split:
    return protocol.split(samples, Densenet(schedule=schedule, seed=seed), closed)


def folds(
    protocol: Published, samples: Samples, closed: bool = False, own: int = 2000, seed: int = 0
) -> list[Fold]:
    return protocol.folds(samples, Densenet(), closed, Threat(samples=own), seed)


def parts(made: Split) -> dict[str, NDArray[Any]]:
    return {item.name: getattr(made, item.name) for item in fields(made)}


def same(one: Split, other: Split) -> bool:
    return all(np.array_equal(a, parts(other)[name]) for name, a in parts(one).items())


@CLOSED
def test_parts_of_irises_are_disjoint(closed: bool) -> None:
    samples = irises(30, 7)
    made = split(AfmIris(), samples, closed)
    rows = np.concatenate(list(parts(made).values()))
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(samples)))  # each row once
    for part in parts(made).values():
        assert (np.diff(part) > 0).all()


def test_extractors_of_irises_are_attacked_with_the_other_eyes() -> None:
    samples = irises(30, 7)
    left = samples.traits["left"][samples.subjects]
    made = split(AfmIris(), samples)
    assert left[made.private].all() and left[made.test].all()
    assert not left[made.pool].any() and not left[made.witness].any()
    assert not left[made.newcomer].any()
    private, test = samples.subjects[made.private], samples.subjects[made.test]
    assert len(np.unique(private)) == 30  # all left eyes are learned ...
    assert set(test) <= set(private)  # ... and tested on readings that were not


def test_classifiers_of_irises_know_the_eyes_that_they_are_attacked_with() -> None:
    samples = irises(30, 12)
    left = samples.traits["left"][samples.subjects]
    made = split(AfmIris(), samples, closed=True)
    for part in (made.private, made.pool, made.test):
        assert left[part].all()
    assert set(samples.subjects[made.pool]) <= set(samples.subjects[made.private])
    assert not left[made.witness].any()


@pytest.mark.parametrize(
    ("closed", "readings", "private", "pool", "test"),
    [
        # 356 left irises with 28 readings are 9968: fewer than the paper's, so in proportion
        (False, 28, 8307, 2000, 1661),
        (True, 28, 6344, 1812, 1812),
        # 12104 are as many as the paper's 10000 and 2000 for f_E, and more than 11000 for f_C
        (False, 34, 10104, 2000, 2000),
        (True, 34, 8104, 2000, 2000),
    ],
)
def test_sizes_of_the_irises(
    closed: bool, readings: int, private: int, pool: int, test: int
) -> None:
    made = split(AfmIris(), irises(356, readings), closed)
    assert (len(made.private), len(made.pool), len(made.test)) == (private, pool, test)
    assert len(made.newcomer) == readings


def test_the_pool_is_drawn_from_many_eyes() -> None:
    samples = irises(356, 28)
    made = split(AfmIris(), samples)
    # 2000 of 9940 readings of 355 eyes: 5.6 of each; an eye is missed once in 500 times
    assert len(np.unique(samples.subjects[made.pool])) > 345
    assert len(np.unique(samples.subjects[made.test])) > 345


def test_extractors_of_faces_have_subjects_of_their_own() -> None:
    samples = lfw()
    made = split(AfmFace(), samples)
    people = {name: set(samples.subjects[part]) for name, part in parts(made).items()}
    for name in ("pool", "test", "witness", "newcomer"):
        assert not people["private"] & people[name]
    assert not people["pool"] & people["test"]  # whoever is searched for is not the attacker's
    rows = np.concatenate([made.private, made.pool, made.test, made.newcomer])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(samples)))


@pytest.mark.parametrize("seed", range(4))
def test_sizes_of_the_faces(seed: int) -> None:
    samples = faces([41] * 89)  # 3649, the paper has 3632
    made = split(AfmFace(), samples, seed=seed)
    # whole subjects, and without the newcomer: 0.2963 of 3608 are 1069, that is 27 of 41
    assert len(made.private) == 27 * 41
    rest = 88 * 41 - 27 * 41
    # whole subjects again: 0.5869 of 2501 are 1468, that is 36 of 41
    assert len(made.pool) == 36 * 41
    assert len(made.test) == rest - len(made.pool)


def test_classifiers_of_faces_leave_out_some_of_everybody() -> None:
    samples = lfw()
    made = split(AfmFace(), samples, closed=True)
    sizes = np.bincount(samples.subjects)
    newcomer = samples.subjects[made.newcomer[0]]
    others = np.delete(np.arange(len(sizes)), newcomer)
    share = {
        name: np.bincount(samples.subjects[part], minlength=len(sizes))[others] / sizes[others]
        for name, part in parts(made).items()
    }
    assert (share["test"] >= 0.15).all()
    assert (share["test"] < 0.15 + 1 / sizes[others]).all()  # one face more at most
    assert (np.abs(share["pool"] - 1500 / 3632) < 1 / sizes[others]).all()
    assert (share["private"] > 0.3).all()
    rows = np.concatenate([made.private, made.pool, made.test, made.newcomer])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(samples)))


def test_readings_of_a_subject_are_drawn_and_not_the_first_ones() -> None:
    samples = faces([40] * 20)
    made = split(AfmFace(), samples, closed=True)
    places = made.test % 40
    assert len(made.test) == 19 * 6
    assert 12 < places.mean() < 27  # 19.5 expected, standard deviation 1


@CLOSED
@pytest.mark.parametrize(
    ("protocol", "samples", "count"),
    [(AfmIris(), irises(60, 12), 10), (AfmFace(), faces([20] * 89), 5)],
    ids=["iris", "face"],
)
def test_downslope_removes_subjects(
    closed: bool, protocol: Published, samples: Samples, count: int
) -> None:
    full = split(protocol, samples, closed)
    less = split(protocol, samples, closed, "downslope")
    people = np.unique(samples.subjects[full.private])
    gone = np.setdiff1d(people, samples.subjects[less.private])
    assert len(gone) == count == protocol.removed
    touched = ("private", "pool", "test") if closed else ("private",)
    for name, part in parts(full).items():
        lost = np.isin(samples.subjects[part], gone) if name in touched else np.zeros(len(part))
        np.testing.assert_array_equal(parts(less)[name], part[lost == 0])  # and nothing else


def test_downslope_of_few_subjects_leaves_three_quarters() -> None:
    samples = irises(8, 12)
    less = split(AfmIris(), samples, schedule="downslope")
    assert len(np.unique(samples.subjects[less.private])) == 6


BOTH = pytest.mark.parametrize(
    ("protocol", "samples"),
    [(AfmIris(), irises(20, 9)), (AfmFace(), faces([20] * 20))],
    ids=["iris", "face"],
)


@CLOSED
@BOTH
def test_the_targets_seed_fixes_the_split(
    protocol: Published, samples: Samples, closed: bool
) -> None:
    made = split(protocol, samples, closed)
    assert same(made, split(protocol, samples, closed))
    for schedule in ("upslope", "update"):  # runs of both share what is private
        assert same(made, split(protocol, samples, closed, schedule))
    other = split(protocol, samples, closed, seed=1)
    for name in ("private", "pool", "test", "newcomer"):
        assert not np.array_equal(parts(made)[name], parts(other)[name])


@BOTH
@CLOSED
@pytest.mark.parametrize("schedule", get_args(Schedule))
def test_the_newcomer_is_in_no_other_part(
    protocol: Published, samples: Samples, closed: bool, schedule: Schedule
) -> None:
    for seed in range(5):
        made = split(protocol, samples, closed, schedule, seed)
        (newcomer,) = set(samples.subjects[made.newcomer])
        assert len(made.newcomer) == (samples.subjects == newcomer).sum()  # with all readings
        for name in ("private", "pool", "test", "witness"):
            assert newcomer not in samples.subjects[parts(made)[name]]


@BOTH
@CLOSED
def test_the_target_learns_the_private_part_and_with_update_a_newcomer(
    protocol: Published, samples: Samples, closed: bool
) -> None:
    made = split(protocol, samples, closed)
    for schedule in get_args(Schedule):
        target = Densenet(schedule=schedule)
        lessons = protocol.lessons(samples, target, closed)
        assert lessons is not None
        rows, later = lessons
        if schedule == "downslope":
            assert set(rows) < set(made.private)
        else:
            np.testing.assert_array_equal(rows, made.private)
        joins = made.newcomer if schedule == "update" else made.newcomer[:0]
        np.testing.assert_array_equal(later, joins)


@BOTH
@CLOSED
def test_the_parts_of_the_one_fold(protocol: Published, samples: Samples, closed: bool) -> None:
    made = split(protocol, samples, closed)
    (one,) = folds(protocol, samples, closed, own=30)
    assert one.number == 0
    np.testing.assert_array_equal(one.development, made.private)
    np.testing.assert_array_equal(one.victims, made.test)
    np.testing.assert_array_equal(one.stolen, made.test)
    np.testing.assert_array_equal(one.gallery, made.test)
    assert len(one.attacker) == 30 and np.isin(one.attacker, made.pool).all()
    assert len(one.bystanders) == 0
    for part in (one.development, one.victims):
        assert not np.isin(one.attacker, part).any()
    assert not np.isin(one.development, one.victims).any()


@BOTH
@CLOSED
def test_the_witness_learns_from_what_is_nobody_s(
    protocol: Published, samples: Samples, closed: bool
) -> None:
    """Neither private, nor attacked, nor the attacker's, and not embedded for anything else."""
    made = split(protocol, samples, closed)
    (one,) = folds(protocol, samples, closed, own=30)
    np.testing.assert_array_equal(one.witness, np.setdiff1d(made.witness, one.attacker))
    assert len(one.witness) > 30
    for part in (one.attacker, one.development, one.victims, one.stolen, one.gallery):
        assert not np.isin(one.witness, part).any()
    assert not np.isin(one.witness, one.rows).any()


def test_a_closed_set_is_attacked_with_other_samples_of_its_own_subjects() -> None:
    samples = irises(30, 12)
    subjects = samples.subjects
    (known,) = folds(AfmIris(), samples, closed=True)
    (strangers,) = folds(AfmIris(), samples)
    assert set(subjects[known.attacker]) <= set(subjects[known.development])
    assert set(subjects[known.stolen]) <= set(subjects[known.development])
    assert not set(subjects[strangers.attacker]) & set(subjects[strangers.development])


def test_the_runs_seed_draws_own_samples_and_nothing_else() -> None:
    samples = irises(40, 10)
    pool = split(AfmIris(), samples).pool
    ((first,), (again,), (other,)) = (
        folds(AfmIris(), samples, own=50, seed=seed) for seed in (0, 0, 1)
    )
    assert len(first.attacker) == 50
    assert np.isin(first.attacker, pool).all()
    assert (np.diff(first.attacker) > 0).all()
    assert np.array_equal(first.attacker, again.attacker)
    assert not np.array_equal(first.attacker, other.attacker)
    for name in ("development", "victims", "stolen", "gallery"):
        assert np.array_equal(getattr(first, name), getattr(other, name))
    (all_of_them,) = folds(AfmIris(), samples, own=10**6)
    assert np.array_equal(all_of_them.attacker, pool)  # no more than there are


def test_more_than_the_protocol_attacks_are_drawn_alike_for_every_seed() -> None:
    samples = faces([60] * 80)
    made = split(AfmFace(), samples)
    assert len(made.test) < 2000  # nothing is drawn in the paper's own size
    larger = faces([60] * 160)
    first, other = (folds(AfmFace(), larger, seed=seed)[0] for seed in (0, 1))
    assert len(first.victims) > 2000 == len(first.stolen)
    assert np.isin(first.stolen, first.victims).all()
    np.testing.assert_array_equal(first.stolen, other.stolen)


@pytest.mark.parametrize(
    ("protocol", "samples", "message"),
    [
        (AfmIris(), faces([10] * 20), "eyes unknown"),
        (AfmIris(), irises(3, 10), "6 subjects"),
        (AfmFace(), faces([10] * 7), "7 subjects"),
        (AfmFace(), faces([10] * 9 + [2]), "the smallest with 2 readings"),
        (AfmIris(), irises(4, 2), "use a larger dataset"),  # 8 left irises: one to test on
    ],
)
def test_small_datasets_are_refused(protocol: Published, samples: Samples, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        split(protocol, samples)
    assert str(caught.value).startswith(f"protocol {typed(protocol)}: ")
    assert "\n" not in str(caught.value)


@BOTH
@pytest.mark.parametrize("ask", ["lessons", "folds"])
def test_a_target_that_comes_trained_is_refused(
    protocol: Published, samples: Samples, ask: str
) -> None:
    more = (Threat(), 0) if ask == "folds" else ()
    for given in (load("target", "dlib"), None):
        with pytest.raises(InputError, match="--target densenet") as caught:
            getattr(protocol, ask)(samples, given, False, *more)
        assert str(caught.value).startswith(f"protocol {typed(protocol)} trains the target itself")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("protocol", [AfmIris(), AfmFace()])
def test_vectors_are_refused(protocol: Published) -> None:
    vectors = load("dataset", "gaussian:subjects=20,readings=9,dim=4").load()
    with pytest.raises(InputError, match="of kind 'vector': name a dataset of images") as caught:
        protocol.lessons(vectors, Densenet(), False)
    assert "\n" not in str(caught.value)


def test_drawn_irises_fit_the_protocol_for_irises() -> None:
    samples = Iris(people=10, readings=6, side=16).load()
    (one,) = folds(AfmIris(), samples)
    assert len(one.stolen) == 10  # a sixth of 60 left irises


@pytest.mark.parametrize(("protocol", "name"), [(AfmIris(), "afm-iris"), (AfmFace(), "afm-face")])
def test_what_a_record_says(protocol: Published, name: str) -> None:
    said = protocol.numbers()
    assert protocol.paper == name
    assert (said["folds"], said["max_own"], said["max_stolen"]) == (1, 2000, 2000)
    assert said["controls"] == ["random", "mean", "medoid"]
