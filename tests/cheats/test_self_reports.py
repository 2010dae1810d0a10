"""Schemes that lie about themselves: each ends broken, flagged, or as a cell that failed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

import fowh
from attacks._morph.estimate import Reader
from attacks._versions.inputs import read
from attacks.mlp import Mlp
from fowh.core.release import Floats, Keys, Release
from fowh.report.page import page
from schemes.fuzzy_commitment import FuzzyCommitment
from schemes.salted_hash import SaltedHash
from tests.attacks.world import DIMENSION, cosine, steal
from tests.cheats import hiding, remembering
from tests.cheats.lying import Empty, Invented, Masked, Mute, TwoFaced, Undone, Vacuous

PEOPLE = "gaussian:subjects=25,readings=3,dim=24,within=0.4,offset=1"


def evaluated(scheme: Any, *attacks: str) -> fowh.Result:
    return fowh.evaluate(scheme, dataset=PEOPLE, attacks=list(attacks), device="cpu")


def rank1(result: fowh.Result, attack: str) -> float:
    row = result.record["attacks"][attack]
    assert row["status"] == "ok", row.get("reason")
    return float(row["metrics"]["rank1"]["value"])


# --- what is stored in clear ----------------------------------------------------------------


@dataclass(frozen=True)
class Beside(SaltedHash):
    """A digest as code, and the embedding beside it, in single precision and as bytes."""

    step: float = 0.5

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        made = super().enroll(embeddings, keys, rng)
        raw = np.ascontiguousarray(embeddings, dtype="<f4").view(np.uint8)
        return replace(made, aux={**made.aux, "debug": raw.reshape(len(raw), -1)})


@dataclass(frozen=True)
class Shared(Beside):
    """The same, cut into two shares of which each by itself is noise."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        made = SaltedHash.enroll(self, embeddings, keys, rng)
        share = rng.standard_normal(embeddings.shape).astype(np.float32)
        return replace(made, aux={**made.aux, "a": embeddings - share, "b": share})


@pytest.mark.parametrize("scheme", [Beside(), Shared()])
def test_an_embedding_beside_a_digest_is_read_and_flagged(scheme: Any) -> None:
    result = evaluated(scheme, "ridge")
    assert rank1(result, "ridge") > 0.9
    assert "stored-in-clear" in result.flags
    assert result.record["data"]["clear_cosine"] > 0.99
    assert abs(result.record["data"]["clear_permuted"]) < 0.5


@pytest.mark.parametrize("scheme", [remembering.Elsewhere(), hiding.Beside()])
def test_who_can_verify_needs_nothing_that_is_stored(scheme: Any) -> None:
    """The one keeps embeddings in a global, the other beside a digest; both score them."""
    assert rank1(evaluated(scheme, "score_regression"), "score_regression") > 0.9


def test_all_learned_attacks_read_it() -> None:
    """Of a digest with the embedding beside it, learned from 40 other people."""
    view, truth = steal(Beside())
    mean = view.embeddings.mean(axis=0)
    rng = np.random.default_rng(0)
    perceptron = Mlp(synthetic=1000, hidden=64, steps=60).run(view, rng)
    assert cosine(perceptron, truth, mean).mean() > 0.4  # after so few steps; nothing without
    assert cosine(Reader(view, truth[:0], rng)(view.release), truth, mean).mean() > 0.9
    pictures = read(view, list(view.history()), False, rng)
    assert pictures.final.shape[1] == pictures.stolen.shape[2] > 32 + DIMENSION


def test_a_code_that_its_own_features_hide_is_read_all_the_same() -> None:
    result = evaluated(Mute(), "ridge")
    assert rank1(result, "ridge") > 0.8
    assert "stored-in-clear" not in result.flags  # a puzzle under each key, as any such code


# --- what is said of verification -----------------------------------------------------------


def test_recognition_that_is_invented_fails_the_cell() -> None:
    result = evaluated(Invented(step=0.5), "ridge")
    record = result.record
    assert record["status"] == "failed"
    assert "shortcut-refuted" in result.flags
    pairs = record["data"]["verified_pairs"]
    assert pairs >= 5 * 1000 and f"{pairs:,} pairs" in record["reason"]
    assert record["data"]["verified_unlike"] > 0.9 * pairs
    assert page(record).verdict.short == "Refuted"


def test_two_answers_to_one_question_fail_the_cell() -> None:
    result = evaluated(TwoFaced(), "ridge")
    assert result.flags.count("recognition-refuted") == 1
    assert result.record["status"] == "failed" and "mated probes" in result.record["reason"]


@dataclass(frozen=True)
class Counted(FuzzyCommitment):
    """Counts how often it is asked, and in which shapes."""

    asked: ClassVar[list[tuple[str, int, int]]] = []

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        self.asked.append(("score", len(templates), len(probes)))
        return super().score(templates, probes, keys)

    @property
    def comparison_cap(self) -> int:
        return 200


@pytest.mark.slow
def test_a_slow_scheme_is_checked_within_its_cap() -> None:
    Counted.asked.clear()
    result = evaluated(Counted(length=31, message=6), "ridge")
    data = result.record["data"]
    assert result.record["status"] == "ok", result.record["reason"]
    assert 5 * 100 <= data["verified_pairs"] <= 5 * 220
    assert data["verified_unlike"] == 0
    # A check has the shape of what the judge asks: every stolen template with one probe each.
    assert Counted.asked.count(("score", 15, 15)) > 5 * 6


# --- what is said of a row ------------------------------------------------------------------


@pytest.mark.parametrize("scheme", [Masked(), Empty(), Vacuous(), Undone()])
def test_a_surrogate_that_explains_nothing_is_not_believed(scheme: Any) -> None:
    result = evaluated(scheme, "preimage", "ridge")
    assert rank1(result, "preimage") > 0.8
    assert rank1(result, "preimage") > rank1(result, "ridge") - 0.05
    (said,) = result.record["attacks"]["preimage"]["remarks"]
    assert "own samples" in said
    assert isinstance(scheme, Undone) == ("stored-in-clear" in result.flags)
