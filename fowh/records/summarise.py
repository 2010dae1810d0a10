"""From raw observations to a record: pure functions, so that new metrics need no new run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack, black_box, inverter_of
from fowh.core.cache import Arrays
from fowh.core.dataset import Samples
from fowh.core.leak import Observed
from fowh.core.modality import Columns
from fowh.core.randomness import stream
from fowh.core.target import Progress, quiet
from fowh.core.trust import ran_in
from fowh.engine.cell import Cell, own_metrics, row_name, spec_of
from fowh.engine.findings import Findings, Row, joined
from fowh.engine.judge import CANDIDATES, TRIES
from fowh.isolation.host import LEFT_OPEN
from fowh.kit.parts import within
from fowh.metrics import BY_NAME, WITHIN, inversion, to_json
from fowh.metrics.intervals import difference
from fowh.records import flags, strongest
from fowh.records.store import SCHEMA, Record, environment, finite, record_id, seal

SECTIONS = ("attacks", "rendered", "controls")
SHUFFLED = "shuffled"  # the strongest attack with somebody else's row: blind, but derived
PRIOR = "prior"  # the strongest attack where nothing leaked
RENDERED = "_rendered"  # ending of controls that are samples
TRANSFER = "transfer_rank1"  # what the witness recognises


def summarise(
    cell: Cell, samples: Samples, found: Findings, device: str, note: Progress = quiet
) -> tuple[Record, Arrays]:
    """The record of a cell and its raw observations by name; ``note`` is told how it goes."""
    cell = cell.on(samples)
    spec = spec_of(cell, samples)
    table, subjects = _align(cell, found)
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for done, ((section, name), columns) in enumerate(table.items()):
        note(f"metrics: {name}", 0.3 * done / len(table))
        first = found.rows[section, name][0][1]
        metrics = _summary(_measures(columns), subjects, _stream(cell, section, name))
        if section != "controls":
            metrics |= _advantages(cell, table, (section, name), first.yields, subjects)
        entry: dict[str, Any] = {
            "status": "ok",
            "yields": first.yields,
            "folds": len(found.rows[section, name]),
            "metrics": metrics,
        }
        if section == "controls":
            derived = name.startswith((SHUFFLED, PRIOR))
            entry |= {"blind": _is_blind(cell, name), "derived": derived}
            if name.endswith(RENDERED):
                entry |= _rendered_in(cell, found)
        sections[section][name] = entry
    sections["attacks"] = _attacks(cell, sections, found)
    for attack in cell.attacks if cell.threat.box == "white" else ():
        _beside(cell, table, sections["attacks"].get(row_name(attack), {}), attack, subjects)
    streams = partial(_stream, cell)
    leak = cell.leak.summary(
        Observed(
            *(found.utility, found.terms, found.facts, cell.scheme, streams), within(note, 0.3, 0.8)
        )
    )
    note("metrics: the strongest attack", 0.8)
    rows = strongest.counted(cell, table, sections, leak["chance"])
    data = {
        "samples": len(samples),
        "subjects": len(samples.names),
        "not_found": found.not_found,
        "left_out": samples.left_out,
        "target_sha256": found.target,
        "stolen": int(sum(map(len, found.stolen))),
        "keyed": cell.scheme.keyed,
    }

    def gain(metric: str, column: NDArray[np.float64], of: list[Row]) -> dict[str, Any] | None:
        samples = any(found.rows[row][0][1].yields == "samples" for row in of)
        level = "samples" if samples else "embeddings"
        return _advantage(cell, table, ("best", ""), {metric: column}, metric, level, subjects)

    record: Record = {
        "schema": SCHEMA,
        "id": record_id(spec),
        "status": "failed" if found.failed else "ok",
        "reason": next(iter(found.failed.values()), None),
        "spec": spec,
        "headline": vars(cell.leak.headline) | {"scenarios": dict(cell.leak.scenarios)},
        **leak,
        "data": data | leak["data"],
        "metrics": {m.name: to_json(m) for m in own_metrics(cell, samples)},
        **sections,
        "best": strongest.best(table, rows, subjects, streams, gain, joined(found.tries)),
        "worst": strongest.worst(table, rows, found, subjects, streams),
        "guesses": strongest.guesses(found, subjects, streams),
        "stats": {"seconds": dict(found.seconds), "queries": sum(found.queries.values())},
        "environment": environment(device) | _left_open(spec),
    }
    record = finite(record)
    record["flags"] = flags.raise_flags(record, cell.leak)
    contradiction = flags.refuted(record)
    if contradiction:
        record |= {"status": "failed", "reason": record["reason"] or contradiction}
    observations = found.arrays()
    return seal(finite(record), observations), observations


def _left_open(spec: Mapping[str, Any]) -> dict[str, list[str]]:
    """Ways out of the processes of third parties' plug-ins, where there are such plug-ins."""
    apart = [p for p in flags.plugins(spec) if p.get("process") == "own"]
    return {"left_open": sorted(LEFT_OPEN)} if apart else {}


def _stream(cell: Cell, *stage: str) -> np.random.Generator:
    return stream(cell.seed, "bootstrap", *stage)


def _summary(
    columns: Columns, subjects: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, Any]:
    """Values with intervals over the rows on which anything was measured."""
    values = inversion.summarise(columns, subjects, rng)
    return {name: value.to_json() for name, value in values.items()}


