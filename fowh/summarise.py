"""From raw observations to a record: pure functions, so that new metrics need no new run."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh import flags, protocol
from fowh.cache import Arrays
from fowh.dataset import Samples
from fowh.evaluate import Cell, label, spec_of
from fowh.findings import Findings, Row
from fowh.judge import join, join_thresholds
from fowh.metrics import inversion, recognition, security, unlinkability
from fowh.metrics.intervals import difference, mean
from fowh.protocol import stream
from fowh.records import SCHEMA, Record, environment, finite, record_id

Successes = dict[Row, dict[str, NDArray[Any]]]
BLIND = (*protocol.BLIND, "shuffled", "mean_face", "shuffled_face")


def summarise(cell: Cell, samples: Samples, found: Findings, device: str) -> tuple[Record, Arrays]:
    """The record of a cell and its raw observations as named arrays."""
    spec = spec_of(cell, samples)
    success, subjects = _successes(found)
    sections: dict[str, dict[str, Any]] = {"attacks": {}, "faces": {}, "controls": {}}
    for (section, name), columns in success.items():
        own = subjects[section, name]
        metrics = {
            metric: value.to_json()
            for metric, value in inversion.summarise(
                columns, own, _stream(cell, section, name)
            ).items()
        }
        for likeness in ("ssim", "psnr"):
            parts = [part[likeness] for part in found.likeness.get((section, name), [])]
            if parts:
                metrics[likeness] = mean(
                    np.concatenate(parts), own, _stream(cell, section, name)
                ).to_json()
        if section != "controls":
            best = _best_blind(success, len(own))
            if best is not None:
                gain = difference(
                    columns["rank1"],
                    best[1]["rank1"][: len(own)],
                    own,
                    _stream(cell, section, name),
                )
                metrics["advantage_rank1"] = gain.to_json()
        folds = len(found.outcomes[section, name])
        sections[section][name] = {"status": "ok", "folds": folds, "metrics": metrics}
    for attack in cell.attacks:
        name = label(attack)
        entry = sections["attacks"].setdefault(name, {"metrics": {}, "folds": 0})
        entry["yields"] = attack.yields
        entry["learned"] = attack.learned
        entry["seconds"] = found.seconds.get(name, 0.0)
        entry["queries"] = found.queries.get(name, 0)
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
        "worst": _worst(success, subjects, found, cell.seed),
        "unlinkability": _unlinkability(found),
        "security": _security(cell, found),
        "cost": {
            name: found.facts[name]
            for name in ("bytes_per_template", "enrolments_per_s", "comparisons_per_s")
        },
        "stats": {"seconds": dict(found.seconds), "queries": sum(found.queries.values())},
        "environment": environment(device),
    }
    record = finite(record)
    record["flags"] = flags.raise_flags(record)
    return record, _arrays(found)


def _stream(cell: Cell, *stage: str) -> np.random.Generator:
    return stream(cell.seed, "bootstrap", *stage)


def _successes(
    found: Findings,
) -> tuple[Successes, dict[Row, NDArray[Any]]]:
    """Per-template success arrays of every row of the table, and the rows' subjects."""
    success, subjects = {}, {}
    for key, outcomes in found.outcomes.items():
        outcome = join(outcomes)
        thresholds = join_thresholds(found.thresholds[: len(outcomes)])
        success[key] = inversion.successes(outcome, thresholds)
        subjects[key] = outcome.subject
    return success, subjects


def _best_blind(success: Successes, rows: int) -> tuple[str, dict[str, NDArray[Any]]] | None:
    """The blind control with the highest Rank-1 over the first ``rows`` templates."""
    able = {
        name: columns
        for (section, name), columns in success.items()
        if section == "controls" and name in BLIND and len(columns["rank1"]) >= rows
    }
    if not able:
        return None
    return max(able.items(), key=lambda item: float(item[1]["rank1"][:rows].mean()))


def _worst(
    success: Successes,
    subjects: dict[Row, NDArray[Any]],
    found: Findings,
    seed: int,
) -> dict[str, Any]:
    """Per template, success of any attack; image attacks count on the folds they ran on."""
    rows = {key: columns for key, columns in success.items() if key[0] in ("attacks", "faces")}
    if not rows:
        return {"metrics": {}, "folds": 0}
    longest = max(rows, key=lambda key: len(subjects[key]))
    count = len(subjects[longest])
    padded = []
    for columns in rows.values():
        missing = count - len(columns["rank1"])
        padded.append(
            {
                name: np.pad(column.astype(np.float64), (0, missing), constant_values=np.nan)
                for name, column in columns.items()
            }
        )
    values = inversion.summarise(
        inversion.worst(padded), subjects[longest], stream(seed, "bootstrap", "worst")
    )
    return {
        "metrics": {name: value.to_json() for name, value in values.items()},
        "folds": len(found.outcomes[longest]),
        "of": [name for _, name in rows],
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
    made = {
        "effective_dimension": found.facts["effective_dimension"],
        "mated_angle_degrees": float(np.degrees(found.facts["mated_angle"])),
        "cap_bound_bits": security.cap_bound_bits(
            found.facts["mated_angle"], found.facts["effective_dimension"]
        ),
    }
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
    thresholds = join_thresholds(found.thresholds)
    for side in ("t_embedding", "t_protected"):
        for fmr, values in getattr(thresholds, side).items():
            arrays[f"{side}.{fmr}"] = values
    return arrays | {f"image.{name}": pictures for name, pictures in found.pictures.items()}
