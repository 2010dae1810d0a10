"""What every form of the report says: the rows of its table, and a record's facts in words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fowh.records.summarise import BLIND
from fowh.report.numbers import count, interval, known, measured, number

Record = Mapping[str, Any]
Level = Literal["embeddings", "images"]  # what an attacker hands in

COLUMNS: dict[str, tuple[str, str]] = {  # metric -> two lines of heading
    "rank1": ("rank 1", ""),
    "type1_at_fmr_1e-2": ("type 1", "FMR 1 %"),
    "type1_at_fmr_1e-3": ("type 1", "FMR 0.1 %"),
    "type2_at_fmr_1e-3": ("type 2", "FMR 0.1 %"),
    "accept_at_fmr_1e-3": ("accept", "FMR 0.1 %"),
    "purity": ("purity", "cosine"),
}
WHERE_MEASURED: dict[str, tuple[str, str]] = {
    "accuracy": ("accuracy", ""),
    "transfer_rank1": ("rank 1", "judge"),
    "realism": ("realism", "judge"),
}
RECOGNITION = ("fnmr_at_fmr_1e-2", "fnmr_at_fmr_1e-3", "eer")
SCENARIOS = {
    "unprotected": "unprotected",
    "own_key": "protected, own keys",
    "stolen_key": "protected, stolen key",
    "renewed": "protected, across keys",
}
CONTROLS = {
    "random": "random stranger",
    "mean": "mean embedding",
    "medoid": "medoid",
    "shuffled": "another's template",
    "mean_face": "mean → face",
    "shuffled_face": "another's → face",
    "nearest": "nearest own sample",
    "mated_probe": "mated probe",
    "unprotected": "unprotected",
    "unprotected_face": "unprotected → face",
}


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        kind: which block it belongs to.
        label: its name in words.
        metrics: values by name, each ``{value, ci_low, ci_high, n}``.
        folds: on how many folds it was measured.
        reason: why it has no values, in one line; None when it has.
        traceback: of a failure.
        seconds: that it took, where known.
        queries: to the target, where known.
        level: what was handed in; blind controls of the same level are its yardstick.
    """

    kind: Literal["attack", "face", "worst", "blind", "control"]
    label: str
    metrics: Mapping[str, Any]
    folds: int | None = None
    reason: str | None = None
    traceback: str | None = None
    seconds: float | None = None
    queries: int | None = None
    level: Level = "embeddings"

    @property
    def n(self) -> int | None:
        """On how many templates: the largest count of its metrics."""
        counts = [measured(value)["n"] for value in self.metrics.values()]
        return max((number for number in counts if number is not None), default=None)


def rows(record: Record) -> list[Row]:
    """Attacks, their faces and the worst case, in the record's order; blind controls, others."""
    found = [
        _row("attack", name, part, part.get("yields") or "embeddings")
        for name, part in (record.get("attacks") or {}).items()
    ]
    for name, part in (record.get("faces") or {}).items():
        found.append(_row("face", f"{name} → face", part, "images"))
    if (record.get("worst") or {}).get("metrics"):
        found.append(_row("worst", "worst case", record["worst"], worst_level(record)))
    controls = record.get("controls") or {}
    order = sorted(controls, key=lambda name: [*CONTROLS, name].index(name))
    for name in order:
        kind = "blind" if name in BLIND else "control"
        level: Level = "images" if name.endswith("_face") else "embeddings"
        found.append(_row(kind, CONTROLS.get(name, name), controls[name], level))
    return found


def worst_level(record: Record) -> Level:
    """What the worst case is compared with: it spans the templates that its longest row spans.

    Those are all stolen templates, as for embedding controls, once one embedding attack ran; with
    pictures alone they are the few of the folds that pictures ran on.
    """
    attacks = (record.get("attacks") or {}).values()
    ran = [part.get("yields") or "embeddings" for part in attacks if part.get("metrics")]
    return "embeddings" if "embeddings" in ran else "images"


def _row(kind: Any, label: str, part: Record, level: Level) -> Row:
    metrics, reason, traceback = part.get("metrics") or {}, None, None
    if part.get("status", "ok") != "ok" or not metrics:
        lines = (part.get("reason") or "no reason given").strip().splitlines()
        reason = (
            f"{part.get('status', 'not run')}: {lines[-1].strip()}"  # of a traceback: the error
        )
        traceback = "\n".join(lines) if len(lines) > 1 else None
    rest = {name: part.get(name) for name in ("folds", "seconds", "queries")}
    return Row(kind, label, metrics, reason=reason, traceback=traceback, level=level, **rest)


def headline(record: Record) -> dict[str, Any]:
    """The three values that place a cell: usability, then the worst case twice."""
    usable = (record.get("recognition") or {}).get("stolen_key") or {}
    worst = (record.get("worst") or {}).get("metrics") or {}
    return {
        "fnmr_at_fmr_1e-2": usable.get("fnmr_at_fmr_1e-2"),
        "rank1": worst.get("rank1"),
        "type1_at_fmr_1e-3": worst.get("type1_at_fmr_1e-3"),
    }


