"""The table of cheats: what each tries, and how it ends where third parties' plug-ins run.

A scheme ends *broken* (an attack of the suite beats a blind guess, and the verdict says so), as a
cell that *failed*, or with a flag. An attack ends blind, and flagged. What gets through all the
same is marked as such, with the reason (docs/trust.md, What remains).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.cheats.pictures import POPULATION, Blobs
from tests.cheats.world import PLUGINS, SUITE, ending, evaluated, fnmr, gains, lie_about, rank1

CLEAR = {"broken", "stored-in-clear"}
POOR = {"utility-too-poor", "no-better-than-blind"}  # it recognises nobody
REFUTED = {"failed", "recognition-refuted"}
THROUGH = "gets through: "

# name of the plug-in: what must be among its endings (all of it)
SCHEMES: dict[str, set[str]] = {
    "hiding:Beside": CLEAR,
    "hiding:Shares": CLEAR,
    "hiding:Xored": {"broken"},
    "hiding:Halves": CLEAR,
    "hiding:Int64": CLEAR,
    "hiding:Double": CLEAR,
    "hiding:Permuted": CLEAR,
    "hiding:Swapped:limit=0.6": {"stored-in-clear"},
    "lying:Mute": {"broken"},
    "hiding:InTheKey": POOR,
    "remembering:Elsewhere": POOR,
    "remembering:File": POOR,
    "remembering:Environment": POOR,
    "remembering:Keyring": POOR,
    "remembering:MetAgain": POOR,
    "lying:Invented": POOR,
    "lying:TwoFaced": REFUTED,
    "lying:Masked": {"broken"},
    "lying:Empty": {"broken"},
    "lying:Vacuous": {"broken"},
    "lying:Undone": CLEAR,
    "answering:ByHeart": {"broken"},
    "answering:ByOrder": REFUTED,
    "answering:ByCrowd": REFUTED,
    "patching:Patching": {"broken"},
}
# Attacks that try it, where the first of the suite that reads templates is not enough.
READERS = {
    "answering:ByHeart": ("score_regression",),
    "hiding:Sealed:limit=0.6": SUITE,
}
GETS_THROUGH = {
    "hiding:Sealed:limit=0.6": "what a scheme's code undoes is read by no attack of the suite, "
    "and yes or no tells score_regression nothing"
}


# One of each kind is run always; processes that hold torch take seconds to make, thirty of them.
SLOW = frozenset(
    {
        *("lying:Mute", "lying:Empty", "lying:Vacuous", "lying:Undone", "lying:Masked"),
        *("lying:Invented", "lying:TwoFaced"),  # in the testbed's process: test_self_reports.py
        *("hiding:Beside", "hiding:Shares", "hiding:Halves", "hiding:Xored", "answering:ByCrowd"),
        *("hiding:Int64", "hiding:Double"),
        *("remembering:File", "remembering:Environment", "remembering:Keyring"),
        *("reaching:Garbage", "reaching:Memory", "reaching:Globals", "carrying:Order"),
        *("patching_metric:PatchedMetric", "patching_grant:PatchedGrant"),
        *("carrying:Remembered", "looking_up:Photograph", "looking_up:Cache"),
    }
)


def marked(name: str, *marks: pytest.MarkDecorator) -> Any:
    """A parameter, slow where it is."""
    return pytest.param(name, marks=[*marks, *([pytest.mark.slow] if name in SLOW else [])])


@pytest.mark.parametrize(
    "name",
    [
        *map(marked, SCHEMES),
        *(
            marked(name, pytest.mark.xfail(raises=AssertionError, reason=THROUGH + why))
            for name, why in GETS_THROUGH.items()
        ),
    ],
)
def test_a_cheating_scheme_ends_broken_refused_or_flagged(name: str) -> None:
    found = ending(evaluated(PLUGINS + name, READERS.get(name, ("ridge",))))
    if name in SCHEMES:
        assert found >= SCHEMES[name]
    assert found - {"no-better-than-blind"}  # that alone is what a good scheme ends with


# Each of these looks like a good scheme in the testbed's process: it recognises, and is not broken
# by what reads its templates.
STATEFUL = [
    *("remembering:Elsewhere", "remembering:File", "remembering:Environment"),
    *("remembering:MetAgain", "answering:ByOrder", "hiding:InTheKey"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", STATEFUL)
def test_what_only_its_own_process_catches(name: str) -> None:
    found = evaluated(PLUGINS + name, ("ridge",), trusted=True)
    assert fnmr(found) < 0.1
    assert not gains(found, "ridge")
    assert "in-process" in found.flags


ATTACKS = (
    *("reaching:Stack", "reaching:Garbage", "reaching:Memory"),
    *("reaching:Globals", "reaching:Beyond"),
    *("patching_judge:PatchedJudge", "patching_metric:PatchedMetric"),
    "patching_grant:PatchedGrant",
    *("carrying:Folds", "carrying:Order", "carrying:Remembered"),
)
# These find nothing in the testbed's process either: it leaves nothing there. So that they could is
# seen, the truth is put where they look.
NOTHING_LIES = ("reaching:Globals", "reaching:Beyond")


@pytest.mark.parametrize("name", [*map(marked, ATTACKS)])
def test_a_cheating_attack_ends_blind_and_flagged(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name in NOTHING_LIES:
        lie_about(monkeypatch)
    cheat = PLUGINS + name
    apart = evaluated("lsh:bits=512", (cheat,))
    assert not gains(apart, cheat)
    assert ending(apart) == {"no-better-than-blind"}
    assert [each["process"] for each in apart.record["spec"]["attacks"]] == ["own"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ATTACKS)
def test_in_the_testbed_s_process_it_wins_and_is_flagged(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheat = PLUGINS + name
    if name in NOTHING_LIES:
        assert rank1(evaluated("lsh:bits=512", (cheat,), trusted=True), cheat) < 0.5
        lie_about(monkeypatch)
    within = evaluated("lsh:bits=512", (cheat,), trusted=True)
    assert rank1(within, cheat) > 0.5
    assert "in-process" in within.flags


@pytest.mark.slow
def test_generators_keep_the_seed_that_keys_come_from() -> None:
    cheat = PLUGINS + "carrying:Seed"
    apart, within = (
        evaluated("lsh:bits=512", (cheat,), leaked=False, trusted=trusted)
        for trusted in (False, True)
    )
    assert not gains(apart, cheat) and ending(apart) == {"no-better-than-blind"}
    assert rank1(within, cheat) > 0.5 and "in-process" in within.flags


def test_who_calls_himself_blind_is_no_baseline() -> None:
    """Else a friend of the scheme could raise what all others have to beat."""
    cheat = PLUGINS + "claiming:Blind"
    found = evaluated("lsh:bits=512", ("ridge", cheat))
    assert found.record["controls"][cheat]["metrics"]["rank1"]["value"] > 0.9
    assert gains(found, "ridge") and "broken" in ending(found)


PICTURES = {
    "dataset": PLUGINS + "pictures:Blobs",
    "target": PLUGINS + "pictures:Blocks",
    "queries": 60,
}


def test_the_testbed_counts_queries_itself() -> None:
    cheat = PLUGINS + "claiming:Free"
    apart = evaluated("raw", (cheat,), **PICTURES)
    assert "attack-failed" in ending(apart)
    assert "query budget exhausted" in apart.record["attacks"][cheat]["reason"]
    within = evaluated("raw", (cheat,), trusted=True, **PICTURES)
    row = within.record["attacks"][cheat]
    assert row["status"] == "ok" and row["queries"] == 0  # it asked 180
    assert "in-process" in within.flags


LOOK_UP = {
    "looking_up:Dataset": ({"dataset": POPULATION}, "the dataset is installed, and can be loaded"),
    "looking_up:Cache": (PICTURES, "the cache of embeddings can be read"),
    "looking_up:Photograph": (
        {**PICTURES, "queries": 10 * Blobs().people},
        "photographs of the dataset can be loaded",
    ),
}


@pytest.mark.parametrize(
    "name",
    [
        marked(name, pytest.mark.xfail(raises=AssertionError, reason=THROUGH + why))
        for name, (_, why) in LOOK_UP.items()
    ],
)
def test_what_anybody_may_read_helps_no_attack(name: str) -> None:
    cheat = PLUGINS + name
    found = evaluated("lsh:bits=512", (cheat,), **LOOK_UP[name][0])  # type: ignore[arg-type]
    assert not gains(found, cheat)
