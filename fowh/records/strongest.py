"""What attackers reach at most: the best single attack, all together, and blind guesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.engine.cell import Cell, row_name
from fowh.engine.findings import Findings, Row, joined
from fowh.engine.judge import CANDIDATES, TRIES
from fowh.metrics import BY_NAME, inversion
from fowh.metrics.intervals import rate
from fowh.metrics.inversion import within
from fowh.records import witnessed

Table = Mapping[Row, Mapping[str, NDArray[Any]]]  # success of every row on all stolen rows
Streams = Callable[..., np.random.Generator]
# success of one metric, and the rows it was chosen from, to an advantage; None where there is none
Gain = Callable[[str, NDArray[np.float64], list[Row]], dict[str, Any] | None]
COUNTS = (1, 10, 100, 1000)  # blind guesses that a record states


def counted(
    cell: Cell, table: Table, sections: Mapping[str, Any], chance: Mapping[str, float]
) -> list[Row]:
    """Rows of attacks that count.

    What only the attacked target believes is no reconstruction, and who is informed is no thief.
    """
    doubted = witnessed.adversarial(
        sections, cell.leak.headline.success[0], chance.get("rank1", 0.0)
    )
    told = {row_name(attack) for attack in cell.attacks if attack.informed}
    theirs = [row for row in table if row[0] in ("attacks", "rendered") and row[1] not in told]
    return [row for row in theirs if row not in doubted]


def best(
    table: Table,
    rows: list[Row],
    subjects: NDArray[np.int64],
    stream: Streams,
    gain: Gain,
    turns: Mapping[str, NDArray[Any]],
) -> dict[str, Any]:
    """The best single attack, chosen on other people than it is counted on.

    For each fold it is the attack that does best on all the others; with a single fold each half of
    its subjects is counted with what does best on the other half. An attacker cannot know which of
    many attacks will do best on those whom he attacks: the largest of several rates flatters him.
    Of several that do equally well it is the first; where there is one attack, there is no choice.

    Args:
        table: success of every row of the record; NaN on stolen rows where it was not measured.
        rows: that count.
        subjects: (n,) of the stolen rows.
        stream: draws halves and intervals.
        gain: says what success is worth beyond the best blind control, paired.
        turns: of a list of blind guesses, the one that succeeds, by metric.

    Returns:
        ``metrics`` (a value each, and the advantage where there is one), ``chosen`` (by metric, the
        name of each part's choice), ``followed``: by metric and number of guesses, what its
        candidates reach with the list of blind guesses after them; and ``likeness``: by metric
        that has an advantage, how like the truth those reconstructions are, if they are samples.
    """
    parts = _parts(table, rows, subjects, stream)
    metrics, chosen, followed, likeness = {}, {}, {}, {}
    there = dict.fromkeys(name for row in rows for name in table[row])
    for metric in filter(_is_success, there):
        able = [row for row in rows if metric in table[row]]
        values = np.stack([table[row][metric] for row in able])
        found, names = np.full(len(subjects), np.nan), []
        own, many = found.copy(), np.ones(len(subjects))
        picks: list[tuple[NDArray[np.bool_], Row]] = []
        for part in np.unique(parts[~np.isnan(parts)]):
            here = parts == part
            ran = ~np.isnan(values[:, here]).all(axis=1)
            elsewhere = np.array([_mean(column[~here]) for column in values])
            elsewhere[~ran] = np.nan
            if len(able) == 1 and ran[0]:
                elsewhere[0] = 0.0
            if np.isnan(elsewhere).all():
                continue
            pick = int(np.nanargmax(elsewhere))
            found[here] = values[pick][here]
            theirs = table[able[pick]]
            once = np.where(found > 0, 1.0, np.where(np.isnan(found), np.nan, np.inf))
            own[here] = theirs.get(f"{TRIES}{metric}", once)[here]
            many[here] = theirs.get(CANDIDATES, many)[here]
            names.append(named(able[pick]))
            picks.append((here, able[pick]))
        value = inversion.summarise({metric: found}, subjects, stream("best", metric))[metric]
        metrics[metric], chosen[metric] = value.to_json(), names
        more = gain(metric, found, [row for _, row in picks])
        if more is not None:
            metrics[f"advantage_{metric}"] = more
            alike = inversion.summarise(_alike(table, picks), subjects, stream("alike", metric))
            likeness[metric] = {name: value.to_json() for name, value in alike.items()}
        if metric in turns:
            followed[metric] = {
                str(count): rate(
                    _then(own, many, turns[metric], count),
                    subjects,
                    stream("followed", metric, str(count)),
                ).to_json()
                for count in COUNTS
            }
    return {"metrics": metrics, "chosen": chosen, "followed": followed, "likeness": likeness}


def _alike(
    table: Table, picks: list[tuple[NDArray[np.bool_], Row]]
) -> dict[str, NDArray[np.float64]]:
    """Likeness by metric of what each part of the rows is counted with, where all of it has one."""
    made = {}
    for name in table[picks[0][1]]:
        likeness = name in BY_NAME and BY_NAME[name].role == "likeness"
        if likeness and all(name in table[row] for _, row in picks):
            parts = [np.where(here, table[row][name], np.nan) for here, row in picks]
            made[name] = np.fmax.reduce(parts)
    return made


def _then(
    own: NDArray[Any], many: NDArray[Any], turns: NDArray[Any], count: int
) -> NDArray[np.float64]:
    """Success within so many guesses: first the attack's candidates of a row, then blind ones.

    Args:
        own: (n,) the turn on which a candidate succeeds.
        many: (n,) candidates of each row.
        turns: (n,) the turn on which a blind guess succeeds.
        count: guesses in all.
    """
    made = within(own, count)
    for candidates in np.unique(many[~np.isnan(many)]):
        here = (many == candidates) & ~np.isnan(made)
        if count > candidates:
            blind = within(turns, count - int(candidates))[here]
            made[here] = np.where(np.isnan(blind), np.nan, np.maximum(made[here], blind))
    return made


def worst(
    table: Table,
    rows: list[Row],
    found: Findings,
    subjects: NDArray[np.int64],
    stream: Streams,
) -> dict[str, Any]:
    """Per stolen row, success of any attack; beside it any of as many blind guesses.

    Returns:
        ``metrics``, ``of`` (the attacks), ``folds``, and ``blind``: of as many guesses by metric.
    """
    if not rows:
        return {"metrics": {}, "folds": 0, "of": [], "blind": {}}
    columns = inversion.worst([table[row] for row in rows])
    columns = {name: values for name, values in columns.items() if _is_success(name)}
    values = inversion.summarise(columns, subjects, stream("worst"))
    turns = joined(found.tries)
    return {
        "metrics": {name: value.to_json() for name, value in values.items()},
        "folds": max(len(found.rows[row]) for row in rows),
        "of": [named(row) for row in rows],
        "blind": {
            name: rate(within(column, len(rows)), subjects, stream("blind", name)).to_json()
            for name, column in turns.items()
            if name in columns
        },
    }


def guesses(
    found: Findings, subjects: NDArray[np.int64], stream: Streams
) -> dict[str, dict[str, Any]]:
    """Success of a list of blind guesses, by metric and by how many are made."""
    return {
        name: {
            str(count): rate(
                within(turns, count), subjects, stream("guesses", name, str(count))
            ).to_json()
            for count in COUNTS
        }
        for name, turns in joined(found.tries).items()
    }


def named(row: Row) -> str:
    """What a row is called among others of both sections."""
    section, name = row
    return name if section == "attacks" else f"{name} > rendered"


def _is_success(name: str) -> bool:
    return name in BY_NAME and BY_NAME[name].role == "success"


def _parts(
    table: Table, rows: list[Row], subjects: NDArray[np.int64], stream: Streams
) -> NDArray[Any]:
    """Which part each stolen row is counted in: its fold; of a single one, halves of its people."""
    folds = np.full(len(subjects), np.nan)
    for row in rows:
        folds = np.fmax(folds, table[row]["fold"])
    if len(np.unique(folds[~np.isnan(folds)])) > 1:
        return folds
    people = np.unique(subjects)
    half = stream("best", "halves").permutation(people)[: len(people) // 2]
    return np.isin(subjects, half).astype(np.float64)


def _mean(column: NDArray[Any]) -> float:
    there = column[~np.isnan(column)]
    return float(there.mean()) if len(there) else np.nan
