"""The published protocols: who is in which part, and how many."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.protocols import _afm as afm
from fowh.protocols._afm import Split, fold, published_protocol, split
from fowh.targets.densenet import Densenet

HEADS = ("extractor", "classifier")


def irises(people: int, readings: int) -> Samples:
    """Left and right eye of each person in turn; of one pixel each."""
    subjects = np.repeat(np.arange(2 * people), readings)
    names = tuple(f"p{n // 2}-{n % 2}" for n in range(2 * people))
    images = np.zeros((len(subjects), 1, 1), dtype=np.uint8)
    return Samples(subjects, names, "0", images=images, left=np.tile([True, False], people))


def faces(sizes: list[int]) -> Samples:
    """Subjects with so many readings each."""
    subjects = np.repeat(np.arange(len(sizes)), sizes)
    images = np.zeros((len(subjects), 1, 1), dtype=np.uint8)
    return Samples(subjects, tuple(map(str, range(len(sizes)))), "0", images=images)


def lfw() -> Samples:
    """As unbalanced as the paper's 89 people, from 15 faces to more than 500."""
    sizes = np.maximum(15, 530 / np.arange(1, 90) ** 0.75).astype(int)
    return faces(sizes.tolist())


def target(head: str = "extractor", schedule: str = "upslope", seed: int = 0) -> Densenet:
    return Densenet(head=head, schedule=schedule, seed=seed)  # type: ignore[arg-type]


def parts(made: Split) -> dict[str, NDArray[Any]]:
    return {item.name: getattr(made, item.name) for item in fields(made)}


def same(one: Split, other: Split) -> bool:
    return all(np.array_equal(a, parts(other)[name]) for name, a in parts(one).items())


@pytest.mark.parametrize("head", HEADS)
def test_parts_of_irises_are_disjoint(head: str) -> None:
    samples = irises(30, 7)
    made = split(samples, "afm-iris", target(head))
    rows = np.concatenate(list(parts(made).values()))
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(samples)))  # each row once
    for part in parts(made).values():
        assert (np.diff(part) > 0).all()


def test_extractors_of_irises_are_attacked_with_the_other_eyes() -> None:
    samples = irises(30, 7)
    assert samples.left is not None
    left = samples.left[samples.subjects]
    made = split(samples, "afm-iris", target())
    assert left[made.private].all() and left[made.test].all()
    assert not left[made.pool].any() and not left[made.judging].any()
    assert not left[made.newcomer].any()
    private, test = samples.subjects[made.private], samples.subjects[made.test]
    assert len(np.unique(private)) == 30  # all left eyes are learned ...
    assert set(test) <= set(private)  # ... and tested on readings that were not


def test_classifiers_of_irises_know_the_eyes_that_they_are_attacked_with() -> None:
    samples = irises(30, 12)
    assert samples.left is not None
    left = samples.left[samples.subjects]
    made = split(samples, "afm-iris", target("classifier"))
    for part in (made.private, made.pool, made.test):
        assert left[part].all()
    assert set(samples.subjects[made.pool]) <= set(samples.subjects[made.private])
    assert not left[made.judging].any()


@pytest.mark.parametrize(
    ("head", "readings", "private", "pool", "test"),
    [
        # 356 left irises with 28 readings are 9968: fewer than the paper's, so in proportion
        ("extractor", 28, 8307, 2000, 1661),
        ("classifier", 28, 6344, 1812, 1812),
        # 12104 are as many as the paper's 10000 and 2000 for f_E, and more than 11000 for f_C
        ("extractor", 34, 10104, 2000, 2000),
        ("classifier", 34, 8104, 2000, 2000),
    ],
)
def test_sizes_of_the_irises(head: str, readings: int, private: int, pool: int, test: int) -> None:
    made = split(irises(356, readings), "afm-iris", target(head))
    assert (len(made.private), len(made.pool), len(made.test)) == (private, pool, test)
    assert len(made.newcomer) == readings


def test_the_pool_is_drawn_from_many_eyes() -> None:
    samples = irises(356, 28)
    made = split(samples, "afm-iris", target())
    # 2000 of 9940 readings of 355 eyes: 5.6 of each; an eye is missed once in 500 times
    assert len(np.unique(samples.subjects[made.pool])) > 345
    assert len(np.unique(samples.subjects[made.test])) > 345


def test_extractors_of_faces_have_subjects_of_their_own() -> None:
    samples = lfw()
    made = split(samples, "afm-face", target())
    people = {name: set(samples.subjects[part]) for name, part in parts(made).items()}
    for name in ("pool", "test", "judging", "newcomer"):
        assert not people["private"] & people[name]
    assert people["pool"] & people["test"]  # those two differ in readings only
    assert not set(made.pool) & set(made.test)
    rows = np.concatenate([made.private, made.pool, made.test, made.newcomer])
    np.testing.assert_array_equal(np.sort(rows), np.arange(len(samples)))