def _align(cell: Cell, found: Findings) -> tuple[dict[Row, Columns], NDArray[np.int64]]:
    """Success arrays of every row of the table over all stolen rows, fold by fold.

    A row that did not run on a fold has NaN there; a failed attack counts for nothing anywhere.
    """
    ends = np.cumsum([len(part) for part in found.stolen])
    starts = ends - [len(part) for part in found.stolen]
    table: dict[Row, Columns] = {}
    for row, attempts in found.rows.items():
        if row[1] in found.failed:
            continue
        columns = table.setdefault(row, {})
        judged = [made.judged for _, made in attempts if made.judged]  # only those come in
        pooled = cell.leak.pooled([each.columns for each in judged])
        for (fold, _), each, seen in zip(attempts, judged, pooled, strict=True):
            success = cell.leak.successes(seen, found.terms[fold])
            tries = {k: v for k, v in each.columns.items() if k.startswith((TRIES, CANDIDATES))}
            own = {"fold": np.full(len(each.embeddings), fold)} | tries
            for name, values in (success | each.likeness | own).items():
                column = columns.setdefault(name, np.full(ends[-1], np.nan))
                column[starts[fold] : ends[fold]] = values
    return table, np.concatenate(found.stolen)


def _measures(columns: Columns) -> Columns:
    """What a record states of a row: metrics, and success within several candidates."""
    made = {name: values for name, values in columns.items() if name in BY_NAME}
    for name, turns in columns.items():
        if name.startswith(TRIES):
            metric = name.removeprefix(TRIES)
            made |= {f"{metric}_within_{k}": inversion.within(turns, k) for k in WITHIN}
    return made


def _is_blind(cell: Cell, name: str) -> bool:
    """Whether a control never read the row that it is judged against."""
    return name.removesuffix(RENDERED) in (*cell.protocol.controls, SHUFFLED, PRIOR)


def _rendered_in(cell: Cell, found: Findings) -> dict[str, str]:
    """Whose process made the pictures of controls, if a third party's inverter did; else {}."""
    inverter = inverter_of(each for each in cell.attacks if row_name(each) not in found.failed)
    return ran_in(inverter, "attack") if inverter else {}


def _advantages(
    cell: Cell, table: dict[Row, Columns], row: Row, yields: str, subjects: NDArray[np.int64]
) -> dict[str, Any]:
    """What the row reaches beyond the best blind control, paired."""
    made = {}
    for metric in cell.leak.headline.success:
        if metric in table[row]:  # claims are about something else
            gain = _advantage(cell, table, row, table[row], metric, yields, subjects)
            if gain is not None:
                made[f"advantage_{metric}"] = gain
    return made


def _advantage(
    cell: Cell,
    table: dict[Row, Columns],
    row: Row,
    columns: Columns,
    metric: str,
    yields: str,
    subjects: NDArray[np.int64],
) -> dict[str, Any] | None:
    """What some success is worth beyond the best blind control; None where none is comparable."""
    if metric not in cell.leak.headline.success:
        return None
    best = _best_blind(cell, table, columns, metric, yields)
    if best is None:
        return None
    return difference(columns[metric], best, subjects, _stream(cell, *row, metric)).to_json()


def _best_blind(
    cell: Cell, table: dict[Row, Columns], columns: Columns, metric: str, yields: str
) -> NDArray[Any] | None:
    """The blind control that does best on the rows that ``columns`` measure.

    Samples are compared with blind samples too; embeddings with blind embeddings only.
    """
    there = ~np.isnan(columns[metric])
    able = [
        other[metric]
        for (section, name), other in table.items()
        if section == "controls"
        and metric in other
        and _is_blind(cell, name)
        and (yields == "samples" or not name.endswith(RENDERED))
    ]
    able = [column for column in able if not np.isnan(column[there]).any()]
    if not able or not there.any():
        return None
    return max(able, key=lambda column: float(column[there].mean()))


def _beside(
    cell: Cell,
    table: dict[Row, Columns],
    entry: dict[str, Any],
    attack: Attack,
    subjects: NDArray[np.int64],
) -> None:
    """Add to a row what the network is worth: the same attack without it, paired.

    ``gains`` are differences in success under the target, and under the witness where there is one;
    ``room`` is what an attack that always succeeds would gain.
    """
    bare = black_box(attack)
    rows = [("attacks", row_name(each)) for each in (attack, bare) if each]
    if len(rows) < 2 or any(row not in table for row in rows):
        return
    white, black = (table[row] for row in rows)
    metrics = [name for name in (*cell.leak.headline.success, TRANSFER) if name in white]
    stream = partial(_stream, cell, *rows[0], "without network")
    entry["black_box"] = {
        "of": rows[1][1],
        "gains": {
            name: difference(white[name], black[name], subjects, stream(name)).to_json()
            for name in metrics
        },
        "room": {
            name: difference(
                np.ones_like(black[name]), black[name], subjects, stream(name)
            ).to_json()
            for name in metrics
        },
    }


def _attacks(
    cell: Cell, measured: dict[str, dict[str, Any]], found: Findings
) -> dict[str, dict[str, Any]]:
    """The section of attacks: all that were asked for, those that gave nothing too."""
    made = {}
    for attack in cell.attacks:
        name = row_name(attack)
        if attack.blind and name in measured["controls"]:
            continue  # it stands there
        entry = measured["attacks"].get(name) or {"metrics": {}, "folds": 0}
        entry |= {
            "yields": attack.yields,
            "learned": attack.learned,
            "closed_form": attack.closed_form,
            "informed": attack.informed,
            "seconds": found.seconds.get(name, 0.0),
            "queries": found.queries.get(name, 0),
            "exhausted": name in found.exhausted,
            "remarks": list(found.remarks.get(name, ())),
            **ran_in(attack, "attack"),
        }
        for status, reasons in (("skipped", found.skipped), ("failed", found.failed)):
            if name in reasons:
                entry |= {"status": status, "reason": reasons[name]}
        made[name] = entry
    return made
