"""Comparisons of samples with each other: labelled, all of them or a seeded sample; and keys."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.core.release import Release
from fowh.kit.comparing import compare, compare_rows, compare_vectors, sample, subject_keys
from schemes.fuzzy_commitment import FuzzyCommitment
from schemes.iom import Iom
from schemes.raw import Raw


def population(people: int, readings: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    samples = load("dataset", f"gaussian:subjects={people},readings={readings},dim=8").load()
    return samples.values, samples.subjects


def test_key_policies() -> None:
    subjects = np.array([4, 4, 2, 2, 9])
    shared = subject_keys(subjects, "shared", stream(0, "k"))
    assert len(np.unique(shared)) == 1
    own = subject_keys(subjects, "subject", stream(0, "k"))
    assert own[0] == own[1]
    assert own[2] == own[3]
    assert len(np.unique(own)) == 3
    assert shared.dtype == own.dtype == np.uint64


def test_a_sample_of_rows_is_sorted_and_no_larger_than_asked() -> None:
    rows = np.arange(10, 60)
    assert sample(rows, 50, stream(0, "s")) is rows
    few = sample(rows, 7, stream(0, "s"))
    assert len(few) == 7 and (np.diff(few) > 0).all() and np.isin(few, rows).all()
    np.testing.assert_array_equal(few, sample(rows, 7, stream(0, "s")))


class Capped(Raw):
    cap = 10**9

    @property
    def comparison_cap(self) -> int:
        return self.cap


def test_comparisons_are_all_ordered_pairs_without_the_sample_itself() -> None:
    points, subjects = population(6, 3)
    raw = Raw().fit(points)
    templates = raw.enroll(points, np.zeros(18, np.uint64), stream(0, "e"))
    seen = compare(raw, templates, points, subjects, stream(0, "p"))
    assert len(seen.score) == 18 * 17
    assert seen.mated.sum() == 18 * 2
    np.testing.assert_array_equal(seen.mated, seen.subject_a == seen.subject_b)
    direct = -np.linalg.norm(points[:, None] - points[None], axis=2)
    expected = direct[~np.eye(18, dtype=bool)]
    np.testing.assert_allclose(np.sort(seen.score), np.sort(expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("cap", [64, 2000, 20000])
def test_beyond_the_cap_a_seeded_sample_is_compared(cap: int) -> None:
    points, subjects = population(100, 4)
    raw = Capped().fit(points)
    object.__setattr__(raw, "cap", cap)
    templates = raw.enroll(points, np.zeros(400, np.uint64), stream(0, "e"))
    seen = compare(raw, templates, points, subjects, stream(0, "p"))
    again = compare(raw, templates, points, subjects, stream(0, "p"))
    np.testing.assert_array_equal(seen.score, again.score)
    assert seen.mated.any()
    assert (~seen.mated).any()
    assert len(seen.score) <= 2 * cap


@pytest.mark.parametrize(("people", "readings"), [(300, 4), (3, 900), (1100, 1)])
def test_beyond_the_cap_a_probe_under_a_key_of_its_own_is_protected_once(
    people: int, readings: int
) -> None:
    subjects = np.repeat(np.arange(people), readings)
    asked: list[np.ndarray] = []

    def block(rows: np.ndarray, probes: np.ndarray) -> np.ndarray:
        asked.append(probes)
        return np.zeros((len(rows), len(probes)), dtype=np.float32)

    cap = 2**16
    seen = compare_rows(block, subjects, cap, stream(0, "p"), once=True)
    probes = np.concatenate(asked)
    assert len(np.unique(probes)) == len(probes)
    assert cap / 2 < len(seen.score) + len(probes) <= 2 * cap
    strangers = np.unique(seen.subject_b[~seen.mated])
    assert len(strangers) > 0.95 * people  # the cap may cut off the last
    if readings > 1:
        assert len(np.unique(seen.subject_a[seen.mated])) > 0.95 * people


def test_with_own_keys_no_block_asks_for_a_key_twice() -> None:
    """600 people: their projections were drawn anew for every block of every person."""
    points, subjects = population(600, 2)
    scheme = Iom(hashes=4, group=4).fit(points)
    keys = subject_keys(subjects, "subject", stream(0, "k"))
    templates = scheme.enroll(points, keys, stream(0, "e"))
    drawn: list[int] = []

    class Counted(Iom):
        def protect(self, embeddings: NDArray[np.float32], key: int) -> NDArray[np.uint8]:
            drawn.append(key)
            return super().protect(embeddings, key)

    own = Counted(hashes=4, group=4, public=scheme.public)
    compare(own, templates, points, subjects, stream(0, "p"), keys)
    assert len(drawn) == len(np.unique(keys)) == 600


def test_vectors_are_compared_as_the_unprotected_scheme_compares_them() -> None:
    points, subjects = population(7, 3)
    raw = Raw()
    templates = raw.enroll(points, np.zeros(21, np.uint64), stream(0, "e"))
    plain = compare_vectors(points, subjects, stream(0, "p"))
    enrolled = compare(raw, templates, points, subjects, stream(0, "p"))
    np.testing.assert_array_equal(plain.score, enrolled.score)
    np.testing.assert_array_equal(plain.mated, enrolled.mated)


def test_rows_know_whose_template_and_whose_probe_they_are() -> None:
    """The score here is 100 times the enrolled row plus the probe's."""
    subjects = np.array([5, 5, 3])
    seen = compare_rows(
        lambda rows, probes: (100.0 * rows[:, None] + probes).astype(np.float32),
        subjects,
        cap=9,
        rng=stream(0, "p"),
    )
    assert seen.score.tolist() == [1, 2, 100, 102, 200, 201]
    assert seen.subject_a.tolist() == [5, 5, 5, 5, 3, 3]
    assert seen.subject_b.tolist() == [5, 3, 5, 3, 5, 5]
    assert seen.mated.tolist() == [True, False, True, False, False, False]


