"""A whole cell on simulated embeddings: the testbed's own claims about itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fowh

POPULATION = "gaussian:subjects=20,readings=4,dim=64,within=0.5"
MLP = "mlp:synthetic=200,hidden=64,steps=20"  # these train, but not well
RIDGE = "ridge:synthetic=64"


def run(scheme: str, attacks: list[str], **more: Any) -> fowh.Result:
    return fowh.evaluate(scheme, dataset=POPULATION, attacks=attacks, device="cpu", **more)


def rank1(result: fowh.Result, name: str, section: str = "attacks") -> float:
    value = result.record[section][name]["metrics"]["rank1"]["value"]
    assert isinstance(value, float)
    return value


@pytest.fixture(scope="module")
def broken() -> fowh.Result:
    return run("raw", ["preimage", "ridge", "dictionary", "morph_gan"])


def test_unprotected_templates_are_inverted_or_the_testbed_is_broken(broken: fowh.Result) -> None:
    assert rank1(broken, "preimage") >= 0.95
    assert rank1(broken, "ridge") >= 0.95
    assert rank1(broken, "unprotected", "controls") >= 0.95
    assert broken.record["worst"]["metrics"]["rank1"]["value"] >= 0.95


def test_blind_controls_and_shuffled_templates_stay_blind(broken: fowh.Result) -> None:
    for control in ("random", "mean", "medoid", "shuffled"):
        assert rank1(broken, control, "controls") <= 0.15, control


def test_every_control_is_there_and_says_what_it_is(broken: fowh.Result) -> None:
    controls = broken.record["controls"]
    assert set(controls) == {
        *("random", "mean", "medoid", "shuffled"),
        *("nearest", "mated_probe", "unprotected"),
    }
    blind = {name for name, row in controls.items() if row["blind"]}
    assert blind == {"random", "mean", "medoid", "shuffled"}
    assert {name for name, row in controls.items() if row["derived"]} == {"shuffled"}


def test_advantage_is_success_minus_the_best_blind_control(broken: fowh.Result) -> None:
    seen = broken.observations
    names = ("random", "mean", "medoid", "shuffled")
    blind = [seen[f"control.{name}.rank1"].mean() for name in names]
    expected = seen["attack.preimage.rank1"].mean() - max(blind)
    gain = broken.record["attacks"]["preimage"]["metrics"]["advantage_rank1"]["value"]
    assert gain == pytest.approx(expected)


def test_the_worst_case_is_the_maximum_per_template(broken: fowh.Result) -> None:
    names = ("preimage", "ridge", "dictionary")
    each = [broken.observations[f"attack.{name}.rank1"] for name in names]
    assert broken.record["worst"]["metrics"]["rank1"]["value"] == np.max(each, axis=0).mean()
    assert broken.record["worst"]["of"] == list(names)


def test_an_attack_that_cannot_run_says_why(broken: fowh.Result) -> None:
    row = broken.record["attacks"]["morph_gan"]
    assert (row["status"], row["folds"], row["metrics"]) == ("skipped", 0, {})
    assert "image" in row["reason"]
    assert broken.record["status"] == "ok"  # that is no failure


def test_every_value_has_an_interval_and_a_count(broken: fowh.Result) -> None:
    for section in ("attacks", "controls"):
        for row in broken.record[section].values():
            for value in row["metrics"].values():
                assert value["ci_low"] <= value["value"] <= value["ci_high"]
                assert value["n"] == 80
    assert broken.record["data"]["stolen"] == 80


def test_vectors_have_no_pictures(broken: fowh.Result) -> None:
    assert broken.pictures == {} and broken.record["rendered"] == {}
    assert broken.record["data"]["not_found"] is None


def test_a_salted_hash_recognises_nobody_and_no_attack_beats_blind() -> None:
    result = run("salted_hash", ["dictionary", "ridge"])
    fnmr = result.record["utility"]["stolen_key"]["fnmr_at_fmr_1e-2"]
    assert fnmr["value"] == 1.0
    for name in ("dictionary", "ridge"):
        assert result.record["attacks"][name]["metrics"]["advantage_rank1"]["ci_low"] <= 0
    assert set(result.flags) >= {"utility-too-poor", "no-better-than-blind"}


def test_secret_keys_are_withheld_and_make_the_attacks_fail() -> None:
    leaked = run("lsh", ["ridge"])
    kept = run("lsh", ["ridge", "preimage"], leaked=False)
    assert rank1(leaked, "ridge") >= 0.9
    assert rank1(kept, "ridge") <= 0.15
    assert kept.record["attacks"]["preimage"]["status"] == "skipped"
    assert "key" in kept.record["attacks"]["preimage"]["reason"]


NOTED = ("stats", "cost", "digests")  # times, and the digest of a record that has them


def without_times(record: dict[str, Any]) -> dict[str, Any]:
    attacks = {
        name: {key: value for key, value in row.items() if key != "seconds"}
        for name, row in record["attacks"].items()
    }
    rest = {key: value for key, value in record.items() if key not in NOTED}
    return rest | {"attacks": attacks}


def test_the_same_cell_gives_the_same_record_apart_from_times() -> None:
    first, second = (
        run("iom:hashes=40", ["preimage", RIDGE, MLP], keys="shared") for _ in range(2)
    )
    for name, column in first.observations.items():
        np.testing.assert_array_equal(column, second.observations[name], err_msg=name)
    assert without_times(first.record) == without_times(second.record)
    assert "own_key" not in first.record["utility"]  # there is only one key


def test_an_attack_is_the_same_whoever_runs_beside_it() -> None:
    alone, last = (run("lsh:bits=64", [*others, RIDGE]) for others in ([], [MLP, "dictionary"]))
    for name in ("rank1", "distance", "accept_score"):
        column = f"attack.{RIDGE}.{name}"
        np.testing.assert_array_equal(alone.observations[column], last.observations[column])


def test_another_seed_is_another_run() -> None:
    one, other = (run("lsh:bits=64", [RIDGE], seed=seed) for seed in (0, 1))
    assert one.record["id"] != other.record["id"]
    column = f"attack.{RIDGE}.distance"
    assert (one.observations[column] != other.observations[column]).any()
