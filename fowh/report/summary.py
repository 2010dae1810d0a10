"""What every report says: the rows of its table, its numbers as text, and the verdict."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Record = Mapping[str, Any]

COLUMNS: dict[str, tuple[str, str]] = {  # metric -> two lines of heading
    "rank1": ("rank 1", ""),
    "type1_at_fmr_1e-2": ("type 1", "FMR 1 %"),
    "type1_at_fmr_1e-3": ("type 1", "FMR 0.1 %"),
    "type2_at_fmr_1e-3": ("type 2", "FMR 0.1 %"),
    "accept_at_fmr_1e-3": ("accept", "FMR 0.1 %"),
    "purity": ("purity", "cosine"),
}
RECOGNITION: dict[str, str] = {
    "fnmr_at_fmr_1e-2": "FNMR at FMR 1 %",
    "fnmr_at_fmr_1e-3": "FNMR at FMR 0.1 %",
    "eer": "EER",
}
SCENARIOS: dict[str, str] = {
    "unprotected": "unprotected",
    "own_key": "protected, own keys",
    "stolen_key": "protected, stolen key",
    "renewed": "renewed (linkability)",
}
CONTROLS: dict[str, str] = {
    "random": "random stranger",
    "mean": "mean embedding",
    "medoid": "medoid",
    "shuffled": "another's template",
    "nearest": "nearest own sample",
    "mated_probe": "mated probe",
    "unprotected": "unprotected",
    "unprotected_face": "unprotected → face",
}
BLIND = ("random", "mean", "medoid", "shuffled")  # attackers who learn nothing from the template
_PLAIN = ("purity", "purity_centred", "ssim", "lpips", "d_sys", "m")  # no rates: not in percent


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        kind: which block it belongs to.
        label: its name in words.
        metrics: values by name, each ``{value, ci_low, ci_high, n}``.
        folds: on how many folds it was measured.
        reason: why it has no values, or None.
        yields: what the attack returns, where it is one.
        seconds: that it took, where known.
        queries: to the target, where known.
    """

    kind: Literal["attack", "face", "worst", "control"]
    label: str
    metrics: Mapping[str, Any]
    folds: int | None = None
    reason: str | None = None
    yields: str | None = None
    seconds: float | None = None
    queries: int | None = None

    @property
    def n(self) -> int | None:
        """On how many templates; the largest count of its metrics."""
        counts = [measured(v)["n"] for v in self.metrics.values()]
        return max((count for count in counts if count is not None), default=None)


def rows(record: Record) -> list[Row]:
    """Attacks, their faces, the worst case, then controls, in the record's order."""
    found = [_row("attack", name, part) for name, part in (record.get("attacks") or {}).items()]
    for name, part in (record.get("faces") or {}).items():
        found.append(_row("face", f"{name} → face", part))
    if record.get("worst"):
        found.append(_row("worst", "worst case", record["worst"]))
    for name, part in (record.get("controls") or {}).items():
        found.append(_row("control", CONTROLS.get(name, name), part))
    return found


def _row(kind: Any, label: str, part: Record) -> Row:
    status = part.get("status", "ok")
    reason = None if status == "ok" else f"{status}: {part.get('reason') or 'no reason given'}"
    rest = {name: part.get(name) for name in ("folds", "yields", "seconds", "queries")}
    return Row(kind, label, part.get("metrics") or {}, reason=reason, **rest)


def measured(value: Any) -> dict[str, Any]:
    """A measured value with all four keys; a bare number and None are values too."""
    given = value if isinstance(value, Mapping) else {"value": value}
    return {key: given.get(key) for key in ("value", "ci_low", "ci_high", "n")}


def percent(value: float | None) -> str:
    """A fraction in percent, without the sign; a dash for None."""
    if value is None:
        return "–"
    return "100" if value == 1 else f"{100 * value:.1f}"


def number(metric: str, value: float | None) -> str:
    """One value of a metric: rates in percent, cosines and image quality as they are."""
    if value is None:
        return "–"
    if metric in _PLAIN:
        return f"{value:.2f}"
    return f"{value:.1f}" if metric == "psnr" else percent(value)


def interval(metric: str, value: Any) -> str:
    """The confidence interval ``[low, high]``; empty when there is none."""
    given = measured(value)
    low, high = given["ci_low"], given["ci_high"]
    if low is None or high is None:
        return ""
    if metric not in (*_PLAIN, "psnr") and high >= 0.0995:  # whole percents will do
        return f"[{100 * low:.0f}, {100 * high:.0f}]"
    return f"[{number(metric, low)}, {number(metric, high)}]"


