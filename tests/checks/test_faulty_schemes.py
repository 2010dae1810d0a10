"""The contract catches schemes that are faulty in one way each."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import Scheme
from schemes.dp_sgd import DpSgd
from schemes.lsh import Lsh
from schemes.round_scores import RoundScores
from schemes.salted_hash import SaltedHash
from tests.checks.findings import assert_caught, broken


@dataclass(frozen=True)
class Mutant(Lsh):
    """A sound scheme, to go wrong in one way each."""

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


class ShufflesLeavers(Mutant):
    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return super().release(values, keys, rng)[::-1]


@dataclass(frozen=True)
class Limited(RoundScores):
    """A sound output scheme, to go wrong in one way each."""


class LimitsInPlace(Limited):
    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        answers.round(self.digits, out=answers)
        return answers


class LimitsWithNoise(Limited):
    """Sound: noise is not what it was when it is added again, and nobody adds it again."""

    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        noise = rng.laplace(scale=0.01, size=answers.shape)
        return (answers + noise).astype(np.float32)


class LimitsTogether(Limited):
    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        return (answers > answers[-1:]).astype(np.float32)


class LimitsWidely(Limited):
    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        return super().limit(answers, rng).astype(np.float64)  # type: ignore[return-value]


class LimitsAway(Limited):
    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        surprise = -np.log(np.maximum(answers, 1e-9))
        return np.where(answers < 1, surprise, np.float32(np.inf)).astype(np.float32)


class LimitsByKey(Limited):
    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        made = super().release(values, keys, rng)
        return replace(made, code=made.code + np.float32(keys[0] % 2 if len(keys) else 0))


class TellsMore(Limited):
    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return replace(super().release(values, keys, rng), aux={"scores": values.copy()})


@dataclass(frozen=True)
class Blurs(Scheme):
    """Protects something that is neither templates nor outputs; sound."""

    protects: ClassVar[str] = "updates"
    steps: int = 4

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(np.round(values * self.steps), token=keys)


class BlursLess(Blurs):
    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return super().release(values[:-1], keys[:-1], rng)


@pytest.mark.parametrize(
    ("scheme", "claim"),
    [
        (FitsInPlace(), "Fitting"),
        (DrawsGlobally(), "Equal keys"),
        (DrawsAnew(), "Equal keys"),
        (NormalisesInPlace(), "Arguments are left"),
        (NormalisesInPlace(), "Comparing leaves"),
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
        (ShufflesLeavers(), "What leaves is what was enrolled"),
        (LimitsInPlace(), "Answers that are given"),
        (LimitsTogether(), "Every answer is limited on its own"),
        (LimitsWidely(), "A limited answer"),
        (LimitsAway(), "Certain and undecided"),
        (LimitsByKey(), "A scheme without keys"),
        (TellsMore(), "What leaves are the limited"),
        (BlursLess(), "One row leaves"),
    ],
    ids=lambda value: type(value).__name__ if dataclasses.is_dataclass(value) else None,
)
def test_a_faulty_scheme_is_caught(scheme: Any, claim: str) -> None:
    assert_caught(scheme, claim)


@pytest.mark.parametrize("scheme", [Mutant(), SaltedHash(), Limited(), LimitsWithNoise(), Blurs()])
def test_the_sound_originals_pass(scheme: Any) -> None:
    """Each mutant differs from these in one place, so its failure is that of the fault."""
    assert broken(scheme) == {}


@dataclass(frozen=True)
class TrainsQuietly(DpSgd):
    """Its updates are noisy, and what is trained on is not: the price of noise would be nothing."""

    def mean(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        return np.asarray(means.mean(axis=0), dtype=np.float32)


def test_a_training_with_less_noise_than_is_sent_is_caught() -> None:
    assert "A training takes the mean" in " ".join(broken(TrainsQuietly(sigma=0.5)))
    assert broken(DpSgd(sigma=0.5)) == {}
