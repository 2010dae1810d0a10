"""A classifier's answers: what leaves, what they are good for, what counts as got back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import fowh
from fowh.core.leak import Observed, Setting
from fowh.core.randomness import stream
from fowh.core.registry import attribute, load, names
from fowh.core.release import Floats, Keys
from fowh.core.target import Prepared
from fowh.leaks.outputs import Answering, Outputs
from fowh.metrics import BY_NAME
from schemes.full_scores import FullScores
from schemes.round_scores import RoundScores
from schemes.top_label import TopLabel

LEAK = Outputs()


def rng(*stage: str) -> np.random.Generator:
    return stream(5, *stage)


# Rows: three for development, one of the attacker's, four of victims; three of those are stolen.
SUBJECTS = np.array([9, 4, 7, 4, 4, 7, 9, 9])
ANSWERS = np.array(
    [
        *([0.1, 0.1, 0.8], [0.9, 0.1, 0.0], [0.2, 0.7, 0.1]),
        [0.45, 0.35, 0.2],
        *([0.6, 0.3, 0.1], [0.1, 0.46, 0.44], [0.44, 0.12, 0.44], [0.04, 0.06, 0.9]),
    ],
    dtype=np.float32,
)
FOLD = fowh.Fold(
    0,
    development=np.array([0, 1, 2]),
    attacker=np.array([3]),
    victims=np.array([4, 5, 6, 7]),
    stolen=np.array([4, 5, 7]),
    gallery=np.array([4, 5, 6, 7]),
    bystanders=np.array([], dtype=np.intp),
    witness=np.array([], dtype=np.intp),
)


def deploy(scheme: fowh.Scheme) -> Answering:
    given = Setting(scheme, ANSWERS, SUBJECTS, FOLD, fowh.Threat(), rng)
    return LEAK.deploy(given)


# --- what it is -----------------------------------------------------------------------------


def test_what_it_names_is_there() -> None:
    assert Outputs.closed_set
    assert attribute("scheme", Outputs.reference, "protects") == "outputs"
    assert set(Outputs.suite) <= set(names("attack"))
    line = Outputs.headline
    assert {line.scenario, line.reference} <= set(Outputs.scenarios)
    assert BY_NAME[line.utility].role == "utility" and line.accepted == ""
    assert {BY_NAME[name].role for name in line.success} == {"success"}


@dataclass(frozen=True)
class Half(fowh.Target):
    """Says how bright the two halves of a picture are; its classifier says which is brighter."""

    modality = "image"
    answers: bool = False

    def prepare(self, samples: NDArray[Any]) -> Prepared:
        return Prepared(samples, np.ones(len(samples), dtype=np.bool_))

    def embed(self, samples: NDArray[Any], device: str = "cpu") -> Floats:
        middle = samples.shape[1] // 2
        halves = (samples[:, :middle].mean(axis=(1, 2)), samples[:, middle:].mean(axis=(1, 2)))
        made = np.stack(halves, axis=1).astype(np.float32)
        return made / made.sum(axis=1, keepdims=True) if self.answers else made

    def classifier(self) -> fowh.Target:
        return Half(answers=True)

    @property
    def sha256(self) -> str:
        return f"half {self.answers}"


def test_what_leaves_is_what_the_classifier_says() -> None:
    assert LEAK.observed(Half()) == Half(answers=True)


def test_a_target_that_names_nobody_is_one_clear_line() -> None:
    with pytest.raises(fowh.InputError, match="--target densenet --protocol afm_iris") as caught:
        LEAK.observed(load("target", "dlib"))
    assert str(caught.value).startswith("leak outputs: target dlib names nobody")
    assert "\n" not in str(caught.value)


@dataclass(frozen=True)
class Open(fowh.Scheme):
    """Says that it protects outputs, and limits none."""

    protects = "outputs"

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> fowh.Release:
        return fowh.Release(values)


def test_a_scheme_that_limits_nothing_is_one_clear_line() -> None:
    with pytest.raises(fowh.InputError, match=r"Open limits no answers.*OutputScheme") as caught:
        deploy(Open())
    assert "\n" not in str(caught.value)


# --- by hand --------------------------------------------------------------------------------


def test_what_is_stolen_are_the_victims_limited_answers() -> None:
    assert deploy(FullScores()).release.code.tolist() == ANSWERS[[4, 5, 7]].tolist()
    assert deploy(TopLabel()).release.code.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    rounded = deploy(RoundScores(digits=1)).release
    np.testing.assert_allclose(rounded.code[1], [0.1, 0.5, 0.4], atol=1e-6)
    assert deploy(FullScores()).facts == {"classes": 3, "bytes_per_answer": 12}


def test_scores_belong_to_the_subjects_that_were_learned_in_the_order_of_their_codes() -> None:
    assert deploy(FullScores()).classes.tolist() == [4, 7, 9]


@pytest.mark.parametrize(
    ("scheme", "protected"),
    [
        (FullScores(), [1, 1, 0, 1]),  # the third victim is 9, and of two equal scores 4's is first
        (TopLabel(), [1, 1, 0, 1]),
        (RoundScores(digits=1), [1, 1, 0, 1]),
        (RoundScores(digits=0), [1, 0, 0, 1]),  # 0.46 is nothing any more: the first is named
    ],
)
def test_utility_by_hand(scheme: fowh.Scheme, protected: list[int]) -> None:
    found = deploy(scheme).utility()
    assert set(found) == {"unprotected", "protected"}
    assert found["unprotected"]["correct"].tolist() == [1, 1, 0, 1]
    assert found["protected"]["correct"].tolist() == protected
    for columns in found.values():
        assert columns["subject"].tolist() == [4, 7, 9, 9]


def test_who_asks_is_told_what_leaves() -> None:
    np.testing.assert_array_equal(deploy(TopLabel()).says()(ANSWERS[3:4]), [[1, 0, 0]])
    np.testing.assert_array_equal(deploy(FullScores()).says()(ANSWERS), ANSWERS)


def test_a_reconstruction_counts_where_the_model_names_the_victim() -> None:
    """Judged by what the model itself says of it, whatever leaves: subjects are 4, 7 and 9."""
    system = deploy(TopLabel())
    made = np.array([[0.34, 0.33, 0.33], [0.9, 0.05, 0.05], [np.nan, 0.1, 0.9]], np.float32)
    columns = system.judge(made)
    assert {name: values.tolist() for name, values in columns.items()} == {"correct": [1, 0, 0]}
    assert LEAK.successes(columns, system.terms)["named"].tolist() == [1, 0, 0]
    truth = system.judge(ANSWERS[FOLD.stolen])
    assert truth["correct"].tolist() == [1, 1, 1]


def test_the_summary_by_hand() -> None:
    system = deploy(RoundScores(digits=0))
    utility = {scenario: [columns] for scenario, columns in system.utility().items()}
    said = LEAK.summary(Observed(utility, [{}], [system.facts], system.scheme, rng))
    assert set(said) == {"utility", "chance", "data", "properties", "cost"}
    assert said["chance"] == {"named": pytest.approx(1 / 3)}  # one class of three
    lost = said["utility"]["protected"]["utility_loss"]
    assert (lost["value"], lost["n"]) == (0.25, 4)  # one of the four, whom all scores named
    assert lost["ci_low"] <= 0.25 <= lost["ci_high"]
    assert "utility_loss" not in said["utility"]["unprotected"]
    accuracy = {name: metrics["accuracy"] for name, metrics in said["utility"].items()}
    assert accuracy["unprotected"]["value"] == 0.75 and accuracy["protected"]["value"] == 0.5
    assert accuracy["protected"]["n"] == 4
    assert said["data"] == {"dimension": 3} and said["cost"] == {"bytes_per_answer": 12}
    assert said["properties"] == {}  # no keys: nothing to link, nothing to guess
    assert list(LEAK.doubts({})) == []


# --- an answer with noise -------------------------------------------------------------------


@dataclass(frozen=True)
class Noisy(fowh.OutputScheme):
    """Adds noise to what has none yet; an answer is marked by a negative first entry."""

    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        noise = rng.random(answers.shape, dtype=np.float32)
        fresh = answers + noise - np.eye(1, answers.shape[1], dtype=np.float32) * 10
        return np.where(answers[:, :1] < 0, answers, fresh)


def test_what_one_attacker_asks_does_not_shift_what_another_is_told() -> None:
    system = deploy(Noisy())
    first, second = system.says(), system.says()
    first(ANSWERS[:3])
    np.testing.assert_array_equal(first(ANSWERS), second(ANSWERS))
    np.testing.assert_array_equal(second(ANSWERS), deploy(Noisy()).says()(ANSWERS))


def test_noise_cannot_be_averaged_away() -> None:
    """The same question has the same answer, alone and among any others, in any order."""
    says = deploy(Noisy()).says()
    said = says(ANSWERS)
    assert len(np.unique(said - ANSWERS, axis=0)) == len(ANSWERS)  # each has noise of its own
    np.testing.assert_array_equal(says(ANSWERS), said)
    np.testing.assert_array_equal(says(ANSWERS[::-1]), said[::-1])
    np.testing.assert_array_equal(says(ANSWERS[3:4]), said[3:4])
    np.testing.assert_array_equal(says(np.repeat(ANSWERS[:1], 5, axis=0)), said[[0] * 5])
    assert (says(ANSWERS + np.float32(1e-3)) != said).all()  # another question


def test_another_system_draws_other_noise() -> None:
    given = deploy(Noisy()).setting
    other = replace(given, stream=lambda *stage: stream(6, *stage))
    assert (LEAK.deploy(other).says()(ANSWERS) != deploy(Noisy()).says()(ANSWERS)).any()


# --- whole cells ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Peek(fowh.Attack):
    """Hands back the answers that were stolen, and says what else it saw."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        assert view.query is not None and view.samples is not None
        asked = view.query(view.samples)
        own = bool(np.array_equal(asked, view.embeddings))
        view.remarks.append(f"closed set: {view.closed_set}; own answers are those asked: {own}")
        view.remarks.append(f"values: {np.unique(view.embeddings).tolist()[:3]}")
        view.remarks.append(f"versions: {[version.name for version in view.history()]}")
        return view.release.code


