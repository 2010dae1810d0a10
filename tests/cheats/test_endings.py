"""The table of cheats: what each tries, and how it ends where third parties' plug-ins run.

A scheme ends *broken* (an attack of the suite beats a blind guess, and the verdict says so), as a
cell that *failed*, or with a flag. An attack ends blind, and flagged. What nothing but a reader
tells from an honest plug-in ends with flag ``unread`` alone (docs/trust.md, What remains).
"""

from __future__ import annotations

from typing import Any

import pytest

from fowh.report.page import page
from tests.cheats.pictures import POPULATION, Blobs
from tests.cheats.world import PLUGINS, SUITE, ending, evaluated, fnmr, gains, lie_about, rank1

CLEAR = {"broken", "stored-in-clear"}
POOR = {"utility-too-poor", "no-better-than-blind"}  # it recognises nobody
REFUTED = {"failed", "recognition-refuted"}

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
    "answering:Lively": {"broken"},
    "answering:ByOrder": REFUTED,
    "answering:ByCrowd": REFUTED,
    "patching:Patching": {"broken"},
}
# Attacks that try it, where the first of the suite that reads templates is not enough.
READERS = {
    "answering:ByHeart": ("score_regression",),
    "answering:Lively": SUITE,
}
# No attack of the suite reads what a scheme's own code undoes; each shuts out those that verify.
# Nothing tells them from an honest scheme but a reader, and that is what their records ask for.
UNREAD: dict[str, dict[str, Any]] = {
    "hiding:Sealed:limit=0.6": {},
    "hiding:Saturated:limit=0.6": {},
    "hiding:Locked": {"leaked": False},
    "answering:Acquainted": {},
}


# One of each kind is run always; processes that hold torch take seconds to make, thirty of them.
SLOW = frozenset(
    {
        *("lying:Mute", "lying:Empty", "lying:Vacuous", "lying:Undone", "lying:Masked"),
        *("hiding:Saturated:limit=0.6", "hiding:Locked"),
        *(
            "lying:Invented",
            "lying:TwoFaced",
            "answering:Lively",
        ),  # in the testbed's process: test_self_reports.py
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


@pytest.mark.parametrize("name", [*map(marked, SCHEMES)])
def test_a_cheating_scheme_ends_broken_refused_or_flagged(name: str) -> None:
    found = ending(evaluated(PLUGINS + name, READERS.get(name, ("ridge",))))
    assert found >= SCHEMES[name]
    assert found - {"no-better-than-blind", "unread"}  # a good scheme ends with these


def test_features_that_lie_of_victims_alone_would_get_through_but_for_their_flag() -> None:
    found = evaluated(PLUGINS + "lying:Muffled", SUITE)
    assert fnmr(found) < 0.1
    assert ending(found) == {"no-better-than-blind", "unread", "features-refuted"}
    others, victims = (found.record["data"][f"features_{who}"] for who in ("others", "victims"))
    assert others > 0.5 and abs(victims) < 0.2


@pytest.mark.parametrize("name", [*map(marked, UNREAD)])
def test_what_only_a_reader_finds_is_not_called_unbroken_before_it_is_read(name: str) -> None:
    found = evaluated(PLUGINS + name, SUITE, **UNREAD[name])
    assert fnmr(found, "own_key" if UNREAD[name] else "stolen_key") < 0.1
    assert ending(found) == {"no-better-than-blind", "unread"}
    assert page(found.record).verdict.short == "Not broken by this suite, not read"


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


PICTURES: dict[str, Any] = {
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


LOOK_UP: dict[str, dict[str, Any]] = {
    "looking_up:Dataset": {"dataset": POPULATION},
    "looking_up:Cache": PICTURES,
    "looking_up:Photograph": {**PICTURES, "queries": 10 * Blobs().people},
}


@pytest.mark.parametrize("name", [*map(marked, LOOK_UP)])
def test_what_anybody_may_read_does_not_count_before_somebody_else_has_run_it(name: str) -> None:
    """Nothing here tells it from an attack; it wins, and its record asks for another's people."""
    cheat = PLUGINS + name
    found = evaluated("lsh:bits=512", (cheat,), **LOOK_UP[name])
    assert gains(found, cheat)
    assert "unread" in ending(found)
