"""Every doubt flag, raised and not raised."""

import copy
from typing import Any

import pytest

from fowh.records.flags import raise_flags


def value(x: float, low: float | None = None) -> dict[str, Any]:
    return {"value": x, "ci_low": x if low is None else low, "ci_high": x, "n": 10}


def attack(
    rank1: float, *, learned: bool, images: bool = False, gain: float = 0.5
) -> dict[str, Any]:
    return {
        "status": "ok",
        "yields": "images" if images else "embeddings",
        "learned": learned,
        "exhausted": False,
        "metrics": {"rank1": value(rank1), "advantage_rank1": value(gain, gain)},
    }


SOUND: dict[str, Any] = {
    "spec": {"threat": {"queries": 100}},
    "data": {"development_non_mated": 99_200, "not_found": 0},
    "recognition": {"stolen_key": {"fnmr_at_fmr_1e-2": value(0.01)}},
    "attacks": {
        "preimage": attack(0.9, learned=False),
        "ridge": attack(0.95, learned=True),
        "gan": attack(0.6, learned=True, images=True),
    },
    "faces": {"preimage": {"metrics": {"rank1": value(0.5), "advantage_rank1": value(0.4, 0.2)}}},
    "controls": {"mean": {"metrics": {"type1_at_fmr_1e-2": value(0.05)}}},
}


def test_a_sound_record_raises_no_flag() -> None:
    assert raise_flags(SOUND) == []


@pytest.mark.parametrize(
    ("path", "changed", "flag", "said"),
    [
        (
            ("attacks", "ridge", "metrics", "rank1", "value"),
            0.5,
            "learned-below-closed-form",
            "ridge",
        ),
        (("attacks", "gan", "metrics", "rank1", "value"), 0.4, "learned-below-closed-form", "gan"),
        (("attacks", "gan", "status"), "failed", "attack-failed", "gan"),
        (("attacks", "gan", "exhausted"), True, "budget-exhausted", "gan used all"),
        (
            ("recognition", "stolen_key", "fnmr_at_fmr_1e-2", "value"),
            0.9,
            "recognition-too-poor",
            "mated",
        ),
        (
            ("controls", "mean", "metrics", "type1_at_fmr_1e-2", "value"),
            0.63,
            "type1-is-cheap",
            "63 %",
        ),
        (("data", "development_non_mated"), 900, "few-comparisons", "900"),
        (("data", "not_found"), 3, "faces-not-found", "3 samples"),
    ],
)
def test_each_flag(path: tuple[str, ...], changed: Any, flag: str, said: str) -> None:
    record = copy.deepcopy(SOUND)
    at = record
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = changed
    raised = raise_flags(record)
    assert [one["flag"] for one in raised] == [flag]
    assert said in raised[0]["text"]


def test_no_better_than_blind_needs_every_attack_to_fail() -> None:
    record = copy.deepcopy(SOUND)
    for row in (*record["attacks"].values(), *record["faces"].values()):
        row["metrics"]["advantage_rank1"] = value(0.01, -0.02)
    assert "no-better-than-blind" in [one["flag"] for one in raise_flags(record)]
    record["attacks"]["gan"]["metrics"]["advantage_rank1"] = value(0.3, 0.1)
    assert "no-better-than-blind" not in [one["flag"] for one in raise_flags(record)]
