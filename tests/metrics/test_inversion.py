import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from fowh.metrics import METRICS, inversion
from fowh.metrics.inversion import Outcome, Thresholds, compare, successes, summarise, worst

NAN = np.nan
OUTCOME = Outcome(
    subject=np.array([0, 0, 1]),
    fold=np.zeros(3, dtype=int),
    rank1=np.array([True, False, False]),
    distance=np.array([0.5, 1.0, 2.0]),
    other_distance=np.array([[0.4, 0.9], [1.1, NAN], [NAN, NAN]]),
    accept_score=np.array([0.9, 0.8, -np.inf]),
    renewed_score=np.array([0.8, 0.1, NAN]),
    purity=np.array([0.9, 0.5, -0.1]),
    purity_centred=np.array([0.8, 0.1, -0.2]),
)
THRESHOLDS = Thresholds(
    t_embedding={"1e-2": np.full(3, 1.0), "1e-3": np.array([0.5, 0.5, 2.5])},
    t_protected={"1e-2": np.full(3, 0.8), "1e-3": np.array([0.95, 0.7, NAN])},
)


def world(n=60, subjects=12, d=16, seed=0):
    draw = np.random.default_rng(seed)
    labels = draw.integers(subjects, size=n)
    gallery = (draw.normal(size=(subjects, d))[labels] + 0.5 * draw.normal(size=(n, d))).astype(
        np.float32
    )
    stolen = draw.choice(n, size=n // 2, replace=False)
    guess = (gallery[stolen] + draw.normal(size=(n // 2, d))).astype(np.float32)
    return guess, gallery, labels, stolen, gallery.mean(axis=0)


def test_successes_by_hand():
    found = successes(OUTCOME, THRESHOLDS)
    expected = {
        "rank1": [1, 0, 0],
        "type1_at_fmr_1e-2": [1, 1, 0],  # a distance equal to the threshold is accepted
        "type1_at_fmr_1e-3": [1, 0, 1],
        "type2_at_fmr_1e-2": [1, 0, NAN],
        "type2_at_fmr_1e-3": [0.5, 0, NAN],
        "accept_at_fmr_1e-2": [1, 1, 0],
        "accept_at_fmr_1e-3": [0, 1, NAN],  # no threshold was found for the last fold
        "accept_renewed_at_fmr_1e-2": [1, 0, NAN],
        "accept_renewed_at_fmr_1e-3": [0, 0, NAN],
        "purity": [0.9, 0.5, -0.1],
        "purity_centred": [0.8, 0.1, -0.2],
    }
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_successes_leave_the_outcome_alone():
    before = {f.name: getattr(OUTCOME, f.name).copy() for f in dataclasses.fields(OUTCOME)}
    for values in successes(OUTCOME, THRESHOLDS).values():
        values[:] = 7
    for name, values in before.items():
        np.testing.assert_array_equal(getattr(OUTCOME, name), values)


def test_a_probe_that_the_scheme_cannot_score_is_a_failure():
    failed = dataclasses.replace(
        OUTCOME,
        distance=np.array([np.inf, 1.0, np.inf]),
        accept_score=np.full(3, NAN),
        renewed_score=np.full(3, NAN),
    )
    found = successes(failed, THRESHOLDS)
    np.testing.assert_array_equal(found["accept_at_fmr_1e-2"], [0, NAN, 0])
    np.testing.assert_array_equal(found["accept_renewed_at_fmr_1e-2"], [0, NAN, NAN])


def test_summarise_names_every_metric_of_the_table():
    found = summarise(successes(OUTCOME, THRESHOLDS), OUTCOME.subject, np.random.default_rng(0))
    assert set(found) <= {metric.name for metric in METRICS}
    assert found["rank1"].value == pytest.approx(1 / 3)
    assert found["rank1"].n == 3
    assert found["type2_at_fmr_1e-3"].value == 0.25
    assert found["type2_at_fmr_1e-3"].n == 2
    # One subject only: no spread between subjects was seen, so the interval is nearly everything.
    assert found["type2_at_fmr_1e-3"].ci_high - found["type2_at_fmr_1e-3"].ci_low > 0.9
    assert found["purity"].value == pytest.approx(1.3 / 3)


def test_one_metric_more_changes_no_other():
    every = successes(OUTCOME, THRESHOLDS)
    few = {name: every[name] for name in ("purity", "rank1")}
    all_of_them = summarise(every, OUTCOME.subject, np.random.default_rng(0))
    for name, value in summarise(few, OUTCOME.subject, np.random.default_rng(0)).items():
        assert value == all_of_them[name]


def test_worst_case_is_per_template():
    one = {"rank1": np.array([1.0, 0, NAN, NAN]), "purity": np.array([0.1, -0.5, 0.2, 0])}
    two = {"rank1": np.array([0.0, 1, NAN, 1]), "ssim": np.array([0.3, 0.2, 0.1, 0])}
    found = worst([one, two])
    np.testing.assert_array_equal(found["rank1"], [1, 1, NAN, 1])
    np.testing.assert_array_equal(found["purity"], one["purity"])
    np.testing.assert_array_equal(found["ssim"], two["ssim"])


@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 64, 2**19]))
@settings(max_examples=15, deadline=None)
def test_observe_agrees_with_scipy(seed, block):
    guess, gallery, labels, stolen, mean = world(seed=seed)
    saved, inversion._BLOCK = inversion._BLOCK, block  # small tiles must not change anything
    try:
        found = compare(guess, gallery, labels, stolen, mean)
    finally:
        inversion._BLOCK = saved
    distances = cdist(guess.astype(float), gallery.astype(float))
    rows = np.arange(len(stolen))
    assert found.distance == pytest.approx(distances[rows, stolen], rel=1e-12)
    for row in rows:
        others = np.flatnonzero((labels == labels[stolen[row]]) & (np.arange(60) != stolen[row]))
        measured = found.other_distance[row][~np.isnan(found.other_distance[row])]
        assert measured == pytest.approx(distances[row, others], rel=1e-12)
    distances[rows, stolen] = np.inf
    np.testing.assert_array_equal(found.rank1, labels[distances.argmin(1)] == labels[stolen])
    cosine = 1 - cdist(guess.astype(float), gallery.astype(float), "cosine")[rows, stolen]
    centred = 1 - cdist(guess - mean.astype(float), gallery - mean.astype(float), "cosine")
    assert found.purity == pytest.approx(cosine)
    assert found.purity_centred == pytest.approx(centred[rows, stolen])


def test_the_truth_has_distance_zero_far_from_the_origin():
    draw = np.random.default_rng(0)
    gallery = (1000 + draw.normal(size=(40, 64))).astype(np.float32)
    labels, stolen = np.repeat(np.arange(20), 2), np.arange(40)
    found = compare(gallery.copy(), gallery, labels, stolen, gallery.mean(axis=0))
    np.testing.assert_array_equal(found.distance, 0)
    assert found.purity_centred == pytest.approx(np.ones(40))
    distances = cdist(gallery.astype(float), gallery.astype(float))
    np.fill_diagonal(distances, np.inf)  # the stolen reading itself never counts
    np.testing.assert_array_equal(found.rank1, labels[distances.argmin(1)] == labels)


def test_handing_back_an_own_sample_is_no_identification():
    _, gallery, labels, stolen, mean = world()
    stranger = np.array([np.flatnonzero(labels != labels[row])[0] for row in stolen])
    assert not compare(gallery[stranger], gallery, labels, stolen, mean).rank1.any()


def test_of_equally_near_readings_the_first_counts():
    gallery = np.array([[5, 0], [1, 0], [1, 0], [9, 9]], dtype=np.float32)
    guess, stolen, mean = np.array([[0.9, 0.0]], np.float32), np.array([0]), np.zeros(2)
    for labels, expected in (([7, 7, 3, 3], True), ([7, 3, 7, 3], False)):
        assert compare(guess, gallery, np.array(labels), stolen, mean).rank1[0] == expected


def test_ties_are_not_broken_by_rounding():
    draw = np.random.default_rng(5)
    guess = draw.integers(2**40, size=(50, 33)).astype(float)  # squares need more than 53 bits
    step = draw.integers(1, 64, size=(50, 33)).astype(float)
    far = np.full((1, 33), -1e13)
    for first, second in ((step, -step), (-step, step)):  # at exactly the same distance
        gallery = np.concatenate([guess + first, guess + second, far])
        labels = np.repeat([0, 1, 0], [50, 50, 1])
        found = compare(guess, gallery, labels, np.full(50, 100), np.full(33, 1 / 3))
        assert found.rank1.all()


def test_ties_hold_across_tiles_and_odd_widths(monkeypatch):
    draw = np.random.default_rng(5)
    half = draw.normal(size=(37, 33)).astype(np.float32)
    gallery = np.concatenate([half, half])  # every reading twice, the copy under another label
    labels = np.concatenate([np.zeros(37, int), np.ones(37, int)])
    guess = draw.normal(size=(37, 33)).astype(np.float32)
    stolen = np.full(37, 74)
    gallery = np.concatenate([gallery, np.full((1, 33), 50, np.float32)])
    for label, expected in ((0, True), (1, False)):
        for block in (64, 400, 2**19):
            monkeypatch.setattr(inversion, "_BLOCK", block)
            found = compare(guess, gallery, np.append(labels, label), stolen, np.zeros(33))
            assert (found.rank1 == expected).all()


def test_garbage_fails_and_is_counted():
    gallery = np.eye(4, dtype=np.float32)
    labels, stolen = np.array([0, 0, 1, 1]), np.arange(4)
    guess = np.array([[NAN, 0, 0, 0], [np.inf, 0, 0, 0], [0, 0, 0, 0], [1e200, 0, 0, 0]])
    with np.errstate(all="raise"):
        found = compare(guess, gallery, labels, stolen, np.zeros(4))
    failed = [0, 1, 3]
    np.testing.assert_array_equal(found.distance[failed], np.inf)
    np.testing.assert_array_equal(found.other_distance[failed], np.inf)
    assert not found.rank1[failed].any()
    np.testing.assert_array_equal(found.purity, 0)
    assert (found.distance[2], found.other_distance[2, 0]) == (1, 1)


def test_a_reading_that_is_handed_in_is_not_found_by_itself():
    """Points on a line: 0, 2 and 9 of one, 5 and 7 of another."""
    gallery, labels = np.array([[0.0], [2], [9], [5], [7]]), np.array([1, 1, 1, 2, 2])
    stolen, besides = np.array([0, 0, 3]), np.array([1, 2, 4])
    found = compare(gallery[besides], gallery, labels, stolen, np.zeros(1), besides)
    # From 2 the nearest other one is 5, from 9 it is 7. The third has no further reading.
    np.testing.assert_array_equal(found.rank1, [0, 0, NAN])
    np.testing.assert_array_equal(found.distance, [2, 9, 2])
    np.testing.assert_array_equal(found.other_distance, [[NAN, 7], [7, NAN], [NAN, NAN]])
    near = np.array([[0.0], [2], [9], [6], [7]])
    again = compare(near[besides], near, labels, stolen, np.zeros(1), besides)
    np.testing.assert_array_equal(again.rank1, [0, 0, NAN])
    near[2] = 3
    again = compare(near[besides], near, labels, stolen, np.zeros(1), besides)
    np.testing.assert_array_equal(again.rank1, [1, 1, NAN])
    assert compare(near[besides], near, labels, stolen, np.zeros(1)).rank1.all()


def test_victim_with_a_single_reading_and_gallery_of_one():
    found = compare(np.ones((1, 3)), np.ones((1, 3)), np.array([5]), np.array([0]), np.zeros(3))
    assert found.other_distance.shape == (1, 0)
    assert not found.rank1[0]
    gallery = np.array([[0.0, 1], [1, 0], [1, 1]])
    found = compare(gallery[:1], gallery, np.array([0, 1, 1]), np.array([0]), np.zeros(2))
    assert not found.rank1[0]
    two = compare(gallery[:2], gallery, np.array([0, 1, 1]), np.array([0, 1]), np.zeros(2))
    np.testing.assert_array_equal(two.other_distance, [[NAN], [1]])


# At scale 1e20 rounding makes every reading a candidate for the nearest: the worst of a tile.
@pytest.mark.parametrize(("scale", "n", "g"), [(1, 2500, 6000), (1e20, 1024, 600)])
def test_memory_is_bounded(scale, n, g):
    draw = np.random.default_rng(0)
    gallery = draw.normal(size=(g, 128)).astype(np.float32)
    guess = scale * draw.normal(size=(n, 128))
    labels, stolen = np.arange(g) // 4, draw.integers(g, size=n)
    tracemalloc.start()
    compare(guess, gallery, labels, stolen, gallery.mean(axis=0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * 2**20  # the whole distance matrix of the first case would be 114 MiB


@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 2**19]))
@settings(max_examples=15, deadline=None)
def test_rank1_of_each_guess_is_rank1_guess_by_guess(seed, block):
    """Guesses near and far, readings of the gallery themselves, and what is no number."""
    near, gallery, labels, stolen, mean = world(seed=seed)
    guesses = np.concatenate([near[:6], gallery[stolen[:6]], gallery[:4], np.full((1, 16), NAN)])
    saved, inversion._BLOCK = inversion._BLOCK, block
    try:
        found = inversion.rank1_of_each(guesses, gallery, labels, stolen)
    finally:
        inversion._BLOCK = saved
    assert found.shape == (len(stolen), len(guesses)) and found.dtype == bool
    for column, guess in enumerate(guesses):
        same = np.broadcast_to(guess, (len(stolen), 16))
        expected = compare(same, gallery, labels, stolen, mean).rank1
        np.testing.assert_array_equal(found[:, column], expected)