def by_scenario(scenarios: Record) -> list[tuple[str, Any]]:
    """Recognition scenarios with their values, unprotected first."""
    return sorted(scenarios.items(), key=lambda item: [*SCENARIOS, item[0]].index(item[0]))


def comparisons(values: Record) -> int | None:
    """On how many comparisons a scenario's error rates rest."""
    return max(
        (int(n) for metric in RECOGNITION for n in known([values], metric, "n")), default=None
    )


def called(part: Record | None) -> str:
    """A plug-in with its parameters, as the command line takes it: ``iom:hashes=300,group=16``."""
    if not part:
        return "none"
    given = {key: value for key, value in (part.get("params") or {}).items() if value is not None}
    written = ",".join(f"{key}={value}" for key, value in given.items())
    return f"{part['name']}:{written}" if written else str(part["name"])


def where(record: Record) -> str:
    """Target and dataset of a cell."""
    spec = record["spec"]
    target = f"{called(spec['target'])} on " if spec.get("target") else ""
    return target + called(spec["dataset"])


def asked(record: Record) -> dict[str, str]:
    """What the cell asked, in words."""
    spec, data, threat = record["spec"], record.get("data") or {}, record["spec"]["threat"]
    size = f"{count(data.get('samples'))} samples of {count(data.get('subjects'))} subjects"
    if data.get("dimension"):
        size += f", {data['dimension']} dimensions"
    if data.get("not_found"):
        size += f"; detection failed on {data['not_found']:.0f}"
    keys = "one key for all" if threat.get("keys") == "shared" else "one key per subject"
    holds = f"every template; {keys}, {'leaked' if threat.get('leaked') else 'secret'}"
    if spec.get("target"):
        holds += f"; {threat.get('box')} box, {threat.get('queries') or 0:,} queries"
        if "samples" in threat:
            holds += f"; at most {threat['samples']:,} samples of his own"
        if threat.get("versions") == "all":
            holds += "; templates of all versions of the target"
    protocol = (spec.get("protocol") or {}).get("name", "standard")
    return {
        "scheme": called(spec["scheme"]),
        "target": where(record),
        "data": size,
        "stolen": holds,
        "cell": f"{record.get('id')}, protocol {protocol}, seed {spec.get('seed')}",
    }


def closing(record: Record) -> dict[str, str]:
    """Linkability, security bounds, cost and time, each in one line; only what was measured."""
    cost, stats = record.get("cost") or {}, record.get("stats") or {}
    seconds = stats.get("seconds") or {}
    units = {"bytes_per_template": "bytes per template", "enrolments_per_s": "enrolments/s"}
    units["verifications_per_s"] = "verifications/s"
    parts = {
        "linkability": [
            _linkability(name, key, (record.get("unlinkability") or {}).get(key))
            for name, key in (("D_sys", "d_sys"), ("M", "m"))
        ],
        "security": [
            f"{name.replace('_', ' ')} {number(name, value)}"
            for name, value in (record.get("security") or {}).items()
        ],
        "cost": [f"{count(cost[key])} {unit}" for key, unit in units.items() if key in cost],
        "time": [f"{name} {count(value)} s" for name, value in seconds.items() if value >= 0.1],
    }
    if stats.get("queries"):
        parts["time"].append(f"{stats['queries']:,} queries to the target")
    return {name: ", ".join(filter(None, found)) for name, found in parts.items() if any(found)}


def _linkability(name: str, key: str, given: Any) -> str:
    value = measured(given)["value"]
    if value is None:
        return ""
    text = f"{name} {value:.2f} {interval('d_sys', given)}".strip()
    if not isinstance(given, Mapping) or given.get("bins") is None:
        return text
    return f"{text} ({given['bins']} bins, {given['low']:.3g} to {given['high']:.3g})"


def columns(found: Sequence[Row]) -> dict[str, tuple[str, str]]:
    """The metrics that a table of attacks shows, with their headings: some only where measured."""
    return COLUMNS | {
        metric: heading
        for metric, heading in WHERE_MEASURED.items()
        if any(metric in row.metrics for row in found)
    }


def command(record: Record) -> str:
    """The shell command that measures this cell again, every parameter written out."""
    spec = record["spec"]
    threat = spec["threat"]
    words = ["fowh", "evaluate", "--scheme", called(spec["scheme"])]
    words += ["--dataset", called(spec["dataset"])]
    if spec.get("target"):
        words += ["--target", called(spec["target"])]
    for attack in spec.get("attacks") or ():
        words += ["--attack", called(attack)]
    words += ["--keys", str(threat.get("keys", "subject"))]
    words += ["--secret-keys"] * (not threat.get("leaked", True))
    words += ["--white-box"] * (threat.get("box") == "white")
    for axis in ("samples", "versions"):
        words += [f"--{axis}", str(threat[axis])] if axis in threat else []
    words += ["--judge", called(spec["judge"])] if spec.get("judge") else []
    words += ["--queries", str(threat.get("queries", 0)), "--seed", str(spec.get("seed", 0))]
    return shlex.join(words)
