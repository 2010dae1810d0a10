"""The dictionary attack finds the best own sample by the scheme's own score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from attacks.dictionary import Dictionary
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import OutputScheme, TemplateScheme
from schemes.full_scores import FullScores
from schemes.lsh import Lsh
from schemes.raw import Raw
from schemes.round_scores import RoundScores
from schemes.salted_hash import SaltedHash
from schemes.top_label import TopLabel
from tests.attacks.world import steal


def test_raw_yields_the_nearest_own_sample() -> None:
    view, truth = steal(Raw())
    guess = Dictionary().run(view, np.random.default_rng(0))
    nearest = cdist(truth, view.embeddings).argmin(axis=1)
    np.testing.assert_array_equal(guess, view.embeddings[nearest])


@pytest.mark.parametrize("shared", [True, False])
def test_scores_under_the_templates_own_keys(shared: bool) -> None:
    view, _ = steal(Lsh(bits=256), shared)
    guess = Dictionary().run(view, np.random.default_rng(0))
    best = view.scheme.scores(view.release, view.embeddings).max(axis=1)
    np.testing.assert_allclose(view.scheme.score(view.release, guess), best)


@dataclass(frozen=True)
class Half(TemplateScheme):
    """Says yes to every probe whose first value exceeds 1/2, and counts what it is asked."""

    public: Mapping[str, NDArray[Any]] = field(default_factory=dict, kw_only=True)
    asked: list[int] = field(default_factory=list, compare=False)

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(np.zeros((len(embeddings), 1), np.uint8), token=keys)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        self.asked.append(len(probes))
        return (probes[:, 0] > 0.5).astype(np.float32)


def test_ties_fall_at_random_among_the_accepted() -> None:
    view, _ = steal(Half())
    guess = Dictionary().run(view, np.random.default_rng(0))
    assert (guess[:, 0] > 0.5).all()
    assert len(np.unique(guess, axis=0)) > 20


def test_every_row_meets_as_many_samples_as_the_budget_pays_for() -> None:
    view, truth = steal(Half())
    Dictionary(comparisons=1000).run(view, np.random.default_rng(0))
    assert isinstance(view.scheme, Half)
    assert sum(view.scheme.asked) == len(truth) * (1000 // len(truth))


def test_needs_the_keys_of_a_keyed_scheme_only() -> None:
    assert "keys did not leak" in str(Dictionary().unsupported(steal(Lsh(), leaked=False)[0]))
    view, truth = steal(SaltedHash(), leaked=False)
    assert Dictionary().unsupported(view) is None
    assert Dictionary().run(view, np.random.default_rng(0)).shape == truth.shape


def test_answers_in_full_are_searched_as_embeddings_in_the_clear() -> None:
    whole, clear = (steal(scheme)[0] for scheme in (FullScores(), Raw()))
    guess, wanted = (Dictionary().run(view, np.random.default_rng(0)) for view in (whole, clear))
    np.testing.assert_array_equal(guess, wanted)


@pytest.mark.parametrize("scheme", [RoundScores(digits=0), TopLabel()])
def test_an_own_sample_is_compared_as_it_would_have_left(scheme: OutputScheme) -> None:
    view, _ = steal(scheme, leaked=False)
    guess = Dictionary().run(view, np.random.default_rng(0))
    distance = cdist(view.release.code, scheme.limit(view.embeddings, np.random.default_rng(0)))
    found = scheme.limit(guess, np.random.default_rng(0))
    reached = np.linalg.norm(view.release.code - found, axis=1)
    np.testing.assert_allclose(reached, distance.min(axis=1), atol=1e-5)
    unlimited = cdist(view.release.code, view.embeddings).argmin(axis=1)
    assert (guess != view.embeddings[unlimited]).any()  # where that decides otherwise
