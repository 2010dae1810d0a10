"""Our plug-ins keep the contract, and the contract catches plug-ins that do not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from fowh.checks.attack import check_attack
from fowh.checks.scheme import check_scheme
from fowh.checks.suite import Finding, run_checks
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.registry import names
from fowh.core.release import Floats, Keys, Release
from fowh.core.view import View
from schemes.lsh import Lsh
from schemes.salted_hash import SaltedHash

VARIANTS = [
    "salted_hash:step=4",
    "salted_hash:kdf=argon2id",
    "fuzzy_commitment:length=127,message=29,repeat=1",
    "iom:hashes=10,group=200",
    "iom_urp:hashes=50,window=20,order=1",
    "lsh:bits=100",
]
SLOW = {"gan", "morph_gan", "fuzzy_commitment", "salted_hash:kdf=argon2id"}
PLUGINS = [
    pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW))
    for name in [*names("scheme"), *VARIANTS, *names("attack")]
]


@pytest.mark.parametrize("plugin", PLUGINS)
def test_our_plugin_keeps_the_contract(plugin: str) -> None:
    findings = run_checks(plugin)
    assert len(findings) >= 9
    assert [finding for finding in findings if not finding.passed] == []


@dataclass(frozen=True)
class Mutant(Lsh):
    """A sound scheme to go wrong in one way each."""

    bits: int = 64


class FitsInPlace(Mutant):
    def fit(self, development: Floats) -> Any:
        development -= development.mean(axis=0)
        return super().fit(development)


class DrawsGlobally(Mutant):
    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        np.random.rand()  # noqa: NPY002
        return super().enroll(embeddings, keys, rng)


class DrawsAnew(Mutant):
    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        made = super().enroll(embeddings, keys, rng)
        noise = np.random.default_rng().integers(0, 2, made.code.shape, dtype=np.uint8)
        return replace(made, code=made.code ^ noise)


class NormalisesInPlace(Mutant):
    def protect(self, embeddings: Floats, key: int) -> Any:
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        return super().protect(embeddings, key)


class StoresTheKey(Mutant):
    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return replace(super().enroll(embeddings, keys, rng), aux={"seed": keys.copy()})


class StoresTheEmbedding(Mutant):
    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        secret = self.centre(embeddings).astype(np.float16)
        return replace(super().enroll(embeddings, keys, rng), aux={"debug": secret})


class IgnoresKeys(Mutant):
    def protect(self, embeddings: Floats, key: int) -> Any:
        return super().protect(embeddings, 1)


class ScoresBackwards(Mutant):
    def agree(self, left: Any, right: Any) -> Floats:
        return 1 - super().agree(left, right)

    def compare(self, left: Any, right: Any) -> Floats:
        return 1 - super().compare(left, right)


class ScoresApart(Mutant):
    def compare(self, left: Any, right: Any) -> Floats:
        return super().compare(left, right) ** 2


class HashesNoise(Mutant):
    def agree(self, left: Any, right: Any) -> Floats:
        return (left == right).all(axis=1).astype(np.float32) * (left.sum(axis=1) < 0)

    def compare(self, left: Any, right: Any) -> Floats:
        return np.zeros((len(left), len(right)), dtype=np.float32)


class TurnsInequalitiesRound(Mutant):
    def slack(self, templates: Release) -> Any:
        inner = super().slack(templates)
        return lambda x: -inner(x)


class ClaimsAnotherTheory(Mutant):
    def expected_score(self, cosine: Any) -> Any:
        return 1 - super().expected_score(-cosine) ** 2


class SearchesSomethingElse(Mutant):
    def index(self, templates: Release) -> Any:
        return super().index(templates[::-1])


class NeedsRows(Mutant):
    def protect(self, embeddings: Floats, key: int) -> Any:
        embeddings.max()
        return super().protect(embeddings, key)


@dataclass(frozen=True)
class DividesByZero(Lsh):
    bits: int = 64
    every: int = 1

    def protect(self, embeddings: Floats, key: int) -> Any:
        return super().protect(embeddings, key + 1 // self.every)


class TakesTheShortcutTooFar(SaltedHash):
    def scores_known(self, *arguments: Any) -> Floats:
        known = super().scores_known(*arguments)
        known[1, 0] = 1
        return known


class Unrenewable(SaltedHash):
    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return super().enroll(embeddings, keys, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("scheme", "claim"),
    [
        (FitsInPlace(), "Fitting"),
        (DrawsGlobally(), "Equal keys"),
        (DrawsAnew(), "Equal keys"),
        (NormalisesInPlace(), "Arguments"),
        (StoresTheKey(), "Neither the key"),
        (StoresTheEmbedding(), "Neither the key"),
        (IgnoresKeys(), "Another key"),
        (ScoresBackwards(), "No probe scores higher"),
        (ScoresBackwards(), "Mated probes"),
        (ScoresApart(), "Scores of all pairs"),
        (HashesNoise(), "Mated probes"),
        (TurnsInequalitiesRound(), "Inequalities"),
        (ClaimsAnotherTheory(), "Scores follow"),
        (SearchesSomethingElse(), "Search"),
        (NeedsRows(), "No rows"),
        (DividesByZero(), "Absurd parameters"),
        (TakesTheShortcutTooFar(), "The evaluator's shortcut"),
        (Unrenewable(), "A scheme without keys"),
    ],
    ids=lambda value: type(value).__name__ if dataclasses.is_dataclass(value) else value,
)
def test_a_faulty_scheme_is_caught(scheme: Any, claim: str) -> None:
    assert broken(check_scheme(scheme), claim)


@dataclass(frozen=True)
class Guess(Attack):
    """A sound attack on anything, to go wrong in one way each: the nearest own code's owner."""

    answer: ClassVar[Callable[[View, np.random.Generator], Any]]

    def run(self, view: View, rng: np.random.Generator) -> Any:
        return type(self).answer(view, rng)