def test_rank1_of_each_in_a_gallery_of_one_hits_nobody():
    found = inversion.rank1_of_each(np.ones((3, 2)), np.ones((1, 2)), np.array([5]), np.array([0]))
    np.testing.assert_array_equal(found, [[False] * 3])


def test_the_turn_of_the_first_hit():
    hits = np.array([[0, 1, 1], [1, 0, 0], [0, 0, 0]], bool)
    np.testing.assert_array_equal(inversion.first(hits), [2, 1, np.inf])
    np.testing.assert_array_equal(inversion.first(hits[:, :0]), [np.inf] * 3)


def test_within_so_many_turns():
    turns = np.array([1, 2, 3, np.inf, NAN])
    np.testing.assert_array_equal(inversion.within(turns, 2), [1, 1, 0, 0, NAN])
    np.testing.assert_array_equal(inversion.within(turns, 10**9), [1, 1, 1, 0, NAN])


def test_turns_that_were_not_judged_are_neither_hit_nor_missed():
    hits = np.array([[False, True], [False, False]])
    turns = inversion.first(hits, 5)
    np.testing.assert_array_equal(turns, [2, -2])
    np.testing.assert_array_equal(inversion.first(hits, 2), [2, np.inf])
    np.testing.assert_array_equal(inversion.within(turns, 1), [0, 0])
    np.testing.assert_array_equal(inversion.within(turns, 2), [1, 0])
    np.testing.assert_array_equal(inversion.within(turns, 3), [NAN, NAN])  # not [1, nothing]
    uneven = np.append(turns, [-4, np.inf])
    np.testing.assert_array_equal(inversion.within(uneven, 2), [1, 0, 0, 0])
    np.testing.assert_array_equal(inversion.within(uneven, 4), [NAN] * 4)
