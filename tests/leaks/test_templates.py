"""A stolen database of templates: thresholds, keys, what recognition is left, what is got back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from fowh.core.capability import Shortcut
from fowh.core.errors import InputError
from fowh.core.leak import Observed, Setting, System
from fowh.core.protocol import Fold
from fowh.core.randomness import stream
from fowh.core.registry import attribute, load, names
from fowh.core.release import Floats, Keys, Release, known_token
from fowh.core.scheme import Scheme
from fowh.core.threat import Threat
from fowh.leaks.templates import Templates
from fowh.metrics import BY_NAME, FMRS
from fowh.metrics.inversion import first, within
from fowh.metrics.security import effective_dimension
from schemes.fuzzy_commitment import FuzzyCommitment
from schemes.iom import Iom
from schemes.lsh import Lsh
from schemes.raw import Raw

LEAK = Templates()


def rng(*stage: str) -> np.random.Generator:
    return stream(5, *stage)


def setting(scheme: Scheme, keys: Any = "subject", readings: int = 4) -> Setting:
    """Thirty subjects, six of them victims; one reading of each victim was stolen."""
    text = f"gaussian:subjects=30,readings={readings},dim=16,within=0.4"
    samples = load("dataset", text).load()
    rows = np.arange(len(samples))
    cut = 24 * readings
    fold = Fold(
        0,
        development=rows[:cut],
        attacker=rows[:cut:2],
        victims=rows[cut:],
        stolen=rows[cut::readings],
        gallery=rows[cut:],
        bystanders=rows[:0],
        witness=rows[:cut],
    )
    return Setting(scheme, samples.values, samples.subjects, fold, Threat(keys=keys), rng)


def observed(given: Setting) -> Observed:
    system = LEAK.deploy(given)
    utility = {scenario: [columns] for scenario, columns in system.utility().items()}
    return Observed(utility, [system.terms], [system.facts], given.scheme, rng)


# --- what it is -----------------------------------------------------------------------------


def test_what_it_names_is_there() -> None:
    assert not Templates.closed_set
    assert attribute("scheme", Templates.reference, "protects") == "templates"
    assert set(Templates.suite) <= set(names("attack"))
    line = Templates.headline
    assert {line.scenario, line.reference} <= set(Templates.scenarios)
    assert BY_NAME[line.utility].role == "utility"
    assert {BY_NAME[name].role for name in (*line.success, line.accepted)} == {"success"}


def test_the_target_s_own_values_leave() -> None:
    target = load("target", "dlib")
    assert LEAK.observed(target) is target
    values = np.ones((2, 3), np.float32)
    assert LEAK.deploy(setting(Raw())).says()(values) is values


@dataclass(frozen=True)
class Sealed(Scheme):
    """Says that it protects templates, and enrols none."""

    protects = "templates"

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(values)


def test_a_scheme_that_enrols_nothing_is_one_clear_line() -> None:
    with pytest.raises(InputError, match=r"Sealed enrols no templates.*fowh\.CodeScheme") as caught:
        LEAK.deploy(setting(Sealed()))
    assert "\n" not in str(caught.value)


# --- what is deployed -----------------------------------------------------------------------


def test_what_is_stolen_are_the_victims_templates_under_their_keys() -> None:
    given = setting(Lsh(bits=64))
    system = LEAK.deploy(given)
    stolen = given.values[given.fold.stolen]
    fitted = Lsh(bits=64).fit(given.values[given.fold.development])
    again = fitted.enroll(stolen, system.keys, np.random.default_rng(0))
    np.testing.assert_array_equal(system.release.code, again.code)
    np.testing.assert_array_equal(known_token(system.release), system.keys)
    assert len(set(system.keys.tolist())) == 6  # one for each subject
    shared = LEAK.deploy(setting(Lsh(bits=64), keys="shared"))
    assert len(set(shared.keys.tolist())) == 1


def test_all_readings_of_a_victim_share_his_key() -> None:
    system = LEAK.deploy(setting(Lsh(bits=64)))
    keys = system.their_keys.reshape(6, 4)
    assert (keys == keys[:, :1]).all()
    assert len(np.unique(keys)) == 6
    assert not set(system.fresh.tolist()) & set(system.their_keys.tolist())


def test_thresholds_come_from_development_people_alone() -> None:
    given = setting(Iom(hashes=40, group=8))
    values = given.values.copy()
    values[given.fold.victims] = np.random.default_rng(0).normal(size=(24, 16))
    one, other = LEAK.deploy(given), LEAK.deploy(replace(given, values=values))
    for name, limits in one.terms.items():
        assert len(limits) == 6 and len(set(limits.tolist())) == 1
        np.testing.assert_array_equal(limits, other.terms[name])
    assert set(one.terms) == {
        f"{kind}.{fmr}" for kind in ("t_embedding", "t_protected") for fmr in FMRS
    }


def test_a_threshold_keeps_its_rate_among_development_people() -> None:
    given = setting(Raw())
    system = LEAK.deploy(given)
    rows = given.fold.development
    points, whose = given.values[rows].astype(float), given.subjects[rows]
    apart = np.linalg.norm(points[:, None] - points, axis=2)[whose[:, None] != whose]
    assert system.facts["development_non_mated"] == len(apart)
    for fmr, rate in FMRS.items():
        limit = system.terms[f"t_embedding.{fmr}"][0]
        assert (apart <= limit - 1e-3).mean() <= rate
        assert (apart <= limit + 1e-2).mean() > 0.6 * rate
        # raw's score is minus the distance: both thresholds are one
        assert system.terms[f"t_protected.{fmr}"][0] == pytest.approx(-limit, abs=1e-3)


def test_pairs_of_people_above_a_threshold_are_counted_not_comparisons() -> None:
    """Of raw embeddings by hand: whoever has a comparison within the strict threshold."""
    given = setting(Raw())
    system = LEAK.deploy(given)
    rows = given.fold.development
    points, whose = given.values[rows].astype(float), given.subjects[rows]
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    fewest = []
    for fmr in FMRS:
        close = apart <= system.terms[f"t_embedding.{fmr}"][0] + 1e-6
        first, second = np.nonzero(close & (whose[:, None] != whose))
        pairs = {tuple(sorted(pair)) for pair in zip(whose[first], whose[second], strict=True)}
        assert len(pairs) < len(first)
        fewest.append(len(pairs))
    assert system.facts["pairs_above"] == min(fewest)


def test_subjects_are_counted_and_the_angle_is_the_threshold_s() -> None:
    given = setting(Raw())
    system = LEAK.deploy(given)
    points = given.values[given.fold.development].astype(float)
    means = points.reshape(24, 4, 16).mean(axis=1)
    assert system.facts["effective_dimension"] == pytest.approx(effective_dimension(means))
    assert system.facts["effective_dimension"] < 24 - 1e-9
    radius = np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=1).mean())
    # two points on a circle of that radius, as far apart as the threshold allows
    angle = system.facts["operating_angle"]
    ends = radius * np.array([[1, 0], [np.cos(angle), np.sin(angle)]])
    limit = system.terms["t_embedding.1e-3"][0]
    assert np.linalg.norm(ends[0] - ends[1]) == pytest.approx(limit, rel=1e-4)


def test_rows_that_the_fold_does_not_use_may_be_anything() -> None:
    given = setting(Raw())
    fold = replace(given.fold, development=given.fold.development[8:])
    fold = replace(fold, attacker=fold.development)
    unused = np.setdiff1d(np.arange(len(given.values)), fold.rows)
    assert len(unused) == 8
    values = given.values.copy()
    values[unused] = np.nan
    system = LEAK.deploy(replace(given, fold=fold, values=values))
    assert all(np.isfinite(limits).all() for limits in system.terms.values())
    assert np.isfinite(system.judge(values[fold.stolen])["accept_score"]).all()


# --- what it is good for --------------------------------------------------------------------


def test_every_victim_s_sample_is_compared_in_every_scenario() -> None:
    found = LEAK.deploy(setting(Lsh(bits=64))).utility()
    assert set(found) == {"unprotected", "own_key", "stolen_key", "renewed"}
    for columns in found.values():
        assert set(columns) == {"score", "mated", "subject_a", "subject_b"}
        assert len(columns["score"]) == 24 * 23
        assert columns["mated"].sum() == 24 * 3
    same = found["own_key"]["mated"]
    mated = (found[name]["score"][same] for name in ("own_key", "stolen_key"))
    np.testing.assert_array_equal(*mated)  # the victim presents his own key in both
    assert found["renewed"]["score"][same].mean() < found["stolen_key"]["score"][same].mean()


def test_with_one_key_for_all_there_is_no_other_key() -> None:
    found = LEAK.deploy(setting(Lsh(bits=64), keys="shared")).utility()
    assert set(found) == {"unprotected", "stolen_key", "renewed"}


def test_without_protection_every_scenario_is_the_same() -> None:
    said = LEAK.summary(observed(setting(Raw())))["utility"]
    assert set(said) == {"unprotected", "own_key", "stolen_key"}  # renewed is for unlinkability
    values = {
        name: metric["value"] for name, metric in said["unprotected"].items() if "fmr" in name
    }
    assert values
    for scenario in ("own_key", "stolen_key"):
        for name, value in values.items():
            assert said[scenario][name]["value"] == pytest.approx(value, abs=1e-9)


def test_the_summary_of_recognition() -> None:
    said = LEAK.summary(observed(setting(Lsh(bits=64))))
    assert set(said) == {"utility", "chance", "data", "properties", "cost"}
    for scenario in said["utility"].values():
        for metric in ("fnmr_at_fmr_1e-2", "fnmr_at_fmr_1e-3", "eer"):
            value = scenario[metric]
            assert 0 <= value["ci_low"] <= value["value"] <= value["ci_high"] <= 1
    attained = said["utility"]["stolen_key"]["measured_at_fmr_1e-2"]
    assert set(attained) == {"fmr", "fnmr"} and 0 <= attained["fmr"] < 0.1
    assert said["data"]["dimension"] == 16
    assert (said["data"]["gallery_readings"], said["data"]["gallery_subjects"]) == (24, 6)
    assert said["chance"] == {"rank1": pytest.approx(3 / 23)}  # three other readings of 23
    assert said["data"]["comparisons"]["renewed"] == {"mated": 72, "non_mated": 480}
    assert said["data"]["development_non_mated"] == 96 * 92
    assert set(said["properties"]["unlinkability"]) == {"d_sys", "m_linkability"}
    assert said["properties"]["security"]["effective_dimension"] > 5
    assert said["cost"]["bytes_per_template"] == 8


@dataclass(frozen=True)
class Decides(Lsh):
    """Answers yes from so many equal bits on, and no score beside it."""

    at: float = 0.7

    def agree(self, left: Any, right: Any) -> Floats:
        return (super().agree(left, right) >= self.at).astype(np.float32)

    def compare(self, left: Any, right: Any) -> Floats:
        return (super().compare(left, right) >= self.at).astype(np.float32)


@pytest.mark.parametrize(("at", "strict"), [(0.99, True), (0.6, False), (0.0, False)])
def test_a_yes_or_no_is_read_at_its_own_decision(at: float, strict: bool) -> None:
    """No FNMR at an FMR that it cannot be set to, and no EER, which nobody could measure."""
    seen = observed(setting(Decides(bits=64, at=at)))
    said = LEAK.summary(seen)["utility"]
    (pairs,) = seen.utility["stolen_key"]
    mated, passed = pairs["mated"], pairs["score"] == 1
    fnmr, fmr = float(1 - passed[mated].mean()), float(passed[~mated].mean())
    protected = {
        name: value["value"] for name, value in said["stolen_key"].items() if "value" in value
    }
    assert protected["fnmr"] == pytest.approx(fnmr) and protected["fmr"] == pytest.approx(fmr)
    assert "eer" not in protected and "eer" in said["unprotected"]
    if strict:
        assert fmr <= 0.01 and "decision_error" not in protected
        erred = protected["fnmr_at_fmr_1e-2"]
        assert erred == pytest.approx(fnmr)
    else:
        assert fmr > 0.01 and "fnmr_at_fmr_1e-2" not in protected
        erred = protected["decision_error"]
        assert erred == pytest.approx(fnmr + fmr - 0.01)
        low, high = (said["stolen_key"]["decision_error"][end] for end in ("ci_low", "ci_high"))
        assert 0 <= low <= erred <= high <= 1
    clear = said["unprotected"]["fnmr_at_fmr_1e-2"]["value"]
    assert protected["utility_loss"] == pytest.approx(erred - clear)


def test_templates_under_fresh_keys_are_linkable_only_without_protection() -> None:
    def linked(scheme: Scheme) -> float:
        said = LEAK.summary(observed(setting(scheme)))
        return float(said["properties"]["unlinkability"]["d_sys"]["value"])

    assert linked(Raw()) > 0.7
    assert linked(Lsh(bits=256)) < 0.5


# --- what counts as got back ----------------------------------------------------------------


def judged(given: Setting, made: Floats) -> dict[str, Any]:
    """Successes of each row of what an attack made."""
    system = LEAK.deploy(given)
    labels = {"subject": given.subjects[given.fold.stolen], "fold": np.zeros(len(made))}
    return dict(LEAK.successes(labels | system.judge(made), system.terms))


def test_the_truth_is_a_full_success() -> None:
    given = setting(Lsh(bits=64))
    found = judged(given, given.values[given.fold.stolen])
    assert set(found) == {
        *("rank1", "purity", "purity_centred"),
        *(
            f"{kind}_at_fmr_{fmr}"
            for kind in ("type1", "type2", "accept", "accept_renewed")
            for fmr in FMRS
        ),
    }
    for name in ("type1_at_fmr_1e-3", "accept_at_fmr_1e-3"):
        assert found[name].tolist() == [1] * 6
    np.testing.assert_allclose(found["purity"], 1, atol=1e-6)
    assert found["rank1"].mean() > 0.8


def test_the_mean_of_development_people_is_none() -> None:
    given = setting(Lsh(bits=64))
    mean = given.values[given.fold.development].mean(axis=0)
    found = judged(given, np.tile(mean, (6, 1)))
    np.testing.assert_allclose(found["purity_centred"], 0, atol=1e-3)
    assert found["accept_at_fmr_1e-3"].tolist() == [0] * 6
    assert found["rank1"].sum() <= 1
    assert (found["purity"] > 0.8).all()  # the common mean is long: see the metric's description


def test_garbage_has_failed_and_is_measured() -> None:
    given = setting(Raw())
    found = judged(given, np.full((6, 16), np.nan, np.float32))
    for name, values in found.items():
        assert values.tolist() == [0] * 6, name


def test_renewal_is_measured_with_another_reading_under_a_fresh_key() -> None:
    given = setting(Lsh(bits=64))
    system = LEAK.deploy(given)
    rows = np.searchsorted(given.fold.victims, given.fold.stolen)
    assert not (known_token(system.renewed) == system.keys).any()
    mates = given.values[given.fold.victims][rows + 1]
    again = system.scheme.enroll(mates, known_token(system.renewed), np.random.default_rng(0))
    np.testing.assert_array_equal(system.renewed.code, again.code)


def test_subjects_with_one_reading_have_nothing_to_renew() -> None:
    given = setting(Lsh(bits=64), readings=4)
    alone = given.fold.victims[::4]  # one reading of each victim is all there is
    fold = replace(given.fold, victims=alone, stolen=alone, gallery=alone)
    found = judged(replace(given, fold=fold), given.values[alone])
    assert np.isnan(found["accept_renewed_at_fmr_1e-2"]).all()
    assert np.isnan(found["type2_at_fmr_1e-2"]).all()
    assert found["accept_at_fmr_1e-2"].tolist() == [1] * 6


# --- many guesses ---------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", [Raw(), Lsh(bits=64), Iom(hashes=40, group=8)])
def test_all_guesses_at_once_are_judged_as_one_after_the_other(scheme: Scheme) -> None:
    """The quick way against the plain one, which judges guess by guess."""
    given = setting(scheme)
    system = LEAK.deploy(given)
    truth = given.values[given.fold.stolen]
    draw = np.random.default_rng(3)
    near = truth + draw.normal(0, 0.5, truth.shape)
    guesses = np.concatenate([draw.normal(size=(5, 16)), near, truth]).astype(np.float32)
    quick = system.tries(guesses, LEAK.successes)
    plain = System.tries(system, guesses, LEAK.successes)
    assert {"rank1", "type1_at_fmr_1e-3", "accept_at_fmr_1e-3"} <= set(quick) <= set(plain)
    for name, turns in quick.items():
        np.testing.assert_array_equal(turns, plain[name], err_msg=name)
    assert (quick["type1_at_fmr_1e-3"] <= 11 + np.arange(1, 7)).all()  # the truth at the latest
    assert np.isinf(system.tries(guesses[:0], LEAK.successes)["rank1"]).all()


def test_guesses_beyond_the_comparison_cap_are_unknown_and_not_failed() -> None:
    @dataclass(frozen=True)
    class Dear(Lsh):
        """So many comparisons at most."""

        cap: int = 12

        @property
        def comparison_cap(self) -> int:
            return self.cap

    given = setting(Dear(bits=64))  # two guesses against six templates
    system = LEAK.deploy(given)
    truth = given.values[given.fold.stolen]
    found = system.tries(truth, LEAK.successes)
    assert (found["type1_at_fmr_1e-3"] <= np.arange(1, 7)).all()  # costs no verification
    turns = found["accept_at_fmr_1e-3"]
    two = System.tries(system, truth[:2], LEAK.successes)["accept_at_fmr_1e-3"]
    assert turns[0] == 1 and 0 < np.isinf(two).sum() < 6
    np.testing.assert_array_equal(turns, np.where(np.isinf(two), -2, two))
    np.testing.assert_array_equal(within(turns, 2), np.isfinite(two))
    assert np.isnan(within(turns, 3)).all()
    few = system.tries(truth[:2], LEAK.successes)["accept_at_fmr_1e-3"]
    np.testing.assert_array_equal(few, two)  # there were no others
    poor = LEAK.deploy(replace(given, scheme=Dear(bits=64, cap=5)))
    assert not any(name.startswith("accept") for name in poor.tries(truth, LEAK.successes))


def test_a_closed_form_judges_all_guesses_as_verification_would() -> None:
    """A decoder too slow for so many of them, against itself guess by guess."""
    scheme = FuzzyCommitment(length=31, message=6)
    assert isinstance(scheme, Shortcut)
    given = setting(scheme)
    system = LEAK.deploy(given)
    truth = given.values[given.fold.stolen]
    draw = np.random.default_rng(5)
    far = draw.normal(size=(800, 16))
    guesses = np.concatenate([far, truth + draw.normal(0, 0.4, truth.shape)]).astype(np.float32)
    assert len(guesses) * len(truth) > scheme.comparison_cap
    turns = system.tries(guesses, LEAK.successes)["accept_at_fmr_1e-2"]
    limit = system.terms["t_protected.1e-2"][:, None]
    real = np.stack([system.scheme.score(system.release, np.tile(g, (6, 1))) for g in guesses], 1)
    np.testing.assert_array_equal(turns, first(real >= limit))
    assert np.isfinite(turns).any()


# --- older versions -------------------------------------------------------------------------


def test_under_older_values_the_same_rows_leave_with_the_same_keys() -> None:
    given = setting(Lsh(bits=64))
    system = LEAK.deploy(given)
    older = np.random.default_rng(1).normal(size=given.values.shape).astype(np.float32)
    fitted, left = system.under(older, "v1")
    again = Lsh(bits=64).fit(older[given.fold.development])
    expected = again.enroll(older[given.fold.stolen], system.keys, np.random.default_rng(0))
    np.testing.assert_array_equal(left.code, expected.code)
    np.testing.assert_array_equal(known_token(left), system.keys)
    assert list(fitted.public) == list(again.public)
    for name, values in again.public.items():
        np.testing.assert_array_equal(fitted.public[name], values)


# --- reasons for doubt ----------------------------------------------------------------------


def control(type1: float, **changes: Any) -> dict[str, Any]:
    row = {"yields": "embeddings", "blind": True, "derived": False}
    return row | {"metrics": {"type1_at_fmr_1e-2": {"value": type1}}} | changes


def doubts(pairs: int = 10, **controls: dict[str, Any]) -> dict[str, str]:
    record = {"controls": controls, "data": {"pairs_above": pairs}}
    return dict(LEAK.doubts(record))


def test_a_blind_guess_that_passes_is_a_doubt() -> None:
    assert doubts(mean=control(0.1), medoid=control(0.05)) == {}
    found = doubts(mean=control(0.63), medoid=control(0.05))
    assert set(found) == {"type1-is-cheap"} and "63 %" in found["type1-is-cheap"]


@pytest.mark.parametrize("change", [{"blind": False}, {"derived": True}, {"yields": "samples"}])
def test_only_blind_embeddings_make_type1_cheap(change: dict[str, Any]) -> None:
    assert doubts(unprotected=control(1.0, **change)) == {}
    assert doubts(mean=control(0.5) | {"metrics": {}}) == {}


@pytest.mark.parametrize(
    ("bits", "raised"), [(28, True), (40, True), (41, False), (76, False), (None, False)]
)
def test_a_secret_that_can_be_enumerated_is_a_doubt(bits: int | None, raised: bool) -> None:
    record = {"controls": {}, "data": {"pairs_above": 10, "guessable_bits": bits}}
    found = dict(LEAK.doubts(record))
    assert set(found) == ({"enumerable-secret"} if raised else set())
    if bits == 28:
        assert "brute_force:budget=268435456)" in found["enumerable-secret"]


def test_the_record_says_how_many_bits_can_be_guessed_whatever_the_false_matches() -> None:
    summary = LEAK.summary(observed(setting(FuzzyCommitment(length=31, message=6))))
    assert summary["data"]["guessable_bits"] == 6
    assert LEAK.summary(observed(setting(Lsh(bits=64))))["data"]["guessable_bits"] is None


def test_few_comparisons_are_a_doubt() -> None:
    assert doubts(pairs=10) == {}
    found = doubts(pairs=9)
    assert set(found) == {"few-comparisons"} and "9 pairs of people" in found["few-comparisons"]
