"""Schemes that hide the embedding, or lie about what gives it away, end broken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cheats.schemes import HIDING, MASKED
from tests.cheats.world import evaluated, rank1, recognises, verdict, winners


@pytest.mark.parametrize("scheme", HIDING)
def test_what_is_hidden_is_read_off_the_scores(scheme: Any) -> None:
    result = evaluated(scheme())
    assert recognises(result)
    assert verdict(result) == "Broken"
    assert rank1(result, "score_regression") > 0.9
    # Those that read the code, or what the scheme chooses to reveal, see nobody; and the nearest of
    # the own samples alone would not have broken it.
    assert winners(result) <= {"dictionary", "best_probe", "score_regression"}
    assert rank1(result, "dictionary") < 0.5


@pytest.mark.parametrize("scheme", MASKED)
def test_inequalities_that_lie_save_nothing(scheme: Any) -> None:
    result = evaluated(scheme())
    assert recognises(result)
    assert verdict(result) == "Broken"
    assert {"score_regression", "ridge"} <= winners(result)
    assert rank1(result, "score_regression") > 0.9
    assert "preimage" not in winners(result)  # it believed them
