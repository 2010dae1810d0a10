"""Brute force opens what its budget reaches, is blind elsewhere, and says how many were which."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pytest

from attacks.brute_force import BruteForce
from fowh.core.errors import InputError
from fowh.core.release import Floats, Keys, Release
from schemes.fuzzy_commitment import FuzzyCommitment
from schemes.lsh import Lsh
from schemes.salted_hash import SaltedHash
from tests.attacks.world import cosine, rank1, steal

SHORT = FuzzyCommitment(255, 13)  # 8,192 secrets


@dataclass(frozen=True)
class Planted(FuzzyCommitment):
    """Secrets of row i are those of number 100 i."""

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        from fowh.kit import hashing

        salt, codeword = (
            hashing.salts(len(keys), rng),
            self.bch.numbered(100 * np.arange(len(keys))),
        )
        masked = (codeword[:, None] ^ self.bits(embeddings, keys)).reshape(len(keys), -1)
        aux = {"helper": np.packbits(masked, axis=1), "salt": salt}
        return Release(hashing.digests(salt, np.packbits(codeword, axis=1)), aux, keys)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("centred", [True, False])
def test_a_short_secret_is_no_protection(shared: bool, centred: bool) -> None:
    scheme = FuzzyCommitment(255, 13, centred=centred)
    view, truth = steal(scheme, shared)
    guess = BruteForce(budget=2**13).run(view, np.random.default_rng(0))
    mean = view.embeddings.mean(axis=0)
    assert guess.dtype == np.float32 and guess.shape == truth.shape
    # 255 signs of 32 dimensions: 1 / sqrt(1 + (d / m) (pi / 2 - 1)) = 0.967 without any prior
    assert np.median(cosine(guess, truth, mean)) > (0.967 if centred else 0.9)
    assert rank1(guess, truth) > 0.9
    assert "80 templates tried, 8,192 guesses at most each: 80 opened" in view.remarks[0]
    assert len(view.remarks) == 1, "nothing to extrapolate"


def test_repetition_is_opened_alike() -> None:
    view, truth = steal(FuzzyCommitment(31, 6, 9))
    guess = BruteForce().run(view, np.random.default_rng(0))
    assert np.median(cosine(guess, truth, view.embeddings.mean(axis=0))) > 0.967


def test_what_the_budget_does_not_reach_gets_a_blind_guess_and_an_extrapolation() -> None:
    view, truth = steal(Planted(127, 43))
    guess = BruteForce(budget=2001).run(view, np.random.default_rng(0))
    mean = view.embeddings.mean(axis=0, dtype=np.float64).astype(np.float32)
    blind = (guess == mean).all(axis=1)
    assert np.array_equal(blind, 100 * np.arange(len(truth)) > 2000)
    assert (cosine(guess, truth, mean)[~blind] > 0.7).all()
    tried, extrapolated = view.remarks
    assert "2,001 guesses at most each: 21 opened" in tried
    assert re.search(
        r"^extrapolated .* not done: all 2\^43 secrets .* take a core [\d.]+", extrapolated
    )


def test_what_it_cannot_attack_it_says() -> None:
    assert "no secret" in str(BruteForce().unsupported(steal(Lsh())[0]))
    assert "no secret" in str(BruteForce().unsupported(steal(SaltedHash())[0]))
    assert "keys did not leak" in str(BruteForce().unsupported(steal(SHORT, leaked=False)[0]))


@pytest.mark.parametrize("wrong", [{"budget": 0}, {"budget": 2**63}])
def test_bad_parameters_are_an_input_error(wrong: dict[str, int]) -> None:
    with pytest.raises(InputError, match="give one from 1 to 2\\^62"):
        BruteForce(**wrong)
