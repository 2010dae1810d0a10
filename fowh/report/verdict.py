"""The verdict on one cell, in one or two plain sentences."""

from __future__ import annotations

from typing import Any

from fowh.report.summary import BLIND, Record, measured, percent

BROKEN = 0.5  # worst case from which a scheme is "broken"; a smaller gain over blind "leaks"
USELESS = 0.5  # FNMR at FMR 1 % from which a system no longer recognises people
GOALS = {  # what an attacker wants, by metric
    "rank1": "identifies {} % of the victims at rank 1",
    "type1_at_fmr_1e-3": "passes for the victim at FMR 0.1 % in {} % of all cases",
}


def verdict(record: Record) -> str:
    """What a reader should take home; the words before the first colon are its short form.

    A cell is *broken* or *leaks* only if one single attack beats every blind control beyond both
    confidence intervals, for rank 1 or for type 1 at FMR 0.1 %. The worst case alone cannot show
    that: the union of several blind guesses beats each of them.
    """
    if record.get("status") != "ok":
        return f"{str(record.get('status')).capitalize()}: {record.get('reason') or 'no reason'}"
    useless, recognition = _recognition(record)
    head, attacked = _attacked(record)
    if not useless:
        return f"{head}: {attacked} {recognition}"
    if head in ("Broken", "Leaks"):
        return f"{head} and does not recognise people: {attacked} {recognition}"
    return f"Does not recognise people: {recognition} That it resists means little: {attacked}"


def short_verdict(record: Record) -> str:
    """The verdict in a word or a few."""
    return verdict(record).partition(":")[0].partition(" (")[0]


def blind(record: Record, metric: str) -> tuple[float, float] | None:
    """The best blind control: its value, and what an attack must exceed to be better than it.

    The latter is the highest upper confidence bound of all blind controls.
    """
    controls = (record.get("controls") or {}).items()
    parts = [part["metrics"] for name, part in controls if name in BLIND and part.get("metrics")]
    values = _known(parts, metric, "value")
    if not values:
        return None
    return max(values), max([*values, *_known(parts, metric, "ci_high")])


def _recognition(record: Record) -> tuple[bool, str]:
    """Whether recognition is lost, and a sentence on it."""
    scenarios = record.get("recognition") or {}
    stolen = "stolen_key" in scenarios  # the conservative scenario, where it was measured
    kept = _value(scenarios.get("stolen_key" if stolen else "own_key"), "fnmr_at_fmr_1e-2")
    clear = _value(scenarios.get("unprotected"), "fnmr_at_fmr_1e-2")
    if kept["value"] is None:
        return False, "Recognition was not measured."
    text = f"FNMR {percent(kept['value'])} % at FMR 1 %"
    text += " when the key is stolen" if stolen else " with everybody's own key"
    if clear["value"] is not None:
        text += f", {percent(clear['value'])} % without protection"
    if kept["value"] >= USELESS:
        return True, f"{text}."
    low, high = kept["ci_low"], clear["ci_high"]
    if low is None or high is None:
        return False, f"Recognition: {text}."
    return False, f"Recognition {'suffers' if low > high else 'is kept'}: {text}."


def _attacked(record: Record) -> tuple[str, str]:
    """Short form and a sentence on the attacks."""
    tried = [*(record.get("attacks") or {}).values(), *(record.get("faces") or {}).values()]
    ran = [part["metrics"] for part in tried if part.get("status", "ok") == "ok"]
    if not ran:
        return "Not attacked", "no attack of the suite could run, so nothing is known about it."
    if blind(record, "rank1") is None:
        return "Undecided", "no blind control was run that the attacks could be compared with."
    worst = (record.get("worst") or {}).get("metrics") or {}
    won, lost, top = [], [], 0.0
    for metric, words in GOALS.items():
        best = max(_known([worst, *ran], metric, "value"), default=0.0)
        guess, bar = blind(record, metric) or (0.0, 0.0)
        said = f"{words.format(percent(best))} (a blind guess: {percent(guess)} %)"
        if any(low > bar for low in _known(ran, metric, "ci_low")):
            won.append(said)
            top = max(top, best)
        else:
            lost.append(said)
    if won:
        holds = "and its keys" if record["spec"]["threat"].get("leaked") else "but not its keys"
        head = "Broken" if top >= BROKEN else "Leaks"
        return head, f"whoever stole the database {holds} {' and '.join(won)}."
    part = f"none of the {len(tried)} attacks"
    if len(ran) < len(tried):
        part = f"none of the {len(ran)} attacks that ran ({len(tried) - len(ran)} did not)"
    return (
        "Not broken by this suite (which proves nothing about stronger attacks)",
        f"{part} beats a blind guess; whoever tries all of them {' and '.join(lost)}.",
    )


def _known(parts: list[Any], metric: str, key: str) -> list[float]:
    """That key of a metric wherever it has a value."""
    found = [measured(part.get(metric))[key] for part in parts]
    return [value for value in found if value is not None]


def _value(part: Record | None, metric: str) -> dict[str, Any]:
    return measured((part or {}).get(metric))
