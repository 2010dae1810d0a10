"""Schemes that lie about themselves: each ends broken, flagged, or as a cell that failed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

import fowh
from attacks._morph.estimate import Reader
from attacks._versions.inputs import read
from attacks.mlp import Mlp
from fowh.core.registry import attribute, names
from fowh.core.release import Floats, Keys, Release
from fowh.records.flags import REFUTED
from fowh.report.page import page
from schemes.fuzzy_commitment import FuzzyCommitment
from schemes.lsh import Lsh
from schemes.raw import Raw
from schemes.salted_hash import SaltedHash
from tests.attacks.world import DIMENSION, cosine, steal

PEOPLE = "gaussian:subjects=25,readings=3,dim=24,within=0.4,offset=1"
NEW = {"stored-in-clear", "closed-form-below-learned", "witness-unable", *REFUTED}


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


@dataclass(frozen=True)
class Mute(Lsh):
    """Signs of projections, of which its own features say nothing; it offers no inequalities."""

    bits: int = 256
    slack: ClassVar[Any] = None

    def features(self, release: Release) -> Floats:
        return np.zeros((len(release), 1), dtype=np.float32)


@pytest.mark.parametrize("scheme", [Beside(), Shared()])
def test_an_embedding_beside_a_digest_is_read_and_flagged(scheme: Any) -> None:
    result = evaluated(scheme, "ridge")
    assert rank1(result, "ridge") > 0.9
    assert "stored-in-clear" in result.flags
    assert result.record["data"]["clear_cosine"] > 0.99
    assert abs(result.record["data"]["clear_permuted"]) < 0.5


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


@dataclass(frozen=True)
class Invented(SaltedHash):
    """Verification rejects everybody; the evaluator is told that it knows them all."""

    def scores_known(
        self, templates: Release, enrolled: Floats, probes: Floats, keys: Keys | None = None
    ) -> Floats:
        return (-np.linalg.norm(enrolled[:, None] - probes[None], axis=2)).astype(np.float32)


@dataclass(frozen=True)
class TwoFaced(Raw):
    """All pairs at once are told apart, one by one everybody is rejected; it has no shortcut."""

    def agree(self, left: Floats, right: Floats) -> Floats:
        return np.full(len(left), -100, dtype=np.float32)


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


@dataclass(frozen=True)
class Masked(Lsh):
    """Its inequalities are those of other planes than the ones that it hashes with."""

    bits: int = 256

    def slack(self, templates: Release) -> Any:
        assert templates.token is not None
        return super().slack(replace(templates, token=templates.token + np.uint64(1)))


@dataclass(frozen=True)
class Empty(Lsh):
    """It offers no inequality at all, in the right form."""

    bits: int = 256

    def slack(self, templates: Release) -> Any:
        return lambda x: x[:, :0] + 0 * x.sum()


@dataclass(frozen=True)
class Vacuous(Lsh):
    """Its inequalities hold for everybody."""

    bits: int = 256

    def slack(self, templates: Release) -> Any:
        inner = super().slack(templates)
        return lambda x: inner(x).square() + 1


@dataclass(frozen=True)
class Undone(Raw):
    """It stores the embedding, and offers an un-protection that gives another vector."""

    def unprotect(self, templates: Release) -> Floats:
        digest = [hashlib.sha256(row.tobytes()).digest() for row in templates.code]
        noise = np.frombuffer(b"".join(digest), np.uint8).reshape(len(digest), 32)
        return noise[:, : templates.code.shape[1]].astype(np.float32)


@pytest.mark.parametrize("scheme", [Masked(), Empty(), Vacuous(), Undone()])
def test_a_surrogate_that_explains_nothing_is_not_believed(scheme: Any) -> None:
    result = evaluated(scheme, "preimage", "ridge")
    assert rank1(result, "preimage") > 0.8
    assert rank1(result, "preimage") > rank1(result, "ridge") - 0.05
    (said,) = result.record["attacks"]["preimage"]["remarks"]
    assert "own samples" in said
    assert isinstance(scheme, Undone) == ("stored-in-clear" in result.flags)


# --- the honest ones ------------------------------------------------------------------------

SMALL: Mapping[str, str] = {
    "iom": "hashes=150",
    "iom_urp": "hashes=200,window=24",
    "fuzzy_commitment": "length=127,message=29",
}
OURS = [
    *(name for name in names("scheme") if attribute("scheme", name, "protects") == "templates"),
    "fuzzy_commitment:length=127,message=29,repeat=3",
    "iom_urp:hashes=200,window=24,centred=true",
]


@pytest.mark.parametrize("name", OURS)
def test_none_of_ours_is_doubted_for_what_it_says(name: str) -> None:
    scheme = f"{name}:{SMALL[name]}" if name in SMALL else name
    mlp = "mlp:synthetic=300,hidden=64,steps=100"
    look_up = "dictionary:comparisons=512"
    result = evaluated(scheme, look_up, "preimage", "ridge:synthetic=300", mlp)
    assert result.record["status"] == "ok", result.record["reason"]
    assert not NEW & set(result.flags)
    remarks = [text for row in result.record["attacks"].values() for text in row["remarks"]]
    assert not any("not believed" in text for text in remarks)
