import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import det_curve, roc_curve

from fowh.metrics import bootstrap, recognition
from fowh.metrics.intervals import Value, rate
from fowh.metrics.recognition import (
    det,
    only_decides,
    operating,
    operating_point,
    summary,
    threshold_at_fmr,
)

INF = math.inf
# Few distinct values, so that ties are the rule; a few continuous ones besides.
SCORES = st.lists(
    st.one_of(st.integers(-4, 4).map(float), st.floats(-5, 5, width=32)), min_size=1, max_size=40
).map(lambda values: np.array(values, dtype=np.float32))


def eer(mated, non_mated) -> float:
    """The EER of two sets of scores."""
    fmr, fnmr, _ = det(mated, non_mated)
    return float(recognition.eer(fmr, fnmr))


def fnmr_at_fmr(mated, non_mated, level) -> float:
    """The FNMR of two sets of scores where the FMR is at most ``level``."""
    fmr, fnmr, _ = det(mated, non_mated)
    return float(recognition.fnmr_at(fmr, fnmr, level))


def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def comparisons(subjects=20, readings=6, noise=0.5, seed=0):
    """All pairs of noisy readings of random subjects in 6 dimensions, scored by distance."""
    draw = np.random.default_rng(seed)
    label = np.repeat(np.arange(subjects), readings)
    point = draw.normal(size=(subjects, 6))[label] + noise * draw.normal(size=(len(label), 6))
    a, b = np.triu_indices(len(label), 1)
    scores = -np.linalg.norm(point[a] - point[b], axis=1).astype(np.float32)
    return scores, label[a] == label[b], label[a], label[b]


def test_det_by_hand():
    fmr, fnmr, thresholds = det(np.array([3.0, 2, 2]), np.array([1.0, 2, 0, 0]))
    assert thresholds[:-1].tolist() == [0, 1, 2, 3]
    assert thresholds[-1] == np.nextafter(3, INF)
    assert fmr.tolist() == [1, 0.5, 0.25, 0, 0]
    assert fnmr == pytest.approx([0, 0, 0, 2 / 3, 1])


def test_equal_scores_are_accepted_together():
    scores, mated = np.array([1.0, 1, 1, 0]), np.array([True, True, False, False])
    assert operating(scores, mated, 1.0) == (0.5, 0.0)
    assert operating(scores, mated, np.nextafter(1.0, 2)) == (0.0, 1.0)


def test_operating_needs_both_kinds():
    assert math.isnan(operating(np.ones(2), np.array([True, True]), 0.5)[0])
    assert math.isnan(operating(np.ones(2), np.array([False, False]), 0.5)[1])


def test_threshold_by_hand():
    scores = np.arange(1.0, 101)
    assert threshold_at_fmr(scores, 0.01) == 100
    assert threshold_at_fmr(scores, 0.29) == 72  # 0.29 * 100 is less than 29 in binary
    assert threshold_at_fmr(scores, 0.295) == 72
    assert threshold_at_fmr(scores, 0.009) == np.nextafter(100.0, INF)
    assert threshold_at_fmr(scores, 1.0) == 1
    assert threshold_at_fmr(np.array([0.0] * 995 + [1.0] * 5), 0.01) == 1
    assert threshold_at_fmr(np.array([0.0] * 95 + [1.0] * 5), 0.01) > 1  # conservative


def test_threshold_above_float32_scores_is_not_rounded_back():
    scores = np.array([0.1, 0.3], dtype=np.float32)
    assert not (scores >= threshold_at_fmr(scores, 0.01)).any()


def test_threshold_for_distances():
    distances = np.arange(1.0, 101)
    assert -threshold_at_fmr(-distances, 0.02) == 2


@given(SCORES, st.sampled_from([0.001, 0.01, 0.1, 0.3, 0.5, 1.0]))
def test_threshold_keeps_the_fmr_and_no_smaller_score_does(scores, fmr):
    threshold = threshold_at_fmr(scores, fmr)
    assert (scores >= threshold).mean() <= fmr
    smaller = scores[scores < threshold]
    assert all((scores >= other).mean() > fmr for other in smaller)
    assert threshold in scores or threshold == np.nextafter(scores.max(), np.float32(INF))


@given(SCORES, SCORES)
@settings(deadline=None)
def test_det_agrees_with_scikit_learn(mated, non_mated):
    labels = np.repeat([1, 0], [len(mated), len(non_mated)])
    scores = np.concatenate([mated, non_mated])
    fmr, fnmr, thresholds = det(mated, non_mated)
    fpr, tpr, ours = roc_curve(labels, scores, drop_intermediate=False)
    assert fmr[:-1] == pytest.approx(fpr[:0:-1])  # theirs descends from infinity
    assert fnmr[:-1] == pytest.approx(1 - tpr[:0:-1])
    assert thresholds[:-1] == pytest.approx(ours[:0:-1])
    if fmr[-2] < 1:  # their DET leaves out what the ROC has at its ends
        fpr, fnr, at = det_curve(labels, scores)
        mine = dict(zip(thresholds, zip(fmr, fnmr, strict=True), strict=True))
        for their_fpr, their_fnr, threshold in zip(fpr, fnr, at, strict=True):
            if np.isfinite(threshold):
                assert mine[threshold] == pytest.approx((their_fpr, their_fnr))


