"""A whole cell on simulated embeddings: the testbed's own claims about itself."""

from typing import Any

import numpy as np
import pytest

from fowh.core.cache import Arrays
from fowh.core.registry import load
from fowh.engine.cell import Cell, Threat, label, observe, spec_of
from fowh.records.summarise import summarise

POPULATION = "gaussian:subjects=20,readings=4,dim=64,within=0.5"


def run(scheme: str, attacks: tuple[str, ...], **threat: Any) -> tuple[dict[str, Any], Arrays]:
    dataset = load("dataset", POPULATION)
    samples = dataset.load()
    loaded = tuple(load("attack", name) for name in attacks)
    cell = Cell(dataset, None, load("scheme", scheme), loaded, Threat(**threat))
    found = observe(cell, samples, "cpu", lambda text, fraction: None)
    return summarise(cell, samples, found, "cpu")


def rank1(record: dict[str, Any], name: str, section: str = "attacks") -> float:
    value = record[section][name]["metrics"]["rank1"]["value"]
    assert isinstance(value, float)
    return value


@pytest.fixture(scope="module")
def broken() -> tuple[dict[str, Any], Arrays]:
    return run("raw", ("preimage", "ridge", "dictionary", "morph_gan"))


def test_unprotected_templates_are_inverted_or_the_testbed_is_broken(
    broken: tuple[dict[str, Any], Arrays],
) -> None:
    record, _ = broken
    assert rank1(record, "preimage") >= 0.95
    assert rank1(record, "ridge") >= 0.95
    assert rank1(record, "unprotected", "controls") >= 0.95
    assert record["worst"]["metrics"]["rank1"]["value"] >= 0.95


def test_blind_controls_and_shuffled_templates_stay_blind(
    broken: tuple[dict[str, Any], Arrays],
) -> None:
    record, _ = broken
    for control in ("random", "mean", "medoid", "shuffled"):
        assert rank1(record, control, "controls") <= 0.15, control


def test_advantage_is_success_minus_the_best_blind_control(
    broken: tuple[dict[str, Any], Arrays],
) -> None:
    record, observations = broken
    blind = [observations[f"control.{name}.rank1"].mean() for name in ("random", "mean", "medoid")]
    blind.append(observations["control.shuffled.rank1"].mean())
    expected = observations["attack.preimage.rank1"].mean() - max(blind)
    gain = record["attacks"]["preimage"]["metrics"]["advantage_rank1"]["value"]
    assert gain == pytest.approx(expected)


def test_the_worst_case_is_the_maximum_per_template(
    broken: tuple[dict[str, Any], Arrays],
) -> None:
    record, observations = broken
    each = [observations[f"attack.{name}.rank1"] for name in ("preimage", "ridge", "dictionary")]
    assert record["worst"]["metrics"]["rank1"]["value"] == np.max(each, axis=0).mean()


def test_an_attack_that_cannot_run_says_why(broken: tuple[dict[str, Any], Arrays]) -> None:
    record, _ = broken
    assert record["attacks"]["morph_gan"]["status"] == "skipped"
    assert "image" in record["attacks"]["morph_gan"]["reason"]


def test_every_value_has_an_interval_and_a_count(broken: tuple[dict[str, Any], Arrays]) -> None:
    record, _ = broken
    for section in ("attacks", "controls"):
        for row in record[section].values():
            for value in row["metrics"].values():
                assert value["ci_low"] <= value["value"] <= value["ci_high"]
                assert value["n"] == 80
    assert record["data"]["stolen"] == 80


def test_a_salted_hash_recognises_nobody_and_no_attack_beats_blind() -> None:
    record, _ = run("salted_hash", ("dictionary", "ridge"))
    assert record["recognition"]["stolen_key"]["fnmr_at_fmr_1e-2"]["value"] == 1.0
    for name in ("dictionary", "ridge"):
        assert record["attacks"][name]["metrics"]["advantage_rank1"]["ci_low"] <= 0
    assert {flag["flag"] for flag in record["flags"]} >= {
        "recognition-too-poor",
        "no-better-than-blind",
    }


def test_secret_keys_are_withheld_and_make_the_attacks_fail() -> None:
    leaked, _ = run("lsh", ("ridge",))
    kept, _ = run("lsh", ("ridge", "preimage"), leaked=False)
    assert rank1(leaked, "ridge") >= 0.9
    assert rank1(kept, "ridge") <= 0.15
    assert kept["attacks"]["preimage"]["status"] == "skipped"
    assert "key" in kept["attacks"]["preimage"]["reason"]


def test_the_same_cell_gives_the_same_record_apart_from_times() -> None:
    first, one = run("iom:hashes=40", ("preimage", "ridge", "mlp"), keys="shared")
    second, two = run("iom:hashes=40", ("preimage", "ridge", "mlp"), keys="shared")
    for name, column in one.items():
        np.testing.assert_array_equal(column, two[name], err_msg=name)
    for record in (first, second):
        del record["stats"], record["cost"]
        for row in record["attacks"].values():
            del row["seconds"]
    assert first == second
    assert "own_key" not in first["recognition"]  # there is only one key


def test_a_crashing_attack_loses_only_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from attacks.ridge import Ridge

    def crash(self: Ridge, view: object, rng: object) -> None:
        raise RuntimeError("out of paper")

    monkeypatch.setattr(Ridge, "run", crash)
    record, _ = run("raw", ("ridge", "preimage"))
    assert record["status"] == "failed"
    assert "out of paper" in record["attacks"]["ridge"]["reason"]
    assert rank1(record, "preimage") >= 0.95
    assert record["flags"][0]["flag"] == "attack-failed"


def test_labels_name_what_is_not_the_default() -> None:
    assert label(load("attack", "ridge")) == "ridge"
    changed = label(load("attack", "morph_gan:steps=7"))
    assert changed == "morph_gan:steps=7"


def test_the_spec_holds_what_determines_the_record_and_nothing_else() -> None:
    dataset = load("dataset", POPULATION)
    samples = dataset.load()
    cell = Cell(dataset, None, load("scheme", "lsh"), (), Threat())
    spec = spec_of(cell, samples)
    assert spec["target"] is None
    assert spec["dataset"]["sha256"] == samples.sha256
    assert spec["scheme"]["name"] == "lsh"
    assert spec["threat"]["keys"] == "subject"
