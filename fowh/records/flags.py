"""Doubt flags: reasons to trust a record's headline less, found in the record itself.

Each flag has a paragraph in docs/flags.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fowh.core.leak import Leak
from fowh.metrics import BY_NAME
from fowh.records.witnessed import able, adversarial, theirs, value_of

Flag = dict[str, str]
MARGIN = (
    0.02  # Rank-1 that a learned attack may lose to the closed form without a flag, or it to one
)
REFUTED = ("shortcut-refuted", "recognition-refuted")  # what is measured contradicts itself


def raise_flags(record: Mapping[str, Any], leak: Leak) -> list[Flag]:
    """All flags of a record: what any leak may raise first, then what this one knows."""
    found = [*_flags(record), *leak.doubts(record)]
    return [{"flag": name, "text": text} for name, text in found]


def refuted(record: Mapping[str, Any]) -> str | None:
    """Why what was measured cannot be believed, in words: the cell has failed; else None."""
    return next((each["text"] for each in record["flags"] if each["flag"] in REFUTED), None)


def _gain(row: Mapping[str, Any], main: str) -> float | None:
    """What an attack is sure to gain over the best blind guess."""
    return value_of(row, f"advantage_{main}", "ci_low")


def _flags(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    ran = {k: v for k, v in record["attacks"].items() if v.get("status") == "ok"}
    attacks = {k: v for k, v in ran.items() if not v.get("informed")}
    main = record["headline"]["success"][0]
    inside = [p["name"] for p in plugins(record["spec"]) if p.get("process") == "testbed"]
    if inside:
        yield (
            "in-process",
            f"{', '.join(inside)} ran in the testbed's own process, where the truth is: what is "
            "measured here holds as far as its author is trusted",
        )
    yield from _unread(record, attacks, main)
    left = record.get("environment", {}).get("left_open")
    if left:
        yield (
            "not-sealed",
            f"this kernel leaves plug-ins' processes ways to others ({', '.join(left)}): what they "
            "leave there for each other is not caught",
        )
    for name, row in record["attacks"].items():
        if row.get("status") == "failed":
            yield "attack-failed", f"{name} stopped with an error and counts for nothing here"
    if lost(record):
        metric = BY_NAME[done(record, "scenario")[0]]
        yield (
            "utility-too-poor",
            f"{metric.label} is as bad as {100 * record['headline']['useless']:.0f} % or worse: a "
            "system that no longer does its job is attacked for nothing",
        )
    ours = {name: row for name, row in attacks.items() if not theirs(row)}
    yield from _under_trained(attacks, ours, record["rendered"], main)
    yield from _surpassed(ours, main)
    yield from _gains_nothing(record, ran, main)
    tried = [*attacks.values(), *record["rendered"].values()]
    worst = [_gain(row, main) for row in tried]
    if attacks and all(low is not None and low <= 0 for low in worst):
        yield (
            "no-better-than-blind",
            f"no attack of the suite beats the best blind control in {BY_NAME[main].label}: the "
            "scheme resisted this suite, which is no proof that it resists others",
        )
    chance = record.get("chance", {}).get("rank1", 0.0)
    if not able(record, main, chance):
        yield (
            "witness-unable",
            "the witness does not surely recognise the inverter's pictures of true embeddings "
            "(nor, where there are none, those of any attack): it is unable to judge pictures, and "
            "calls none adversarial",
        )
    for section, name in adversarial(record, main, chance):
        row = record[section][name]
        yield (
            "adversarial",
            f"{name} has {BY_NAME[main].label} {100 * (value_of(row, main) or 0):.0f} % under the "
            f"target and Rank-1 {100 * (value_of(row, 'transfer_rank1') or 0):.0f} % under the "
            "witness: its samples are adversarial examples and count for no reconstruction",
        )
    for name, row in ran.items():
        if row["exhausted"]:
            yield "budget-exhausted", f"{name} used all queries that it was granted in a fold"
    target = record["spec"]["target"]
    if target and "seed" in target["params"]:
        yield (
            "one-training",
            "the target is one training of its recipe: another seed, or another machine, moves "
            "rates by several points, more than the intervals here say, which are of people",
        )
    missed = record["data"].get("not_found")
    if missed:
        yield "samples-not-found", f"the detector missed {missed} samples; a fallback stands in"


def _unread(
    record: Mapping[str, Any], attacks: Mapping[str, Any], main: str
) -> Iterator[tuple[str, str]]:
    """Third parties' plug-ins whose success rests on what was run and not read."""
    tried = [*attacks.values(), *record["rendered"].values()]
    beaten = any((_gain(row, main) or 0) > 0 for row in tried)
    if third(record["spec"]) and tried and not beaten:
        yield (
            "unread",
            f"{record['spec']['scheme']['name']} is a third party's: it was run, and not read. "
            "What its own code can undo (a constant key) or looks up is attacked by nothing here: "
            "that no attack succeeds says something once somebody has read it",
        )
    found = [name for name, row in attacks.items() if theirs(row) and (_gain(row, main) or 0) > 0]
    if found:
        yield (
            "unread",
            f"{', '.join(found)}: a third party's attack reads what you may read, the dataset "
            "and caches included. What it finds counts once somebody else has run it on people and "
            "with a seed that its author does not have",
        )


def third(spec: Mapping[str, Any]) -> bool:
    """Whether the scheme is a third party's."""
    return "process" in (spec.get("scheme") or {})


