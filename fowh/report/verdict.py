"""The verdict on one cell, in one or two plain sentences."""

from __future__ import annotations

from fowh.records.summarise import BLIND
from fowh.report.numbers import known, measured, percent
from fowh.report.summary import Level, Record, Row, rows, worst_level

BROKEN = 0.5  # worst case from which a scheme is "broken"; a smaller gain over blind "leaks"
USELESS = 0.5  # FNMR at FMR 1 % from which a system no longer recognises people
GOALS = {  # what an attacker wants, by metric
    "rank1": "identifies {} % of the victims at rank 1",
    "type1_at_fmr_1e-3": "passes for the victim at FMR 0.1 % in {} % of all cases",
}


def verdict(record: Record) -> str:
    """What a reader should take home; the words before the first colon are its short form.

    A cell is *broken* or *leaks* only if one single attack beats every blind control of its level
    (embeddings, images) beyond chance, for rank 1 or for type 1 at FMR 0.1 %. The worst case alone
    cannot show that: the union of several blind guesses beats each of them.
    """
    if not record.get("recognition") and record.get("status") != "ok":
        lines = (record.get("reason") or "no reason given").strip().splitlines()
        return f"{str(record.get('status')).capitalize()}: {lines[-1]}"
    useless, recognition = _recognition(record)
    head, attacked = _attacked(record)
    if not useless:
        return f"{head}: {attacked} {recognition}"
    if head in ("Broken", "Leaks"):
        return f"{head}, does not recognise people: {attacked} {recognition}"
    return f"Does not recognise people: {recognition} That it resists means little: {attacked}"


def short_verdict(record: Record) -> str:
    """The verdict in a word or a few."""
    return verdict(record).partition(":")[0].partition(" (")[0]


def at_goal(record: Record) -> bool:
    """Recognition is kept and no attack of the suite beats a blind guess."""
    return _attacked(record)[0].startswith("Not broken") and " is kept" in _recognition(record)[1]


def blind(record: Record, metric: str, level: Level | None = None) -> tuple[float, float] | None:
    """The best blind control: its value, and what an interval must exceed to be better than it.

    Pictures are few, and intervals of few templates are wide, so each level has its own bar: the
    highest upper confidence bound of the controls that hand in the same. Who hands in a picture
    could have handed in any embedding instead, so for images those controls' values count too.

    Args:
        record: of the cell.
        metric: to compare in.
        level: of the attack; None for that of the worst case.
    """
    level = level or worst_level(record)
    embeddings, images = _controls(record, "embeddings"), _controls(record, "images")
    own = images if level == "images" and known(images, metric) else embeddings
    values = known(embeddings if level == "embeddings" else [*embeddings, *images], metric)
    return (max(values), max([*values, *known(own, metric, "ci_high")])) if values else None


def gains(record: Record, row: Row, metric: str) -> bool:
    """Whether an attack beats every blind control of its level beyond chance.

    For the worst case: whether that holds for one of the attacks it is made of.
    """
    if row.kind in ("blind", "control"):
        return False
    parts = _ran(record) if row.kind == "worst" else [(row.level, row.metrics)]
    return any(_beats(record, metric, *part) for part in parts)


def _beats(record: Record, metric: str, level: Level, metrics: Record) -> bool:
    """By the paired advantage, which sees the same templates on both sides; else by intervals."""
    limit, low = blind(record, metric, level), known([metrics], metric, "ci_low")
    if limit is None or not low:
        return False
    gain = known([metrics], f"advantage_{metric}", "ci_low")
    return gain[0] > 0 if gain else low[0] > limit[1]


def _controls(record: Record, level: Level) -> list[Record]:
    """Metrics of the blind controls of a level."""
    controls = record.get("controls") or {}
    names = [name for name in BLIND if name.endswith("_face") == (level == "images")]
    return [controls[name].get("metrics") or {} for name in names if name in controls]


def _tried(record: Record) -> list[Row]:
    return [row for row in rows(record) if row.kind in ("attack", "face")]


def _ran(record: Record) -> list[tuple[Level, Record]]:
    """Level and metrics of every attack and face that ran."""
    return [(row.level, row.metrics) for row in _tried(record) if row.metrics]


def _recognition(record: Record) -> tuple[bool, str]:
    """Whether recognition is lost, and a sentence on it."""
    scenarios = record.get("recognition") or {}
    stolen = "stolen_key" in scenarios  # the conservative scenario, where it was measured
    protected = scenarios.get("stolen_key" if stolen else "own_key") or {}
    kept = measured(protected.get("fnmr_at_fmr_1e-2"))
    clear = measured((scenarios.get("unprotected") or {}).get("fnmr_at_fmr_1e-2"))
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
    tried, ran = _tried(record), _ran(record)
    if not ran:
        return "Not attacked", "no attack of the suite ran, so nothing is known about it."
    if any(blind(record, "rank1", level) is None for level, _ in ran):
        return "Undecided", "no blind control ran that the attacks could be compared with."
    worst = (worst_level(record), (record.get("worst") or {}).get("metrics") or {})
    won, lost, top = [], [], 0.0
    for metric, words in GOALS.items():
        rates = [(rate, at) for at, part in (worst, *ran) for rate in known([part], metric)]
        best, level = max(rates, key=lambda found: found[0], default=(0.0, worst[0]))
        guess, _ = blind(record, metric, level) or (0.0, 0.0)
        said = f"{words.format(percent(best))} (a blind guess: {percent(guess)} %)"
        if any(_beats(record, metric, *part) for part in ran):
            won.append(said)
            top = max(top, best)
        else:
            lost.append(said)
    if won:
        holds = "and its keys" if record["spec"]["threat"].get("leaked") else "but not its keys"
        head = "Broken" if top >= BROKEN else "Leaks"
        return head, f"whoever stole the database {holds} {' and '.join(won)}."
    part = "no attack"
    if len(ran) < len(tried):
        part = f"none of the {len(ran)} attacks that ran ({len(tried) - len(ran)} did not)"
    return (
        "Not broken by this suite (which proves nothing about stronger attacks)",
        f"{part} beats a blind guess; whoever tries them all {' and '.join(lost)}.",
    )