def _nearest(view: View, rng: np.random.Generator) -> Floats:
    stolen = view.scheme.features(view.release)
    return view.embeddings[(np.abs(stolen).sum(axis=1) * 1e3 + stolen[:, 0] * 7).astype(int) % 40]


def _faulty(answer: Callable[[View, np.random.Generator], Any], **declared: Any) -> Attack:
    kind = type("Faulty", (Guess,), {"answer": staticmethod(answer), **declared})
    return kind()  # type: ignore[no-any-return]


def _in_place(view: View, rng: np.random.Generator) -> Floats:
    view.embeddings[0] = 0
    return _nearest(view, rng)


@pytest.mark.parametrize(
    ("attack", "claim"),
    [
        (_faulty(lambda view, rng: _nearest(view, rng)[:-1]), "It returns one"),
        (_faulty(lambda view, rng: _nearest(view, rng).astype(np.float64)), "It returns one"),
        (_faulty(lambda view, rng: _nearest(view, rng) * np.float32(np.nan)), "It returns one"),
        (_faulty(_nearest, yields="images"), "It returns one"),
        (
            _faulty(lambda view, rng: _nearest(view, rng) + np.random.default_rng().random()),
            "Equal generators",
        ),
        (_faulty(_in_place), "The view is left"),
        (_faulty(_nearest, blind=True), "It reads the templates"),
        (_faulty(lambda view, rng: view.embeddings[: len(view.release)]), "It reads"),
        (_faulty(lambda view, rng: _nearest(view, rng) * len(view.release.token)), "Without"),
        (_faulty(lambda view, rng: view.query(view.samples)[: len(view.release)]), "An exhausted"),
        (_faulty(_nearest, unsupported=lambda self, view: False), "What it cannot run on"),
        (_faulty(_nearest, unsupported=lambda self, view: "never"), "What it cannot run on"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_faulty_attack_is_caught(attack: Attack, claim: str) -> None:
    assert broken(check_attack(attack), claim)


def test_the_sound_originals_pass() -> None:
    """Each mutant differs from these in one place, so its failure is that of the fault."""
    parameters = "Parameters survive"  # not importable by name: local to these tests
    for findings in (check_scheme(Lsh(bits=64)), check_attack(_faulty(_nearest))):
        assert [f for f in findings if not f.passed and not f.check.startswith(parameters)] == []


def test_a_third_partys_class_is_checked_by_its_path() -> None:
    assert all(finding.passed for finding in run_checks("schemes.lsh:Lsh:bits=32"))
    assert all(finding.passed for finding in run_checks("attacks.mean:Mean"))


@pytest.mark.parametrize(
    ("plugin", "said"),
    [("orl", "neither a scheme nor"), ("ism", "iom"), ("no.module:Scheme", "cannot load")],
)
def test_what_cannot_be_checked_is_an_input_error(plugin: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        run_checks(plugin)


def broken(findings: Any, claim: str) -> bool:
    """Whether the claim is among the findings, failed, with one line of text."""
    (found,) = [finding for finding in findings if finding.check.startswith(claim)]
    assert isinstance(found, Finding)
    assert found.text and "\n" not in found.text
    return not found.passed