def plugins(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What a third party may have written."""
    one = [
        spec.get(kind) for kind in ("scheme", "dataset", "target", "leak", "protocol", "witness")
    ]
    return [*filter(None, one), *spec["attacks"]]


def lost(record: Mapping[str, Any]) -> bool:
    """Whether the protected system no longer does its job, or that is unknown."""
    headline = record["headline"]
    metric, given = done(record, "scenario")
    value = given.get("value")
    if value is None:
        return True
    higher = BY_NAME[metric].attacker_prefers == "higher"
    return bool(value >= headline["useless"] if higher else value <= headline["useless"])


def done(record: Mapping[str, Any], where: str) -> tuple[str, Mapping[str, Any]]:
    """How well the system does its job: by which metric, and its value.

    It is the headline's utility, or what stands for that where a system only answers yes or no.

    Args:
        record: of the cell.
        where: "scenario" (protected) or "reference".
    """
    headline = record["headline"]
    measured = record["utility"].get(headline[where]) or {}
    metric, other = headline["utility"], headline.get("decided", "")
    if metric not in measured and other in measured:
        metric = other
    return metric, measured.get(metric) or {}


def _gains_nothing(
    record: Mapping[str, Any], ran: Mapping[str, Any], main: str
) -> Iterator[tuple[str, str]]:
    """An attack that holds the network and is not surely better than the same one without it.

    Only in what the black box leaves to gain, and only what a witness does not take for patterns
    that the target alone believes.
    """
    chance = record.get("chance", {}).get("rank1", 0.0)
    doubted, judges = adversarial(record, main, chance), able(record, main, chance)
    for name, row in ran.items():
        beside = row.get("black_box")
        if beside is None:
            continue
        wanted = [metric for metric in record["headline"]["success"] if metric in beside["room"]]
        open_ = [metric for metric in wanted if (beside["room"][metric]["ci_low"] or 0) > 0]
        sure = any((beside["gains"][metric]["ci_low"] or 0) > 0 for metric in open_)
        seen = beside["gains"].get("transfer_rank1", {}).get("ci_high")
        patterns = ("attacks", name) in doubted or (judges and seen is not None and seen < 0)
        if not open_ or (sure and not patterns):
            continue
        said = ", ".join(
            f"{BY_NAME[metric].label} {100 * (value_of(row, metric) or 0):.1f} % and "
            f"{100 * (value_of(ran[beside['of']], metric) or 0):.1f} %"
            for metric in open_
        )
        why = (
            "the witness does not see what it gains"
            if sure
            else "it is under-trained, or the network tells it nothing that queries do not"
        )
        yield (
            "white-box-gains-nothing",
            f"{name} holds the target's network and is not surely better than without it ({said}): "
            f"{why}: what a white box is worth stays unknown",
        )


def _surpassed(attacks: Mapping[str, Any], main: str) -> Iterator[tuple[str, str]]:
    """A closed form on embeddings that surely does worse than a learned attack."""
    level = [row for row in attacks.values() if row["yields"] == "embeddings"]
    learned = [row for row in level if row["learned"] and value_of(row, main) is not None]
    if not learned:
        return
    best = max(learned, key=lambda row: value_of(row, main) or 0.0)
    value, low = value_of(best, main) or 0.0, value_of(best, main, "ci_low")
    for name, row in attacks.items():
        mine, high = value_of(row, main), value_of(row, main, "ci_high")
        if row not in level or row["learned"] or not row["closed_form"]:
            continue
        if mine is None or high is None or low is None:
            continue
        if mine < value - MARGIN and high < low:
            yield (
                "closed-form-below-learned",
                f"{name} ({BY_NAME[main].label} {100 * mine:.1f} %) solves what the scheme says of "
                f"its rows, and loses to a learned attack ({100 * value:.1f} %): what the scheme "
                "says is not all that a row holds, or not true",
            )


def _under_trained(
    attacks: Mapping[str, Any], ours: Mapping[str, Any], rendered: Mapping[str, Any], main: str
) -> Iterator[tuple[str, str]]:
    """A learned attack that loses to a closed form of ours, level by level (embeddings, samples).

    Where no closed form ran, one that does no better than a blind guess: nothing says why.
    """
    best: dict[str, float] = {}
    for name, row in ours.items():
        if row["closed_form"]:
            samples = rendered.get(name, {}) if row["yields"] == "embeddings" else row
            for level, part in ((row["yields"], row), ("samples", samples)):
                value = value_of(part, main)
                if value is not None:
                    best[level] = max(value, best.get(level, 0.0))
    learned = [row for row in ours.values() if row["learned"]]
    seeing = {row["yields"] for row in learned if (_gain(row, main) or 0) > 0}
    for name, row in attacks.items():
        mine, closed = value_of(row, main), best.get(row["yields"])
        if not row["learned"] or row["closed_form"] or mine is None:
            continue
        gain = _gain(row, main)
        if closed is None and gain is not None and gain <= 0:
            yield (
                "learned-nothing",
                f"{name} ({BY_NAME[main].label} {100 * mine:.1f} %) does no better than a blind "
                "guess, and no closed form ran that it could be held to: it is under-trained, or "
                "what it reads does not tell it what it is after. Which of the two is not known, "
                "and its rate says nothing about the leak",
            )
        if closed is None or mine >= closed - MARGIN:
            continue
        said = (
            f"{name} ({BY_NAME[main].label} {100 * mine:.1f} %) loses to the closed form "
            f"({100 * closed:.1f} %)"
        )
        if gain is not None and gain <= 0 and row["yields"] not in seeing:
            yield (
                "not-identifiable",
                f"{said}, and like every other learned attack of its kind it does no better than "
                "a blind guess: what it reads does not tell it whom it sees, and its rate says "
                "nothing about the leak",
            )
        else:
            yield (
                "under-trained",
                f"{said}: it is under-trained, and its rate understates the leak",
            )
