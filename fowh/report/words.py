"""A record's facts in words: who is who, what was asked, what it cost, how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from fowh.records.store import Record
from fowh.records.summarise import RENDERED
from fowh.report.numbers import UNKNOWN, Number, count, label, number

CONTROLS = {  # what tables call them, in their order; a protocol may bring others
    "random": "random stranger",
    "mean": "mean embedding",
    "medoid": "medoid",
    "shuffled": "another's leak",
    "prior": "nothing leaked",
    "nearest": "nearest own sample",
    "mated_probe": "mated probe",
    "unprotected": "unprotected",
}

STOLEN = {"membership": "answers", "outputs": "answers", "gradients": "updates"}  # by leak


def row_label(record: Record, section: str, name: str) -> str:
    """What a table calls a row of the record."""
    rendered = f" → {record['spec']['dataset']['modality']}"
    if section != "controls":
        told = record["attacks"].get(name, {}).get("informed")
        return name + rendered * (section == "rendered") + " (informed)" * bool(told)
    plain = name.removesuffix(RENDERED)
    return CONTROLS.get(plain, plain.replace("_", " ")) + rendered * (plain != name)


def control_order(name: str) -> tuple[bool, int]:
    """Where a control stands among the others: embeddings first, then as listed above."""
    plain = name.removesuffix(RENDERED)
    return plain != name, [*CONTROLS, plain].index(plain)


def called(part: Mapping[str, Any] | None) -> str:
    """A plug-in with its parameters, as the command line takes it: ``iom:hashes=300,group=16``."""
    if not part:
        return "none"
    given = {key: value for key, value in part["params"].items() if value is not None}
    written = ",".join(f"{key}={value}" for key, value in given.items())
    return f"{part['name']}:{written}" if written else str(part["name"])


def where(record: Record) -> str:
    """Target and dataset of a cell."""
    spec = record["spec"]
    target = f"{called(spec['target'])} on " if spec["target"] else ""
    return target + called(spec["dataset"])


def comparable(record: Record) -> str:
    """What cells must share to stand in one table."""
    spec = record["spec"]
    return f"{where(record)}, leak {called(spec['leak'])}, protocol {called(spec['protocol'])}"


def scenario(record: Record, name: str) -> str:
    """What tables call a scenario of utility."""
    return str(record["headline"]["scenarios"].get(name, name.replace("_", " ")))


def thief(record: Record) -> str:
    """Who attacks: what he stole, and whether the keys came with it."""
    name = record["spec"]["leak"]["name"]
    words = f"whoever stole the {STOLEN.get(name, name)}"
    if not record["data"]["keyed"]:
        return words
    return words + (" and their keys" if record["spec"]["threat"]["leaked"] else " without keys")


def asked(record: Record) -> dict[str, str]:
    """What the cell asked."""
    spec, data = record["spec"], record["data"]
    size = f"{count(data['samples'])} samples of {count(data['subjects'])} subjects"
    if data.get("dimension"):
        size += f", {data['dimension']} dimensions"
    if data.get("left_out"):
        size += f"; {count(data['left_out'])} more left out"
    if data["not_found"]:
        size += f"; detection failed on {data['not_found']:.0f}"
    found = {
        "scheme": called(spec["scheme"]),
        "target": where(record),
        "data": size,
        "stolen": _stolen(record),
        "witness": called(spec["witness"]) if spec["witness"] else _unseen(record),
        "cell": f"{record['id']}, protocol {called(spec['protocol'])}, seed {spec['seed']}",
    }
    return {name: text for name, text in found.items() if text}


def _unseen(record: Record) -> str:
    """That nobody but the target judged pictures, where some count."""
    tried = [*record["attacks"].values(), *record["rendered"].values()]
    if not any(row["yields"] == "samples" and row["metrics"] for row in tried):
        return ""
    return "none: patterns that the target alone believes would count as reconstructions"


def _stolen(record: Record) -> str:
    spec, threat = record["spec"], record["spec"]["threat"]
    leak = spec["leak"]["name"]
    holds = [f"{count(record['data']['stolen'])} {leak}"]
    if record["data"]["keyed"]:
        keys = "one key for all" if threat["keys"] == "shared" else "one key per subject"
        holds.append(f"{keys}, {'leaked' if threat['leaked'] else 'secret'}")
    holds.append(f"at most {threat['samples']:,} samples of his own")
    if spec["target"]:
        holds.append(f"{threat['box']} box, {threat['queries']:,} queries")
        versions = {
            "all": f"{leak} of all versions of the target",
            "final": "only the final version of the target may be queried",
        }
        holds.append(versions.get(threat["versions"], ""))
    return "; ".join(filter(None, holds))


def closing(record: Record) -> dict[str, str]:
    """Properties, cost and time, each in one line; only what was measured."""
    seconds, queries = record["stats"]["seconds"], record["stats"]["queries"]
    parts = {
        section: [_property(name, value) for name, value in values.items()]
        for section, values in record["properties"].items()
    }
    parts["cost"] = [
        f"{count(value)} {name.replace('_per_s', '/s').replace('_', ' ')}"
        for name, value in record["cost"].items()
        if value is not None
    ]
    parts["time"] = [f"{name} {count(value)} s" for name, value in seconds.items() if value >= 0.1]
    if queries:
        parts["time"].append(f"{queries:,} queries to the target")
    return {name: ", ".join(filter(None, found)) for name, found in parts.items() if any(found)}


def _property(name: str, given: Any) -> str:
    """One property of a scheme; of a density, how its histogram was drawn too."""
    value = given["value"] if isinstance(given, Mapping) else given
    if value is None:
        return ""
    text = f"{label(name)} {number(name, value)}"
    if not isinstance(given, Mapping) or given.get("bins") is None:
        return text
    return f"{text} ({given['bins']} bins, {given['low']:.3g} to {given['high']:.3g})"


def operating(record: Record) -> list[str]:
    """What the thresholds that attacks are judged by amount to, where there are such."""
    head = "measured_at_fmr_"
    values = record["utility"].get(record["headline"]["scenario"], {})
    return [
        f"At the threshold for FMR {100 * float(name.removeprefix(head)):g} % that attacks are "
        f"judged by, from development subjects, the victims' FMR is {_percent(rates['fmr'])} "
        f"and their FNMR {_percent(rates['fnmr'])}."
        for name, rates in values.items()
        if name.startswith(head)
    ]


def _percent(rate: float | None) -> str:
    return UNKNOWN if rate is None else f"{100 * rate:.2f} %"


def chance(record: Record) -> str:
    """What a draw of lots reaches, and among how many it is drawn; empty where nobody said."""
    said = [f"{label(name)} {Number(name, rate).words}" for name, rate in record["chance"].items()]
    data = record["data"]
    if not said:
        return ""
    text = f"Chance: {', '.join(said)}"
    if data.get("gallery_readings"):
        text += (
            f", in a gallery of {count(data['gallery_readings'])} readings of "
            f"{count(data['gallery_subjects'])} people"
        )
        own = data.get("gallery_own")
        if own is not None:
            text += f", {count(own) if own else 'none'} of them the attacker's"
    return text


def command(record: Record) -> str:
    """The shell command that measures this cell again, every parameter written out."""
    spec, threat = record["spec"], record["spec"]["threat"]
    words = ["fowh", "evaluate"]
    for option in ("scheme", "dataset", "target", "leak", "protocol"):
        words += [f"--{option}", called(spec[option])] if spec[option] else []
    for attack in spec["attacks"]:
        words += ["--attack", called(attack)]
    words += ["--keys", threat["keys"]]
    words += ["--secret-keys"] * (not threat["leaked"])
    words += ["--white-box"] * (threat["box"] == "white")
    words += ["--samples", str(threat["samples"]), "--versions", threat["versions"]]
    words += ["--server", "malicious"] * (threat.get("server") == "malicious")
    for axis in ("candidates", "stolen"):
        words += [f"--{axis}", str(threat.get(axis))] * bool(threat.get(axis))
    words += ["--witness", called(spec["witness"])] if spec["witness"] else []
    words += ["--queries", str(threat["queries"]), "--seed", str(spec["seed"])]
    return shlex.join(words)