@given(SCORES, SCORES, st.sampled_from([0.001, 0.01, 0.05, 0.2, 0.5]))
@settings(deadline=None)
def test_fnmr_and_eer_agree_with_scikit_learn(mated, non_mated, level):
    labels = np.repeat([1, 0], [len(mated), len(non_mated)])
    fpr, tpr, _ = roc_curve(labels, np.concatenate([mated, non_mated]), drop_intermediate=False)
    assert fnmr_at_fmr(mated, non_mated, level) == pytest.approx(1 - tpr[fpr <= level].max())
    # Where the polygon of the ROC meets the falling diagonal, found by bisection on it.
    x = np.linspace(0, 1, len(fpr))
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        above = np.interp(middle, x, fpr) < 1 - np.interp(middle, x, tpr)
        low, high = (middle, high) if above else (low, middle)
    assert eer(mated, non_mated) == pytest.approx(np.interp(high, x, fpr), abs=1e-9)


@pytest.mark.parametrize("score", [0.0, 1.0, -INF])
def test_constant_scores_recognise_nobody(score):
    mated, non_mated = np.full(10, score), np.full(500, score)
    assert fnmr_at_fmr(mated, non_mated, 0.01) == 1
    assert eer(mated, non_mated) == 0.5
    assert not (mated >= threshold_at_fmr(non_mated, 0.01)).any()


def test_failed_comparisons_score_minus_infinity():
    mated = np.array([1.0, 1, 1, -INF])
    non_mated = np.full(200, -INF)
    threshold = threshold_at_fmr(non_mated, 0.01)
    assert np.isfinite(threshold)
    assert (mated >= threshold).tolist() == [True, True, True, False]
    assert fnmr_at_fmr(mated, non_mated, 0.01) == 0.25
    assert eer(mated, non_mated) == pytest.approx(0.2)  # from (0, 1/4) straight to (1, 0)


def test_plus_infinity_cannot_be_rejected_by_a_number():
    non_mated = np.array([0.0, INF])
    threshold = threshold_at_fmr(non_mated, 0.1)
    assert math.isnan(threshold)
    assert not (non_mated >= threshold).any()
    assert fnmr_at_fmr(np.array([INF]), non_mated, 0.1) == 1


@pytest.mark.parametrize("bad", [np.array([]), np.array([0.0, np.nan])])
def test_no_scores_and_nan_are_refused(bad):
    for measure in (lambda: det(bad, np.ones(1)), lambda: threshold_at_fmr(bad, 0.1)):
        with pytest.raises(ValueError, match="NaN"):
            measure()


def test_summary_states_the_exact_estimates():
    scores, mated, a, b = comparisons()
    found = summary(scores, mated, a, b, rng())
    assert list(found) == ["fnmr_at_fmr_1e-2", "fnmr_at_fmr_1e-3", "eer"]
    assert found["eer"].value == eer(scores[mated], scores[~mated])
    for name, level in (("fnmr_at_fmr_1e-2", 1e-2), ("fnmr_at_fmr_1e-3", 1e-3)):
        assert found[name].value == fnmr_at_fmr(scores[mated], scores[~mated], level)
    for value in found.values():
        assert value.n == mated.sum()
        assert 0 <= value.ci_low < value.value < value.ci_high <= 1


def test_summary_weighs_comparisons_as_if_subjects_were_drawn_again(monkeypatch):
    scores, mated, a, b = comparisons(subjects=8, readings=4)
    weights = np.array([[2, 0, 1, 3, 1, 0, 0, 1.0]])
    monkeypatch.setattr(recognition, "resamples", lambda *_: iter([weights]))
    monkeypatch.setattr(recognition, "interval", lambda value, drawn: (drawn[0], drawn[0]))
    nothing = Value(0.5, 1.0, 0.0, 1)  # spans nothing
    monkeypatch.setattr(recognition, "rate", lambda *_: nothing)
    found = summary(scores, mated, a, b, rng(), replicates=1)
    copies = np.where(a == b, weights[0][a], weights[0][a] * weights[0][b]).astype(int)
    again, kind = np.repeat(scores, copies), np.repeat(mated, copies)
    assert found["eer"].ci_low == pytest.approx(eer(again[kind], again[~kind]))
    assert found["fnmr_at_fmr_1e-2"].ci_low == pytest.approx(
        fnmr_at_fmr(again[kind], again[~kind], 1e-2)
    )


@pytest.mark.parametrize("failures", [0.0, 0.3])  # ties: a third of the mated comparisons fail
def test_thinned_scores_hardly_move_the_intervals(monkeypatch, failures):
    scores, mated, *subjects = comparisons(subjects=25, readings=6)
    fails = mated & (np.random.default_rng(0).random(len(mated)) < failures)
    data = (np.where(fails, -INF, scores), mated, *subjects)
    assert len(np.unique(data[0])) > 2 * bootstrap.LEVELS
    thinned = summary(*data, rng())
    monkeypatch.setattr(bootstrap, "LEVELS", 10**6)
    exact = summary(*data, rng())
    for name in exact:
        assert thinned[name].value == exact[name].value
        assert thinned[name].ci_low == pytest.approx(exact[name].ci_low, abs=0.002)
        assert thinned[name].ci_high == pytest.approx(exact[name].ci_high, abs=0.002)


