"""Schemes that hide the embedding, or lie about what gives it away, end broken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cheats.schemes import HIDING, MASKED, Beside
from tests.cheats.world import evaluated, rank1, recognises, verdict, winners


@pytest.mark.parametrize("scheme", HIDING)
def test_what_is_hidden_is_read_off_the_scores(scheme: Any) -> None:
    result = evaluated(scheme())
    assert recognises(result)
    assert verdict(result) == "Broken"
    assert rank1(result, "score_regression") > 0.9
    # Nothing is stored of what is kept elsewhere: those that read a row see nobody. What is stored
    # beside the code is read, whatever the scheme says of it. The nearest of the own samples alone
    # would have broken neither.
    reading = {"ridge", "mlp"} if scheme is Beside else set()
    assert reading <= winners(result) <= reading | {"dictionary", "best_probe", "score_regression"}
    assert rank1(result, "dictionary") < 0.5


@pytest.mark.parametrize("scheme", MASKED)
def test_inequalities_that_lie_save_nothing(scheme: Any) -> None:
    result = evaluated(scheme())
    assert recognises(result)
    assert verdict(result) == "Broken"
    # The pre-image tries them on own samples, believes them no longer, and reads the code.
    assert {"score_regression", "ridge", "preimage"} <= winners(result)
    assert rank1(result, "score_regression") > 0.9
