"""The verdict on one cell, in one or two plain sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from fowh.metrics import BY_NAME
from fowh.records.flags import done, lost, refuted, third
from fowh.records.store import Record
from fowh.report.evidence import (
    MOST,
    best_guess,
    chosen,
    many_guesses,
    strongest,
    worst_level,
)
from fowh.report.lines import Line, protected_and_clear
from fowh.report.numbers import Number, label
from fowh.report.words import scenario, thief

BROKEN = 0.5  # success of the best attack that breaks a scheme; a smaller gain over blind "leaks"

Tone = Literal["bad", "neutral", "good"]


@dataclass(frozen=True)
class Verdict:
    """What a reader should take home.

    Attributes:
        short: in a word or a few.
        head: the same, with a caution where one is due.
        rest: the sentences after it.
        tone: bad where an attack beats blind guesses; good where none does and the system does its
            job as without protection; nothing that fails at its job is good.
    """

    short: str
    head: str
    rest: str
    tone: Tone

    @property
    def text(self) -> str:
        """The whole verdict."""
        return f"{self.head}: {self.rest}"


def decide(record: Record, lines: Sequence[Line]) -> Verdict:
    """The verdict on a cell; none of it is drawn from a record that contradicts itself.

    A cell is *broken* or *leaks* only if the best single attack, chosen on other people than it is
    counted on, beats every blind control of its level (embeddings, samples) beyond chance, in
    something that an attacker of this leak wants. The largest of many attacks cannot show that, nor
    can their union: the union of several blind guesses beats each of them.

    Args:
        record: of the cell.
        lines: of its table of attacks.
    """
    contradiction = refuted(record)
    if contradiction:
        return Verdict("Refuted", "Refuted", f"{contradiction}.", "bad")
    state, job = _utility(record)
    short, caution, attacked = _attacked(record, lines)
    by = done(record, "scenario")[0]
    by = f" (utility: {label(by)})" if by != record["headline"]["utility"] else ""
    attacked += _claimed(record)
    failed = short in ("Broken", "Leaks")
    tone: Tone = "bad" if failed else "neutral"
    if state == "lost" and failed:
        short += ", does not do its job"
    elif state == "lost":
        rest = f"{job} That it resists means little: {attacked}"
        return Verdict(f"Does not do its job{by}", "Does not do its job", rest, tone)
    elif state == "kept" and caution:
        tone = "good"
    return Verdict(short + by, short + caution, f"{attacked} {job}", tone)


def _utility(record: Record) -> tuple[str, str]:
    """What became of the system's job (kept, suffers, lost, unclear), and a sentence on it."""
    headline = record["headline"]
    kept, clear = protected_and_clear(record)
    scenarios = record["utility"].get(headline["scenario"], {})
    loss = Number.of("utility_loss", scenarios.get("utility_loss"))
    if kept.value is None:
        return "unclear", f"{label(kept.metric)} was not measured."
    text = f"{label(kept.metric)} is {kept.words} ({scenario(record, headline['scenario'])})"
    if clear.value is not None:
        other = f"{label(clear.metric)} " if clear.metric != kept.metric else ""
        text += f" against {other}{clear.words} ({scenario(record, headline['reference'])})"
    if lost(record):
        return "lost", f"{text}."
    if loss.value is None or loss.low is None or loss.high is None:
        return "unclear", f"{text}."
    margin = headline["margin"]
    text += f"; lost: {loss.text} {loss.interval} points (margin {100 * margin:g})"
    if loss.high <= margin:
        return "kept", f"Utility is kept: {text}."
    if loss.low > margin:
        return "suffers", f"Utility suffers: {text}."
    return "unclear", f"That utility is kept is not shown: {text}."


def _attacked(record: Record, lines: Sequence[Line]) -> tuple[str, str, str]:
    """Short form, a caution after it, and a sentence on the attacks."""
    tried = [line for line in lines if line.kind in ("attack", "rendered")]
    ran = [line for line in tried if line.numbers]
    wanted = record["headline"]["success"]
    if not ran:
        return "Not attacked", "", "no attack of the suite ran, so nothing is known about it."
    if any(best_guess(record, wanted[0], line.level) is None for line in ran):
        return "Undecided", "", "no blind control ran that the attacks could be compared with."
    won, failed, top = [], [], 0.0
    for metric in wanted:
        best = strongest(record, metric).value or 0.0
        said = f"{_goal(metric, best)} ({'; '.join(_beside(record, metric))})"
        if any(line[metric].alarm for line in lines if line.kind == "best"):
            won.append(said)
            top = max(top, best)
        else:
            failed.append(said)
    if won:
        said = f"{thief(record)} {' and '.join(won)}, by the best single attack."
        return "Broken" if top >= BROKEN else "Leaks", "", said
    part = "no attack"
    if len(ran) < len(tried):
        part = f"none of the {len(ran)} attacks that ran ({len(tried) - len(ran)} did not)"
    return (
        "Not broken by this suite" + ", not read" * third(record["spec"]),
        " (which proves nothing about stronger attacks)",
        f"{part} beats a blind guess; the best of them {' and '.join(failed)}.",
    )


def _claimed(record: Record) -> str:
    """A sentence on what is claimed outright, beside what the headline asks, better than by lot."""
    said = ""
    for metric, lots in record["chance"].items():
        best = strongest(record, metric)
        known = BY_NAME.get(metric)
        asked = metric in record["headline"]["success"] or known is None or not known.goal
        if not asked and best.low is not None and best.low > lots:
            by_lot = Number(metric, lots).words
            said += f" But attack {chosen(record, metric)} {_goal(metric, best.value or 0)}"
            said += f" {best.interval} (chance: {by_lot})."
    return said


def _beside(record: Record, metric: str) -> list[str]:
    """What a rate is to be compared with: lots, one blind guess, very many of them."""
    guess = best_guess(record, metric, worst_level(record))
    found: dict[str, float | None] = {
        "chance": record["chance"].get(metric),
        "a blind guess": guess.value if guess else None,
        f"{MOST:,} blind guesses": many_guesses(record, metric).value,
    }
    said = [f"{name}: {Number(metric, v).words}" for name, v in found.items() if v is not None]
    return [f"by {chosen(record, metric)}", *said] if chosen(record, metric) else said


def _goal(metric: str, value: float) -> str:
    words = BY_NAME[metric].goal or f"reaches {label(metric)} {{}} %"
    return words.format(Number(metric, value).text)
