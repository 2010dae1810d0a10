"""What a record says of a scheme's own word, and where the two contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fowh.core.leak import Doubt
from fowh.leaks._checked import NEARLY

TOLERATED = 1e-3  # of verified pairs that rounding may put on the other side of a decision


def found(facts: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """What checks of the scheme's own word found, in all folds together.

    A fold in which the embedding is in clear, unsaid, stands for all: others must not hide it.
    """
    unsaid = [each for each in facts if _in_clear(each)]
    made: dict[str, Any] = {
        name: float(np.mean([each[name] for each in unsaid or facts]))
        for name in ("clear_cosine", "clear_permuted", "clear_said")
    }
    for name in ("verified_pairs", "verified_unlike"):
        made[name] = int(sum(each[name] for each in facts)) if name in facts[0] else None
    return made


def doubts(record: Mapping[str, Any]) -> Iterator[Doubt]:
    """Contradictions, and an embedding in clear that the scheme does not own up to."""
    yield from _contradictions(record)
    data = record["data"]
    clear, other = (data.get(name) or 0.0 for name in ("clear_cosine", "clear_permuted"))
    if _in_clear(data):
        yield (
            "stored-in-clear",
            "a linear map that never saw a row's key gives the embedding back from what is "
            f"stored (cosine {clear:.3f} for held-out people; to somebody else's, "
            f"{other:.2f}): the row holds it in clear, and the scheme does "
            "not say so",
        )


def _in_clear(found: Mapping[str, Any]) -> bool:
    clear, other = (found.get(name) or 0.0 for name in ("clear_cosine", "clear_permuted"))
    return bool(clear > NEARLY > other and not found["clear_said"])


def _contradictions(record: Mapping[str, Any]) -> Iterator[Doubt]:
    """Where a record says two things of one scheme that cannot both be so."""
    pairs, unlike = (record["data"].get(f"verified_{name}") or 0 for name in ("pairs", "unlike"))
    if unlike > TOLERATED * pairs:
        yield (
            "shortcut-refuted",
            f"of {pairs:,} pairs whose score the scheme says to know in closed form, real "
            f"verification scores {unlike:,} otherwise: its recognition is not believed",
        )
    probes = record["controls"].get("mated_probe", {"metrics": {}})["metrics"]
    for fmr, said in record["data"].get("mated_accepted", {}).items():
        seen = probes.get(f"accept_at_fmr_{fmr}") or {}
        if _never_meet(seen, said):
            yield (
                "recognition-refuted",
                f"{100 * said['value']:.1f} % of {said['n']:,} mated comparisons pass the "
                f"threshold at FMR {100 * float(fmr):g} %, and {100 * seen['value']:.1f} % of "
                f"{seen['n']:,} mated probes against the stolen templates: the same rate, "
                "measured twice, whose intervals do not meet",
            )
            return
    for said, again, whose in (
        ("mated_accepted", "mated_again", "mated"),
        ("strangers_accepted", "strangers_again", "non-mated"),
    ):
        for fmr, seen in record["data"].get(again, {}).items():
            first = record["data"][said][fmr]
            if _never_meet(seen, first):
                yield (
                    "recognition-refuted",
                    f"{100 * first['value']:.1f} % of {first['n']:,} {whose} comparisons pass the "
                    f"threshold at FMR {100 * float(fmr):g} %, and {100 * seen['value']:.1f} % of "
                    f"{seen['n']:,} that were asked again, shuffled and in a process that had seen "
                    "nothing: what the scheme answers depends on more than template and probe",
                )
                return


def _never_meet(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two intervals are apart; one that was not measured meets any."""
    if one.get("ci_low") is None or other.get("ci_low") is None:
        return False
    return bool(one["ci_low"] > other["ci_high"] or one["ci_high"] < other["ci_low"])