def closing(record: Record) -> dict[str, str]:
    """Unlinkability, security bounds, cost and time, each in one line; only what was measured."""
    link, cost = record.get("unlinkability") or {}, record.get("cost") or {}
    stats, bits = record.get("stats") or {}, record.get("security") or {}
    found = {
        "linkability": ", ".join(
            f"{name} {number(key, measured(link[key])['value'])} {interval(key, link[key])}".strip()
            for key, name in (("d_sys", "D_sys"), ("m", "M"))
            if link.get(key) is not None
        ),
        "security": ", ".join(
            f"{name.replace('_', ' ')} {'–' if value is None else f'{value:.1f}'}"
            for name, value in bits.items()
        ),
        "cost": ", ".join(
            f"{count(cost[key])} {words}"
            for key, words in (
                ("bytes_per_template", "bytes/template"),
                ("enrolments_per_s", "enrolments/s"),
                ("comparisons_per_s", "comparisons/s"),
            )
            if cost.get(key) is not None
        ),
        "time": ", ".join(f"{k} {count(v)} s" for k, v in (stats.get("seconds") or {}).items()),
    }
    if stats.get("queries"):
        found["time"] += f", {stats['queries']:,} queries to the target"
    if link.get("bins") and found["linkability"]:
        found["linkability"] += f" ({link['bins']} bins, scores {link.get('range')})"
    return {name: text for name, text in found.items() if text}


def count(value: float) -> str:
    """A quantity with thousands separated; three digits below ten."""
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def called(part: Record | None) -> str:
    """A plug-in with its parameters, as the command line takes it: ``iom:group=16,hashes=300``."""
    if not part:
        return "none"
    given = {key: value for key, value in (part.get("params") or {}).items() if value is not None}
    written = ",".join(f"{key}={value}" for key, value in given.items())
    return f"{part['name']}:{written}" if written else str(part["name"])


def threat(record: Record) -> str:
    """What the attacker holds, in words."""
    given = record["spec"].get("threat") or {}
    keys = "one key for all" if given.get("keys") == "shared" else "one key per subject"
    words = ["stole every template", f"{keys}, {'leaked' if given.get('leaked') else 'secret'}"]
    if record["spec"].get("target"):
        words.append(f"{given.get('box', 'black')} box, {given.get('queries') or 0:,} queries")
    return " · ".join(words)


def command(record: Record) -> str:
    """The shell command that measures this cell again."""
    spec = record["spec"]
    asked = spec.get("threat") or {}
    words = ["fowh", "evaluate", "--scheme", called(spec["scheme"])]
    words += ["--dataset", called(spec["dataset"])]
    if spec.get("target"):
        words += ["--target", called(spec["target"])]
    for attack in spec.get("attacks") or ():
        words += ["--attack", called(attack)]
    words += ["--keys", str(asked.get("keys", "subject"))]
    words += ["--leaked" if asked.get("leaked", True) else "--secret"]
    words += ["--box", str(asked.get("box", "black")), "--queries", str(asked.get("queries", 0))]
    return shlex.join([*words, "--seed", str(spec.get("seed", 0))])


def headline(record: Record) -> dict[str, Any]:
    """The three values that place a cell: usability, then the worst case twice."""
    usable = (record.get("recognition") or {}).get("stolen_key") or {}
    worst = (record.get("worst") or {}).get("metrics") or {}
    return {
        "fnmr_at_fmr_1e-2": usable.get("fnmr_at_fmr_1e-2"),
        "rank1": worst.get("rank1"),
        "type1_at_fmr_1e-3": worst.get("type1_at_fmr_1e-3"),
    }


def where(record: Record) -> str:
    """Target and dataset of a cell."""
    spec = record["spec"]
    target = f"{called(spec['target'])} on " if spec.get("target") else ""
    return target + called(spec["dataset"])


def asked(record: Record) -> dict[str, str]:
    """What the cell asked, in words."""
    spec, data = record["spec"], record.get("data") or {}
    size = f"{data.get('samples')} samples of {data.get('subjects')} subjects"
    if data.get("dimension"):
        size += f", {data['dimension']} dimensions"
    if data.get("not_found"):
        size += f"; detection failed on {data['not_found']}"
    protocol = (spec.get("protocol") or {}).get("name", "standard")
    return {
        "scheme": called(spec["scheme"]),
        "target": where(record),
        "data": size,
        "attacker": threat(record),
        "cell": f"{record.get('id')} · protocol {protocol} · seed {spec.get('seed')}",
    }