@pytest.mark.parametrize("seed", range(4))
def test_sizes_of_the_faces(seed: int) -> None:
    samples = faces([41] * 89)  # 3649, the paper has 3632
    made = split(samples, "afm-face", target(seed=seed))
    # whole subjects, and without the newcomer: 0.2963 of 3608 are 1069, that is 27 of 41
    assert len(made.private) == 27 * 41
    rest = 88 * 41 - 27 * 41
    assert len(made.pool) == round(rest * 1500 / 2556)
    assert len(made.test) == rest - len(made.pool)


def test_classifiers_of_faces_leave_out_some_of_everybody() -> None:
    samples = lfw()
    made = split(samples, "afm-face", target("classifier"))
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
    made = split(samples, "afm-face", target("classifier"))
    places = made.test % 40
    assert len(made.test) == 19 * 6
    assert 12 < places.mean() < 27  # 19.5 expected, standard deviation 1


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("published", "samples", "count"),
    [("afm-iris", irises(60, 12), 10), ("afm-face", faces([20] * 89), 5)],
)
def test_downslope_removes_subjects(
    head: str, published: str, samples: Samples, count: int
) -> None:
    full = split(samples, published, target(head))
    less = split(samples, published, target(head, "downslope"))
    people = np.unique(samples.subjects[full.private])
    gone = np.setdiff1d(people, samples.subjects[less.private])
    assert len(gone) == count
    touched = ("private", "pool", "test") if head == "classifier" else ("private",)
    for name, part in parts(full).items():
        lost = np.isin(samples.subjects[part], gone) if name in touched else np.zeros(len(part))
        np.testing.assert_array_equal(parts(less)[name], part[lost == 0])  # and nothing else


def test_downslope_of_few_subjects_leaves_three_quarters() -> None:
    samples = irises(8, 12)
    less = split(samples, "afm-iris", target("extractor", "downslope"))
    assert len(np.unique(samples.subjects[less.private])) == 6


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize(
    ("published", "samples"), [("afm-iris", irises(20, 9)), ("afm-face", faces([20] * 20))]
)
def test_the_targets_seed_fixes_the_split(published: str, samples: Samples, head: str) -> None:
    made = split(samples, published, target(head))
    assert same(made, split(samples, published, target(head)))
    for schedule in ("upslope", "update"):  # runs of both share what is private
        assert same(made, split(samples, published, target(head, schedule)))
    other = split(samples, published, target(head, seed=1))
    for name in ("private", "pool", "test", "newcomer"):
        assert not np.array_equal(parts(made)[name], parts(other)[name])


@pytest.mark.parametrize("published", ["afm-iris", "afm-face"])
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("schedule", ["upslope", "update", "downslope"])
def test_the_newcomer_is_in_no_other_part(published: str, head: str, schedule: str) -> None:
    samples = irises(20, 9) if published == "afm-iris" else faces([20] * 20)
    for seed in range(5):
        made = split(samples, published, target(head, schedule, seed))
        (newcomer,) = set(samples.subjects[made.newcomer])
        assert len(made.newcomer) == (samples.subjects == newcomer).sum()  # with all readings
        for name in ("private", "pool", "test", "judging"):
            assert newcomer not in samples.subjects[parts(made)[name]]


def test_the_runs_seed_draws_own_samples_and_nothing_else() -> None:
    made = split(irises(40, 10), "afm-iris", target())
    first, again, other = (fold(made, 50, seed) for seed in (0, 0, 1))
    assert len(first.own) == 50
    assert np.isin(first.own, made.pool).all()
    assert (np.diff(first.own) > 0).all()
    assert np.array_equal(first.own, again.own)
    assert not np.array_equal(first.own, other.own)
    for one in (first, other):
        assert one.gallery is not None and one.number == 0
        assert np.array_equal(one.development, made.private)
        assert np.array_equal(one.victims, made.test)
        assert np.array_equal(one.stolen, made.test)
        assert np.array_equal(one.gallery, made.test)
    assert np.array_equal(fold(made, 10**6, 0).own, made.pool)  # no more than there are


@pytest.mark.parametrize(
    ("published", "samples", "message"),
    [
        ("afm-iris", faces([10] * 20), "eyes unknown"),
        ("afm-iris", irises(3, 10), "6 subjects"),
        ("afm-face", faces([10] * 7), "7 subjects"),
        ("afm-iris", irises(4, 2), "use a larger dataset"),  # 8 left irises: one to test on
    ],
)
def test_small_datasets_are_refused(published: str, samples: Samples, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        split(samples, published, target())
    assert str(caught.value).startswith(f"protocol {published}: ")
    assert "\n" not in str(caught.value)


def test_what_a_record_says() -> None:
    said = published_protocol("afm-iris")
    assert said["name"] == "afm-iris"
    assert (said["folds"], said["max_own"], said["max_stolen"]) == (1, 2000, 2000)
    assert said["fmrs"] == [1e-2, 1e-3]
    assert said["controls"] == ["random", "mean", "medoid"]
    assert afm.REMOVED == {"afm-iris": 10, "afm-face": 5}
