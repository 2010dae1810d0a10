"""Controls that need the truth, on a world of points on a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import fowh
from fowh.checks import world
from fowh.protocols.standard import Standard
from tests.engine.test_claims import Pictures
from tests.leaks.test_gradients import Line as Learner


@dataclass(frozen=True)
class Line(fowh.Dataset):
    """Eight subjects on a line, 100 apart; each has a reading at each of ``offsets``.

    By default two readings, 2 apart: nobody is mistaken for anybody.
    """

    offsets: tuple[float, ...] = (0.0, 2.0)

    def load(self) -> fowh.Samples:
        points = (100.0 * np.arange(8)[:, None] + np.array(self.offsets)).ravel()
        values = np.stack([points, np.ones(len(points))], axis=1).astype(np.float32)
        names = tuple(f"s{number}" for number in range(8))
        whose = np.repeat(np.arange(8), len(self.offsets))
        return fowh.Samples(whose, names, f"line {self.offsets}", values, "vector")


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
    # The gallery holds it as well. There is no third one by which the victim could be found.
    assert np.isnan(column(result, "mated_probe", "rank1")).all()
    assert np.isnan(column(result, "mated_probe", "other_distance")).all()
    assert result.record["controls"]["mated_probe"]["metrics"]["rank1"]["value"] is None


def test_a_mated_probe_is_not_found_by_itself() -> None:
    """Readings at 0, 2 and 60 of every 100: from 0 the neighbour's 60 is nearer than one's own."""
    made = fowh.evaluate("raw", dataset=Line((0.0, 2.0, 60.0)), attacks=[Exact()], device="cpu")
    samples, expected, at_fold = Line((0.0, 2.0, 60.0)).load(), [], 0
    at, whose = samples.values[:, 0], samples.subjects
    gap = column(made, "mated_probe", "distance")
    for fold in Standard().folds(samples, None, False, fowh.Threat(), 0):
        for row, apart in zip(fold.stolen, gap[at_fold : at_fold + len(fold.stolen)], strict=True):
            own = np.flatnonzero(whose == whose[row])
            mate = own[np.abs(np.abs(at[own] - at[row]) - apart).argmin()]
            others = np.setdiff1d(fold.gallery, [row, mate])
            expected.append(whose[others[np.abs(at[others] - at[mate]).argmin()]] == whose[row])
        at_fold += len(fold.stolen)
    np.testing.assert_array_equal(column(made, "mated_probe", "rank1"), expected)
    assert 0 < np.mean(expected) < 1


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


@pytest.mark.parametrize("attack", ["imprint", "first_layer"])
def test_one_large_batch_has_another_s_and_nothing_beside_it(attack: str) -> None:
    """All that is stolen of a fold is in one update: another's and an empty one are made for it.

    A network that the attack plants is handed out for them as well.
    """
    made = fowh.evaluate(
        "plain",
        dataset=Pictures(),
        target=Learner(),
        leak="gradients:batch=20",
        witness=world.Deaf(),
        attacks=[attack],
        server="malicious",
        device="cpu",
    )
    right = column(made, "unprotected", "rank1").mean()
    found = made.observations[f"attack.{attack}.rank1"].mean()
    assert right == 1 and found > 0.9
    for control in ("shuffled", "prior"):
        assert column(made, control, "rank1").mean() < 0.6
        assert made.record["controls"][control]["status"] == "ok"