def test_summary_does_not_depend_on_the_order_of_comparisons():
    data = comparisons(subjects=10, readings=4)
    order = np.random.default_rng(1).permutation(len(data[0]))
    assert summary(*data, rng()) == summary(*(column[order] for column in data), rng())


def test_summary_of_a_hash_that_recognises_nobody():
    _, mated, a, b = comparisons(subjects=8, readings=4)
    found = summary(np.zeros(len(mated)), mated, a, b, rng())
    everyone = rate(np.ones(mated.sum()), a[mated], rng())
    assert found["fnmr_at_fmr_1e-2"] == everyone
    assert found["eer"].value == 0.5


def test_summary_of_perfect_recognition_is_not_certain():
    _, mated, a, b = comparisons(subjects=8, readings=4)
    nobody = rate(np.zeros(mated.sum()), a[mated], rng())
    assert nobody.ci_high > 0.1
    for low in (0.0, -INF):
        found = summary(np.where(mated, 1.0, low), mated, a, b, rng())
        assert set(found.values()) == {nobody}


def test_one_error_more_moves_no_end_of_the_summary_down():
    _, mated, a, b = comparisons(subjects=8, readings=4)
    scores, before = np.where(mated, 1.0, 0.0), None
    for row in (None, *np.flatnonzero(mated)[:8]):
        if row is not None:
            scores[row] = 0.0  # as bad as a stranger
        now = summary(scores, mated, a, b, rng())["fnmr_at_fmr_1e-3"]
        if before is not None:
            assert now.ci_low >= before.ci_low - 1e-5
            assert now.ci_high >= before.ci_high - 1e-5
        before = now
    assert before.value == pytest.approx(8 / mated.sum())


def test_the_summary_is_never_surer_than_the_rate_at_its_threshold():
    scores, mated, a, b = comparisons(noise=0.8)
    found = summary(scores, mated, a, b, rng())["fnmr_at_fmr_1e-2"]
    fmr, _, thresholds = det(scores[mated], scores[~mated])
    limit = thresholds[np.argmax(fmr <= 0.01)]
    plain = rate(scores[mated] < limit, a[mated], rng())
    assert found.value == plain.value
    assert found.ci_low <= plain.ci_low < plain.ci_high <= found.ci_high


def test_a_scheme_that_answers_yes_or_no_has_one_operating_point():
    scores = np.array([1, 1, 0, -INF, 1, 0, 0, 0, 0])
    mated = np.arange(9) < 4
    a, b = np.array([0, 0, 1, 1, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 2, 0, 2, 0])
    fnmr, fmr = operating_point(scores, mated, a, b, rng())
    assert (fnmr.value, fnmr.n) == (0.5, 4)
    assert (fmr.value, fmr.n) == (0.2, 5)
    assert (fmr.value, fnmr.value) == pytest.approx(operating(scores, mated, 1.0))
    assert fnmr == rate(np.array([0, 0, 1, 1]), a[:4], rng())
    for whose in (a, b):  # luck of templates' people and of probes' people, both
        alone = rate(scores[4:] == 1, whose[4:], rng())
        assert 0 <= fmr.ci_low < alone.ci_low < alone.ci_high < fmr.ci_high <= 1
    one_kind = operating_point(scores[:4], mated[:4], a[:4], b[:4], rng())
    assert one_kind[1] == Value(None, None, None, 0)


def test_only_yes_and_no_is_a_decision():
    assert only_decides(np.array([0.0, 1, -INF]))
    assert only_decides(np.zeros(3, dtype=np.float32))
    assert only_decides(np.array([False, True]))
    assert not only_decides(np.array([0, 0.5, 1]))
    with pytest.raises(ValueError, match="to be a decision"):
        operating_point(np.array([0, 2.0]), np.ones(2, bool), np.zeros(2), np.zeros(2), rng())


def test_summary_without_one_kind_measures_nothing():
    scores, mated, a, b = comparisons(subjects=4, readings=3)
    found = summary(scores[~mated], mated[~mated], a[~mated], b[~mated], rng())
    assert all(value.value is None and value.n == 0 for value in found.values())


def test_summary_with_two_subjects_skips_resamples_without_non_mated_pairs():
    found = summary(*comparisons(subjects=2, readings=5, noise=2), rng())
    assert all(0 <= v.ci_low <= v.value <= v.ci_high <= 1 for v in found.values())


def test_recognition_intervals_cover_the_truth():
    scores, mated, *_ = comparisons(subjects=300, readings=3, seed=99)
    truth = eer(scores[mated], scores[~mated])
    covered = 0
    for seed in range(60):
        value = summary(*comparisons(subjects=40, readings=3, seed=seed), rng(), replicates=100)[
            "eer"
        ]
        covered += value.ci_low <= truth <= value.ci_high
    assert covered >= 57  # 94 %
