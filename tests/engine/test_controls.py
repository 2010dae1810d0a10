"""Controls that need the truth, on a world of points on a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fowh
from fowh.protocols.standard import Standard

# Two readings of each subject are 2 apart, subjects 100: nobody is mistaken for anybody.
POINTS = 100.0 * np.arange(8)[:, None] + np.array([0.0, 2.0])


@dataclass(frozen=True)
class Line(fowh.Dataset):
    """Eight subjects with two readings each, on a line."""

    def load(self) -> fowh.Samples:
        values = np.stack([POINTS.ravel(), np.ones(16)], axis=1).astype(np.float32)
        names = tuple(f"s{number}" for number in range(8))
        return fowh.Samples(np.repeat(np.arange(8), 2), names, "line", values, "vector")


@dataclass(frozen=True)
class Exact(fowh.Attack):
    """Reads what nobody protected."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Any:
        return view.release.code


@pytest.fixture(scope="module")
def result() -> fowh.Result:
    return fowh.evaluate("raw", dataset=Line(), attacks=[Exact()], device="cpu")


def column(result: fowh.Result, control: str, name: str) -> Any:
    return result.observations[f"control.{control}.{name}"]


def test_the_truth_is_what_it_is(result: fowh.Result) -> None:
    assert (column(result, "unprotected", "distance") == 0).all()
    assert column(result, "unprotected", "rank1").all()


def test_the_nearest_own_sample_is_somebody_else_s_and_may_still_identify(
    result: fowh.Result,
) -> None:
    """The attacker's people are not in the gallery: his sample points to who is nearest there."""
    assert (column(result, "nearest", "distance") >= 98).all()
    samples, expected = Line().load(), []
    at, whose = samples.values[:, 0], samples.subjects
    for fold in Standard().folds(samples, None, False, fowh.Threat(), 0):
        for row in fold.stolen:
            own = at[fold.attacker][np.abs(at[fold.attacker] - at[row]).argmin()]
            others = fold.gallery[fold.gallery != row]
            expected.append(whose[others[np.abs(at[others] - own).argmin()]] == whose[row])
    np.testing.assert_array_equal(column(result, "nearest", "rank1"), expected)
    assert 0 < np.mean(expected) < 1


def test_a_mated_probe_is_another_reading_of_the_victim(result: fowh.Result) -> None:
    np.testing.assert_allclose(column(result, "mated_probe", "distance"), 2, atol=1e-4)
    # it is the other reading itself: which the gallery holds, so that it is found at once
    assert column(result, "mated_probe", "rank1").all()


def test_the_strongest_attack_is_given_somebody_else_s_row(result: fowh.Result) -> None:
    assert (column(result, "shuffled", "distance") >= 98).all()
    assert not column(result, "shuffled", "rank1").any()
    attack = next(name for name in result.record["attacks"] if "Exact" in name)
    assert result.observations[f"attack.{attack}.rank1"].all()


def test_without_an_attack_that_ran_nothing_is_shuffled() -> None:
    made = fowh.evaluate("raw", dataset=Line(), attacks=["morph_gan"], device="cpu")
    assert "shuffled" not in made.record["controls"]
    assert made.record["attacks"]["morph_gan"]["status"] == "skipped"


def test_the_mean_of_the_attacker_s_samples_points_nowhere(result: fowh.Result) -> None:
    assert np.abs(column(result, "mean", "purity_centred")).max() < 0.05
    assert np.abs(column(result, "random", "purity_centred")).max() > 0.5