def cell(scheme: str | fowh.Scheme, *attacks: str | fowh.Attack, **more: Any) -> fowh.Result:
    given: dict[str, Any] = {
        "dataset": "iris:people=16,readings=8,side=32",
        "target": "densenet:epochs=1,side=32",
        "protocol": "afm_iris",
        "leak": "outputs",
        "device": "cpu",
    }
    return fowh.evaluate(scheme, attacks=attacks, **given | more)


@pytest.fixture(scope="module")
def answered() -> fowh.Result:
    return cell("top_label", "dictionary", "image_ridge", "gan:steps=4,batch=8,base=8", Peek())


def test_a_cell_on_answers_has_a_record(answered: fowh.Result) -> None:
    record = answered.record
    assert record["status"] == "ok", record["reason"]
    assert record["spec"]["leak"]["name"] == "outputs"
    assert record["headline"]["utility"] == "accuracy"
    assert record["headline"]["success"] == ["named"]
    for scenario in ("unprotected", "protected"):
        value = record["utility"][scenario]["accuracy"]
        assert 0 <= value["ci_low"] <= value["value"] <= value["ci_high"] <= 1
    assert record["data"]["dimension"] == 16  # left eyes
    assert record["cost"]["bytes_per_answer"] == 64


def test_the_name_alone_is_as_good_as_all_scores(answered: fowh.Result) -> None:
    utility = answered.record["utility"]
    assert utility["protected"]["accuracy"]["value"] == utility["unprotected"]["accuracy"]["value"]


