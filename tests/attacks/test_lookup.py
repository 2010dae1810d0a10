"""The informed look-up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from attacks.lookup import Lookup
from fowh.core.attack import unfit
from schemes.dp_sgd import DpSgd
from tests.attacks._clients import found, stolen, turned

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("size", [1, 3])
def test_the_candidate_behind_a_row_is_found_and_not_another_s(size: int) -> None:
    view, truth, _ = stolen(Lookup(), size=size)
    assert found(Lookup().run(view, RNG), truth, 0) == 1
    assert "informed" in view.remarks[0]
    assert found(Lookup().run(turned(view), RNG), truth, 0) == 0


def test_noise_that_hides_everything_hides_it_from_him() -> None:
    view, truth, _ = stolen(Lookup(), DpSgd(sigma=30.0), rows=12)
    assert found(Lookup().run(view, RNG), truth, 0) < 0.35  # by lot 1 in 12


def test_under_noise_the_labels_that_he_is_told_count() -> None:
    view, truth, _ = stolen(Lookup(), DpSgd(sigma=0.2), rows=12)
    assert found(Lookup().run(view, RNG), truth, 0) > 0.7
    wrong = (view.candidate_classes + 1) % 4  # type: ignore[operator]
    assert found(Lookup().run(replace(view, candidate_classes=wrong), RNG), truth, 0) < 0.5
    assert "labels" in str(unfit(Lookup(), replace(view, candidate_classes=None)))


def test_without_candidates_it_says_how_to_grant_them() -> None:
    view, _, _ = stolen(Lookup())
    assert "--candidates 80" in str(unfit(Lookup(), replace(view, candidates=None)))
    assert Lookup.informed
