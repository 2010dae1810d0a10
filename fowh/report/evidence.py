"""Evidence: what a blind attacker reaches, and whether an attack is better than that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fowh.records.store import Record
from fowh.report.numbers import ADVANTAGE, Number

Metrics = Mapping[str, Any]  # of one row of a record
MOST = 1000  # blind guesses that a verdict quotes


@dataclass(frozen=True)
class Guess:
    """The best blind control.

    Attributes:
        value: what it reaches.
        bar: what an interval must exceed to be better than it.
    """

    value: float
    bar: float


def best_guess(record: Record, metric: str, level: str) -> Guess | None:
    """The best blind control of a level; None where none was measured.

    Samples are few, and intervals of few rows are wide, so each level has its own bar: the highest
    upper confidence bound of the controls that hand in the same. Who hands in a sample could have
    handed in any embedding instead, so for samples those controls' values count too.

    Args:
        record: of the cell.
        metric: to compare in.
        level: what the attack hands in: "embeddings" or "samples".
    """
    blind = [row for row in record["controls"].values() if row["blind"]]
    embeddings, samples = (
        [row["metrics"] for row in blind if row["yields"] == kind]
        for kind in ("embeddings", "samples")
    )
    all_of_them = embeddings if level == "embeddings" else [*embeddings, *samples]
    own = samples if level == "samples" and _known(samples, metric, "value") else embeddings
    values = _known(all_of_them, metric, "value")
    if not values:
        return None
    return Guess(max(values), max([*values, *_known(own, metric, "high")]))


def beats(record: Record, metric: str, level: str, metrics: Metrics) -> bool:
    """Whether a row beats every blind control of its level beyond chance.

    By the paired advantage, which sees the same rows on both sides; else by intervals.
    """
    guess, low = best_guess(record, metric, level), _known([metrics], metric, "low")
    if guess is None or not low:
        return False
    gain = _known([metrics], ADVANTAGE + metric, "low")
    return gain[0] > 0 if gain else low[0] > guess.bar


def worst_level(record: Record) -> str:
    """What the worst case is compared with: it spans the rows that its longest part spans.

    Those are all stolen rows, as for embedding controls, once one embedding attack ran; with
    samples alone they are the few of the folds that those ran on.
    """
    rows = {k: row for k, row in record["attacks"].items() if k not in informed(record)}
    ran = [row["yields"] for row in rows.values() if row["metrics"]]
    return "embeddings" if "embeddings" in ran else "samples"


def informed(record: Record) -> list[str]:
    """Attacks that were given what no thief has: they count neither as best nor in the union."""
    return [name for name, row in record["attacks"].items() if row.get("informed")]


def _known(rows: Iterable[Metrics], metric: str, which: str) -> list[float]:
    """That part of a metric from every row that has it."""
    found = [getattr(Number.of(metric, row.get(metric)), which) for row in rows]
    return [value for value in found if value is not None]


def strongest(record: Record, metric: str) -> Number:
    """What the best single attack reaches, chosen on other people than it is counted on."""
    return Number.of(metric, record["best"]["metrics"].get(metric))


def chosen(record: Record, metric: str) -> str:
    """Which attack that is; several, if other people lead to other choices."""
    return " / ".join(dict.fromkeys(_chosen(record, metric)))


def _chosen(record: Record, metric: str) -> list[str]:
    """The attack that each part of the people is counted with."""
    return list(record["best"]["chosen"].get(metric, ()))


def best_level(record: Record) -> str:
    """What the best single attack hands in: samples, if it is anywhere an attack that does."""
    names = {name for metric in record["headline"]["success"] for name in _chosen(record, metric)}
    rows = record["attacks"]
    samples = any(rows.get(name, {"yields": "samples"})["yields"] == "samples" for name in names)
    return "samples" if samples else "embeddings"  # one that was rendered is no row of attacks


def many_guesses(record: Record, metric: str, count: int = MOST) -> Number:
    """What a list of blind guesses reaches."""
    return Number.of(metric, record["guesses"].get(metric, {}).get(str(count)))