def test_attacks_count_by_whom_the_model_names(answered: fowh.Result) -> None:
    record = answered.record
    for name, row in record["attacks"].items():
        assert row["status"] == "ok", row.get("reason")
        value = row["metrics"]["named"]
        assert 0 <= value["value"] <= 1 and value["n"] == record["data"]["stolen"]
        assert "advantage_named" in row["metrics"]
        assert "rank1" not in row["metrics"], name
    assert "ssim" in record["attacks"]["image_ridge"]["metrics"]
    assert "ssim" not in record["attacks"]["dictionary"]["metrics"]


def test_the_originals_are_named_as_often_as_the_model_is_right(answered: fowh.Result) -> None:
    named = answered.record["controls"]["unprotected"]["metrics"]["named"]["value"]
    correct = answered.observations["utility.unprotected.correct"]
    assert named == pytest.approx(correct.mean())  # every victim's sample was stolen


def test_the_attacker_sees_limited_answers_only(answered: fowh.Result) -> None:
    (row,) = [row for name, row in answered.record["attacks"].items() if "Peek" in name]
    assert row["remarks"] == [
        "closed set: True; own answers are those asked: True",
        "values: [0.0, 1.0]",
        "versions: ['0', '25', '50', '75', '100']",
    ]
    assert row["queries"] > 0


def test_observations_have_their_names(answered: fowh.Result) -> None:
    assert {
        *("utility.protected.correct", "utility.protected.subject"),
        *("attack.dictionary.correct", "control.mean.correct", "control.shuffled.correct"),
        *("shown.original", "shown.attack.image_ridge"),
    } <= set(answered.observations)


def test_the_same_cell_gives_the_same_numbers() -> None:
    one, two = (cell("round_scores:digits=1", "dictionary", Peek()) for _ in range(2))
    for name, column in one.observations.items():
        np.testing.assert_array_equal(column, two.observations[name], err_msg=name)


def test_noise_is_drawn_alike_whoever_asked_before() -> None:
    alone, after = cell(Noisy(), "dictionary"), cell(Noisy(), Peek(), "dictionary")
    column = "attack.dictionary.correct"
    np.testing.assert_array_equal(alone.observations[column], after.observations[column])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"protocol": "standard"}, "a closed set wants a protocol that trains the target"),
        ({"protocol": "standard", "dataset": "orl", "target": "dlib"}, "a closed set wants"),
        ({"target": "dlib"}, "trains the target itself: name one that is trained here"),
        (
            {"dataset": "gaussian:subjects=9,readings=2,dim=4", "target": None},
            "this dataset holds embeddings: name a dataset of samples",
        ),
    ],
)
def test_what_does_not_fit_is_one_clear_line(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(fowh.InputError) as caught:
        cell("full_scores", "dictionary", **changes)
    assert said in str(caught.value) and "\n" not in str(caught.value)
