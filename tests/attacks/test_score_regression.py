"""Score regression: it reads the embedding off scores alone, and says where there is nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from attacks._probed import FLOOR, Verifier, graded, mirrored, people
from attacks._readout import Population
from attacks.best_probe import BestProbe
from attacks.score_regression import ScoreRegression
from fowh.core.errors import InputError
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import Scheme, TemplateScheme
from schemes.full_scores import FullScores
from schemes.fuzzy_commitment import FuzzyCommitment
from schemes.iom import Iom
from schemes.iom_urp import IomUrp
from schemes.lsh import Lsh
from schemes.lsh_pstable import LshPstable
from schemes.raw import Raw
from schemes.salted_hash import SaltedHash
from tests.attacks.world import DIMENSION, cosine, rank1, steal

URP = IomUrp(hashes=150, window=DIMENSION, centred=True)


@dataclass(frozen=True)
class Verified(TemplateScheme):
    """Offers scores and nothing else: minus the distance, bent, of an embedding kept elsewhere.

    ``bend`` "yes/no" answers 1 within a distance that no stranger comes near; "steps" rounds;
    "steep" has tiny numbers far away; "mute" has no number for half of all strangers.
    """

    public: Mapping[str, NDArray[Any]] = field(default_factory=dict, kw_only=True)
    bend: str = ""
    cap: int = 2**20
    kept: dict[int, Floats] = field(default_factory=dict, compare=False)
    asked: list[int] = field(default_factory=list, compare=False)

    @property
    def comparison_cap(self) -> int:
        return self.cap

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        numbers = np.arange(len(embeddings)) + len(self.kept)
        self.kept.update(zip(numbers.tolist(), embeddings, strict=True))
        return Release(numbers[:, None], token=keys)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        self.asked.append(len(probes))
        true = np.stack([self.kept[number] for number in templates.code[:, 0].tolist()])
        distance = np.linalg.norm(true - probes, axis=1)
        if self.bend == "yes/no":
            return (distance < 1e-3).astype(np.float32)
        if self.bend == "steps":
            return -np.round(2 * distance).astype(np.float32)
        if self.bend == "steep":
            return np.exp(-12 * distance).astype(np.float32)
        if self.bend == "mute":
            return np.where(distance < 3.5, -distance, np.nan).astype(np.float32)
        return -distance.astype(np.float32)


def run(scheme: Scheme, shared: bool = True, **params: Any) -> tuple[Floats, Floats, list[str]]:
    """What it hands in, the truth, and what it says."""
    view, truth = steal(scheme, shared)
    made = ScoreRegression(**params).run(view, np.random.default_rng(0))
    return made, truth, view.remarks


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    "scheme", [Raw(), Lsh(bits=256), Iom(hashes=64), LshPstable(), IomUrp(window=DIMENSION)]
)
def test_scores_give_the_person_away(scheme: Scheme, shared: bool) -> None:
    made, truth, remarks = run(scheme, shared)
    assert made.shape == truth.shape and made.dtype == np.float32
    assert cosine(made, truth, truth.mean(0)).mean() > 0.75
    assert rank1(made, truth) >= 0.95
    assert "linear" in remarks[0]


def test_of_an_even_code_both_signs_are_handed_in() -> None:
    made, truth, remarks = run(URP)
    assert made.shape == (len(truth), ScoreRegression.candidates, DIMENSION)
    found = np.stack([cosine(made[:, k], truth, truth.mean(0)) for k in (0, 1)])
    assert found.max(axis=0).mean() > 0.85
    better = made[np.arange(len(truth)), found.argmax(axis=0)]
    assert rank1(better, truth) >= 0.95
    assert "quadratic" in remarks[0]


def test_the_order_can_be_chosen() -> None:
    linear, truth, _ = run(URP, order="linear")
    assert linear.ndim == 2  # one candidate: pairs of a person and a mirror image tell nothing
    quadratic, _, _ = run(Raw(), order="quadratic")
    assert quadratic.shape == (len(truth), 2, DIMENSION)


@pytest.mark.parametrize("bend", ["", "steps", "steep", "mute"])
def test_nothing_but_the_order_of_scores_is_needed(bend: str) -> None:
    made, truth, _ = run(Verified(bend=bend))
    assert cosine(made, truth, truth.mean(0)).mean() > 0.9
    assert rank1(made, truth) >= 0.95


@pytest.mark.parametrize(
    "scheme",
    [
        Verified(bend="yes/no"),
        SaltedHash(),
        pytest.param(FuzzyCommitment(length=127, message=29), marks=pytest.mark.slow),  # decodes
    ],
)
def test_where_scores_are_constant_it_says_so_and_guesses_blindly(scheme: Scheme) -> None:
    made, truth, remarks = run(scheme)
    view, _ = steal(scheme)
    np.testing.assert_allclose(made, np.tile(view.embeddings.mean(0), (len(truth), 1)), atol=1e-5)
    assert len(remarks) == 1 and remarks[0].startswith("80 of 80 templates score ")
    assert remarks[0].endswith("the mean is handed in, blind")


def test_it_stays_within_its_probes_and_the_schemes_cap() -> None:
    for cap, most in ((2**20, 700), (1, FLOOR), (80 * 400, 400)):
        scheme = Verified(cap=cap)
        _, truth, remarks = run(scheme, probes=700)
        spent = sum(scheme.asked) / len(truth)
        assert 0.9 * most < spent <= most
        assert f"{spent:.0f} verifications" in remarks[0]
    scheme = Verified(bend="yes/no", cap=80)
    run(scheme)
    assert sum(scheme.asked) == 2 * 80  # a pair each, and no more


def test_more_probes_say_more() -> None:
    few, many = (run(Lsh(bits=256), probes=number) for number in (FLOOR, 1500))
    mean = many[1].mean(0)
    assert cosine(many[0], many[1], mean).mean() > cosine(few[0], few[1], mean).mean() + 0.02


def test_it_beats_the_best_of_as_many_probes() -> None:
    view, truth = steal(Lsh(bits=256))
    best = BestProbe().run(view, np.random.default_rng(0))
    own = view.scheme.scores(view.release, view.embeddings).max(axis=1)  # type: ignore[attr-defined]
    assert np.mean(view.scheme.score(view.release, best)) > own.mean() - 0.01  # type: ignore[attr-defined]
    assert rank1(best, truth) < 0.8 < rank1(run(Lsh(bits=256))[0], truth)


def test_ties_of_the_best_probe_fall_at_random() -> None:
    view, _ = steal(SaltedHash())
    assert len(np.unique(BestProbe().run(view, np.random.default_rng(0)), axis=0)) > 40


@pytest.mark.parametrize("attack", [ScoreRegression(), BestProbe()])
def test_keys_and_scores_are_needed(attack: ScoreRegression | BestProbe) -> None:
    assert "keys did not leak" in str(attack.unsupported(steal(Lsh(), leaked=False)[0]))
    assert attack.unsupported(steal(Raw(), leaked=False)[0]) is None
    assert "compares nothing" in str(attack.unsupported(steal(FullScores())[0]))


@pytest.mark.parametrize("wrong", [{"probes": FLOOR - 1}, {"order": "cubic"}])
def test_parameters_are_checked(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        ScoreRegression(**wrong)
    with pytest.raises(InputError, match="probes is 0"):
        BestProbe(probes=0)


def test_ranks_are_normal_scores_and_ties_share_theirs() -> None:
    made = graded(np.array([[1, 5, 2, 9], [3, 3, 3, 3], [0, 0, 1, 1]], dtype=np.float32))
    np.testing.assert_allclose(made[1], 0, atol=1e-12)
    assert (np.argsort(made[0]) == [0, 2, 1, 3]).all()
    assert made[2, 0] == made[2, 1] == -made[2, 2]


def test_probes_are_own_samples_and_draws_in_equal_parts_at_most() -> None:
    view, _ = steal(Raw())
    population = Population.of(view.embeddings)
    made = people(view, population, 100, np.random.default_rng(0)) + population.mean
    own = np.abs(made[:, None] - view.embeddings).max(axis=2).min(axis=1) < 1e-5
    assert own.sum() == 50 and len(made) == 100
    assert not own[:50].all()  # in no order
    np.testing.assert_array_equal(mirrored(made)[100:], -made)


def test_each_template_meets_probes_of_its_own() -> None:
    view, truth = steal(Raw())
    verifier, rows = Verifier(view), np.array([3, 60])
    offsets = np.array([[0.0] * DIMENSION, [2.0] + [0.0] * (DIMENSION - 1)], dtype=np.float32)
    scores = verifier.around(truth[rows], offsets, rows)
    np.testing.assert_allclose(scores, [[0, -2], [0, -2]], atol=1e-4)
    toward = truth[[5, 61]] - truth[rows]
    x, reached = verifier.along(rows, truth[rows] - toward, toward, np.array([0.5, 1.0, 2.0]))
    np.testing.assert_allclose(x, truth[rows], atol=1e-5)
    np.testing.assert_allclose(reached, 0, atol=1e-4)
    assert verifier.asked == 5