def test_presenters_use_the_template_s_key_or_their_own() -> None:
    points, subjects = population(12, 2)
    scheme = Iom(hashes=60, group=8).fit(points)
    keys = subject_keys(subjects, "subject", stream(0, "k"))
    templates = scheme.enroll(points, keys, stream(0, "e"))
    stolen = compare(scheme, templates, points, subjects, stream(0, "p"))
    own = compare(scheme, templates, points, subjects, stream(0, "p"), keys)
    np.testing.assert_array_equal(own.score[own.mated], stolen.score[stolen.mated])
    # A stranger with a key of his own meets chance: each of 60 digits agrees 1 in 8 times. With
    # the stolen one the score follows how alike the two are, and spreads more.
    chance = np.sqrt(1 / 8 * 7 / 8 / 60)
    strangers, thieves = own.score[~own.mated], stolen.score[~stolen.mated]
    assert abs(strangers.mean() - 1 / 8) < 5 * chance / np.sqrt(len(strangers)) + 0.005
    assert strangers.std() == pytest.approx(chance, rel=0.15)
    assert thieves.std() > 1.5 * chance


def test_a_slow_verification_with_a_known_outcome_is_not_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Decoding is never asked, and the sample is not capped as for real decodings."""
    points, subjects = population(30, 3)
    scheme = FuzzyCommitment(length=127, message=29, repeat=1).fit(points)
    templates = scheme.enroll(points, np.zeros(90, np.uint64), stream(0, "e"))
    monkeypatch.setattr(FuzzyCommitment, "scores", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(FuzzyCommitment, "comparison_cap", 16)
    seen = compare(scheme, templates, points, subjects, stream(0, "p"))
    assert len(seen.score) == 90 * 89


def test_where_two_places_verify_no_template_meets_its_own_sample() -> None:
    """Each sees the templates of one half and the probes of the other, mated ones among them."""
    met: dict[int, set[tuple[int, int]]] = {0: set(), 1: set()}

    class Place:
        def __init__(self, number: int) -> None:
            self.number = number

        def scores(self, templates: Release, probes: np.ndarray, keys: object) -> np.ndarray:
            left, right = templates.code[:, 0], probes[:, 0]
            met[self.number] |= {(int(a), int(b)) for a in left for b in right}
            return 100 * left[:, None] + right

    class Two:
        verifiers = (Place(0), Place(1))
        comparison_cap = 10**6

    subjects = np.array([5, 5, 5, 5, 7, 7, 7, 9, 2])
    rows = np.arange(9, dtype=np.float32)[:, None]
    seen = compare(Two(), Release(rows), rows, subjects, np.random.default_rng(0))  # type: ignore[arg-type]
    for number in (0, 1):
        templates, probes = ({pair[k] for pair in met[number]} for k in (0, 1))
        assert not templates & probes
    pairs = {(int(score) // 100, int(score) % 100) for score in seen.score}
    assert pairs == met[0] | met[1] and len(pairs) == len(seen.score) == 40
    assert [bool(m) for m in seen.mated] == [
        subjects[int(s) // 100] == subjects[int(s) % 100] for s in seen.score
    ]
    mated = {pair for pair in pairs if subjects[pair[0]] == subjects[pair[1]]}
    assert len(mated) == 8 + 4  # of four readings 2 x 2 x 2, of three 2 x 1 x 2
