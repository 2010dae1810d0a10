"""From raw observations to a record: pure functions, so that new metrics need no new run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import Arrays
from fowh.core.dataset import Samples
from fowh.engine.cell import Cell, label, spec_of
from fowh.engine.findings import Findings, Row
from fowh.engine.judge import join
from fowh.metrics import inversion, recognition, security, unlinkability
from fowh.metrics.intervals import difference
from fowh.protocols import standard as protocol
from fowh.protocols.standard import stream
from fowh.records import flags
from fowh.records.store import SCHEMA, Record, environment, finite, record_id

Columns = dict[str, NDArray[Any]]  # metric -> one value per stolen template, NaN: not measured
BLIND = (*protocol.BLIND, "shuffled", "mean_face", "shuffled_face")
COMPARED = ("rank1", "type1_at_fmr_1e-3")  # an advantage over the best blind control is stated


def summarise(cell: Cell, samples: Samples, found: Findings, device: str) -> tuple[Record, Arrays]:
    """The record of a cell and its raw observations as named arrays."""
    spec = spec_of(cell, samples)
    table, subjects = _align(found)
    sections: dict[str, dict[str, Any]] = {"attacks": {}, "faces": {}, "controls": {}}
    pictures = {label(attack) for attack in cell.attacks if attack.yields == "images"}
    for (section, name), columns in table.items():
        metrics = _summary(columns, subjects, _stream(cell, section, name))
        if section != "controls":
            faces = section == "faces" or name in pictures
            for metric in COMPARED:
                best = _best_blind(table, columns, metric, faces)
                if best is not None:
                    rng = _stream(cell, section, name, metric)
                    gain = difference(columns[metric], best, subjects, rng)
                    metrics[f"advantage_{metric}"] = gain.to_json()
        folds = len(found.outcomes[section, name])
        sections[section][name] = {"status": "ok", "folds": folds, "metrics": metrics}
    for attack in cell.attacks:
        name = label(attack)
        entry = sections["attacks"].setdefault(name, {"metrics": {}, "folds": 0})
        entry["yields"] = attack.yields
        entry["learned"] = attack.learned
        entry["seconds"] = found.seconds.get(name, 0.0)
        entry["queries"] = found.queries.get(name, 0)
        entry["exhausted"] = name in found.exhausted
        entry["remarks"] = list(found.remarks.get(name, ()))
        for status, reasons in (("skipped", found.skipped), ("failed", found.failed)):
            if name in reasons:
                entry |= {"status": status, "reason": reasons[name]}
    record: Record = {
        "schema": SCHEMA,
        "id": record_id(spec),
        "status": "failed" if found.failed else "ok",
        "reason": next(iter(found.failed.values()), None),
        "spec": spec,
        "data": _data(cell, samples, found),
        "recognition": _recognition(found, cell.seed),
        **sections,
        "worst": _worst(_counted(table, sections), subjects, found, cell),
        "unlinkability": _unlinkability(found),
        "security": _security(cell, found),
        "cost": {
            name: found.facts[name]
            for name in ("bytes_per_template", "enrolments_per_s", "verifications_per_s")
        },
        "stats": {"seconds": dict(found.seconds), "queries": sum(found.queries.values())},
        "environment": environment(device),
    }
    record = finite(record)
    record["flags"] = flags.raise_flags(record)
    return record, _arrays(found)


def _stream(cell: Cell, *stage: str) -> np.random.Generator:
    return stream(cell.seed, "bootstrap", *stage)


def _summary(
    columns: Columns, subjects: NDArray[np.int64], rng: np.random.Generator
) -> dict[str, Any]:
    """Values with intervals over the rows on which anything was measured."""
    there = ~np.isnan(columns["purity"])
    values = inversion.summarise({k: v[there] for k, v in columns.items()}, subjects[there], rng)
    return {name: value.to_json() for name, value in values.items()}


def _align(found: Findings) -> tuple[dict[Row, Columns], NDArray[np.int64]]:
    """Success arrays of every row of the table over all stolen templates, fold by fold.

    A row that did not run on a fold has NaN there; a failed attack counts for nothing anywhere.
    """
    whole = found.outcomes["controls", "unprotected"]  # ran on every fold
    ends = np.cumsum([len(outcome.subject) for outcome in whole])
    starts = ends - [len(outcome.subject) for outcome in whole]
    table: dict[Row, Columns] = {}
    for row, outcomes in found.outcomes.items():
        if row[1] in found.failed:
            continue
        columns = table.setdefault(row, {})
        for number, outcome in enumerate(outcomes):
            fold = int(outcome.fold[0])
            success = inversion.successes(outcome, found.thresholds[fold])
            if number < len(found.likeness.get(row, ())):  # pictures are made on the first folds
                success |= found.likeness[row][number]
            for name, values in success.items():
                column = columns.setdefault(name, np.full(ends[-1], np.nan))
                column[starts[fold] : ends[fold]] = values
    return table, np.concatenate([outcome.subject for outcome in whole])


def _best_blind(
    table: dict[Row, Columns], columns: Columns, metric: str, faces: bool
) -> NDArray[Any] | None:
    """The blind control that does best on the rows that ``columns`` measure.

    Pictures are compared with blind pictures too; embeddings with blind embeddings only.
    """
    there = ~np.isnan(columns[metric])
    able = [
        table["controls", name][metric]
        for name in BLIND
        if ("controls", name) in table and (faces or not name.endswith("_face"))
    ]
    able = [column for column in able if not np.isnan(column[there]).any()]
    if not able or not there.any():
        return None
    return max(able, key=lambda column: float(column[there].mean()))


def _counted(table: dict[Row, Columns], sections: dict[str, dict[str, Any]]) -> dict[Row, Columns]:
    """Attacks that count as reconstructions: not those that only the attacked target believes."""
    doubted = flags.adversarial(sections)
    return {
        row: columns
        for row, columns in table.items()
        if row[0] in ("attacks", "faces") and row not in doubted
    }


def _worst(
    table: dict[Row, Columns], subjects: NDArray[np.int64], found: Findings, cell: Cell
) -> dict[str, Any]:
    """Per template, success of any attack; image attacks count on the folds they ran on."""
    rows = table
    if not rows:
        return {"metrics": {}, "folds": 0, "of": []}
    columns = inversion.worst(list(rows.values()))
    for likeness in ("ssim", "psnr", "realism"):  # of a picture, not of a success
        columns.pop(likeness, None)
    return {
        "metrics": _summary(columns, subjects, _stream(cell, "worst")),
        "folds": max(len(found.outcomes[row]) for row in rows),
        "of": [name if section == "attacks" else f"{name} > face" for section, name in rows],
    }


def _recognition(found: Findings, seed: int) -> dict[str, Any]:
    made = {}
    for scenario, parts in found.comparisons.items():
        if scenario == "renewed":
            continue
        values = recognition.summary(
            np.concatenate([part.score for part in parts]),
            np.concatenate([part.mated for part in parts]),
            np.concatenate([part.subject_a for part in parts]),
            np.concatenate([part.subject_b for part in parts]),
            stream(seed, "bootstrap", scenario),
        )
        made[scenario] = {name: value.to_json() for name, value in values.items()}
        if scenario == "stolen_key":  # at the thresholds that the attacks are judged by
            for fmr in protocol.FMRS:
                t = [fold.t_protected[fmr][0] for fold in found.thresholds]
                rates = [
                    recognition.operating(part.score, part.mated, at)
                    for part, at in zip(parts, t, strict=True)
                ]
                measured = np.mean(rates, axis=0)
                made[scenario][f"measured_at_fmr_{fmr}"] = {
                    "fmr": float(measured[0]),
                    "fnmr": float(measured[1]),
                }
    return made


def _data(cell: Cell, samples: Samples, found: Findings) -> dict[str, Any]:
    return {
        "samples": len(samples),
        "subjects": len(samples.names),
        "dimension": int(found.facts["dimension"]),
        "not_found": found.facts.get("not_found"),
        "stolen": sum(len(part.t_embedding["1e-2"]) for part in found.thresholds),
        "comparisons": {
            scenario: {
                "mated": int(sum(part.mated.sum() for part in parts)),
                "non_mated": int(sum((~part.mated).sum() for part in parts)),
            }
            for scenario, parts in found.comparisons.items()
        },
        "development_non_mated": int(found.facts["development_non_mated"]),
        "comparison_cap": cell.scheme.comparison_cap,
    }


def _unlinkability(found: Findings) -> dict[str, Any]:
    parts = found.comparisons["renewed"]
    score = np.concatenate([part.score for part in parts])
    mated = np.concatenate([part.mated for part in parts])
    d_sys = unlinkability.d_sys(score[mated], score[~mated])
    m = unlinkability.m_linkability(score[mated], score[~mated])
    return {"d_sys": vars(d_sys), "m": vars(m)}


def _security(cell: Cell, found: Findings) -> dict[str, Any]:
    """Bounds in bits for any scheme that recognises as well, and the scheme's own secret."""
    angle, dimension = found.facts["mated_angle"], found.facts["effective_dimension"]
    parts = found.comparisons["stolen_key"]
    rates = [
        recognition.operating(part.score, part.mated, float(fold.t_protected["1e-3"][0]))[0]
        for part, fold in zip(parts, found.thresholds, strict=True)
    ]
    fmr, strangers = float(np.mean(rates)), int(sum((~part.mated).sum() for part in parts))
    made = {
        "effective_dimension": dimension,
        "mated_angle_degrees": float(np.degrees(angle)),
        "guessing_bits": security.guessing_bits(fmr, strangers),
        "dictionary_success": security.guessing_probability(fmr, int(found.facts["own"])),
    }
    if 0 < angle <= np.pi and dimension > 1:
        made["cap_bound_bits"] = security.cap_bound_bits(angle, dimension)
    secret = getattr(cell.scheme, "secret_bits", None)
    if secret is not None:
        made["secret_bits"] = float(secret)
    return made


def _arrays(found: Findings) -> Arrays:
    arrays: Arrays = {}
    for scenario, parts in found.comparisons.items():
        for column in ("score", "mated", "subject_a", "subject_b"):
            joined = np.concatenate([getattr(part, column) for part in parts])
            arrays[f"pairs.{scenario}.{column}"] = joined
    for (section, name), outcomes in found.outcomes.items():
        for column, values in vars(join(outcomes)).items():
            arrays[f"{section.removesuffix('s')}.{name}.{column}"] = values
    for side in ("t_embedding", "t_protected"):
        for fmr in protocol.FMRS:
            rows = [getattr(fold, side)[fmr] for fold in found.thresholds]
            arrays[f"{side}.{fmr}"] = np.concatenate(rows)
    return arrays | {f"image.{name}": pictures for name, pictures in found.pictures.items()}
