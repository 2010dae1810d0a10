"""The threat model validates itself: one clear line for a value that an axis does not have."""

from __future__ import annotations

from typing import Any

import pytest

from fowh.core.errors import InputError
from fowh.core.threat import Threat


def test_the_default_is_the_strong_attacker_with_a_black_box() -> None:
    threat = Threat()
    assert (threat.keys, threat.leaked, threat.box) == ("subject", True, "black")
    assert (threat.queries, threat.samples, threat.versions) == (50_000, 2000, "train")


@pytest.mark.parametrize(
    "axes",
    [
        {"keys": "shared", "leaked": False},
        {"box": "white", "versions": "all"},
        {"versions": "final"},
        {"queries": 0},
        {"samples": 2},
        {"stolen": 4},
    ],
)
def test_what_an_axis_has_is_taken(axes: dict[str, Any]) -> None:
    made = Threat(**axes)
    assert {name: getattr(made, name) for name in axes} == axes


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"keys": "own"}, "threat, keys: 'own'; expected subject or shared"),
        ({"box": "grey"}, "threat, box: 'grey'; expected black or white"),
        ({"versions": "last"}, "threat, versions: 'last'; expected final, train or all"),
        ({"stolen": -1}, "--stolen -1: expected numbers of at least 0"),
        ({"queries": -1}, "--queries -1: expected numbers of at least 0"),
        ({"queries": 1.5}, "threat, queries: 1.5; expected an integer"),
        ({"queries": True}, "threat, queries: True; expected an integer"),
        ({"samples": 1}, "--samples 1: expected at least 2 samples"),
        ({"samples": "many"}, "threat, samples: 'many'; expected an integer"),
    ],
)
def test_anything_else_is_one_clear_line(axes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        Threat(**axes)
    assert str(caught.value) == said
