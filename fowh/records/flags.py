"""Doubt flags: reasons to trust a record's headline less, found in the record itself.

Each flag has a paragraph in docs/flags.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Flag = dict[str, str]
COLLAPSE = 0.25  # of the Rank-1 expected under the judge; below it a picture is adversarial
NOTICED = 0.1  # Rank-1 under the target from which a collapse means something
MARGIN = 0.02  # Rank-1 that a learned attack may lose to the closed form without a flag


def raise_flags(record: dict[str, Any]) -> list[Flag]:
    """All flags of a record, most serious first."""
    return [{"flag": name, "text": text} for name, text in _flags(record)]


def _value(row: dict[str, Any], metric: str, part: str = "value") -> float | None:
    value: float | None = row.get("metrics", {}).get(metric, {}).get(part)
    return value


def _flags(record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    attacks = {k: v for k, v in record["attacks"].items() if v.get("status") == "ok"}
    for name, row in record["attacks"].items():
        if row.get("status") == "failed":
            yield "attack-failed", f"{name} stopped with an error and counts for nothing here"
    fnmr = record["recognition"]["stolen_key"]["fnmr_at_fmr_1e-2"]["value"]
    if fnmr is None or fnmr > 0.5:
        yield (
            "recognition-too-poor",
            "the scheme rejects most mated comparisons at FMR 1 %: its attack rates say little",
        )
    yield from _under_trained(record, attacks)
    tried = [*attacks.values(), *record["faces"].values()]
    worst = [_value(row, "advantage_rank1", "ci_low") for row in tried]
    if attacks and all(low is not None and low <= 0 for low in worst):
        yield (
            "no-better-than-blind",
            "no attack of the suite beats the best blind control in Rank-1: the scheme resisted "
            "this suite, which is no proof that it resists others",
        )
    blind = [
        _value(row, "type1_at_fmr_1e-2")
        for name, row in record["controls"].items()
        if name in ("random", "mean", "medoid")
    ]
    if any(rate is not None and rate > 0.1 for rate in blind):
        best = max(rate for rate in blind if rate is not None)
        yield (
            "type1-is-cheap",
            f"a blind guess passes Type-1 at FMR 1 % for {100 * best:.0f} % of the templates: "
            "read Rank-1 and the advantage instead",
        )
    for section, name in adversarial(record):
        row = record[section][name]
        yield (
            "adversarial",
            f"{name} has Rank-1 {100 * (_value(row, 'rank1') or 0):.0f} % under the target and "
            f"{100 * (_value(row, 'transfer_rank1') or 0):.0f} % under the judge: its pictures are "
            "adversarial examples and count for no reconstruction",
        )
    pairs = record["data"]["development_non_mated"]
    if pairs * 1e-3 < 10:
        yield (
            "few-comparisons",
            f"the threshold at FMR 0.1 % rests on {pairs} non-mated development comparisons, "
            "fewer than ten of them above it",
        )
    for name, row in attacks.items():
        if row["exhausted"]:
            yield "budget-exhausted", f"{name} used all queries that it was granted in a fold"
    missed = record["data"].get("not_found")
    if missed:
        yield "faces-not-found", f"the detector missed {missed} samples; a centre crop stands in"


def adversarial(record: dict[str, Any]) -> list[tuple[str, str]]:
    """Rows (section, name) whose pictures the target recognises and the judge does not.

    The judge is held to what it makes of the originals: its Rank-1 of a picture is expected to be
    the target's Rank-1 of it times its own Rank-1 of the original.
    """
    ceiling = _value(record["controls"].get("unprotected", {}), "transfer_rank1")
    found = []
    for section in ("attacks", "faces"):
        for name, row in record[section].items():
            mine, other = _value(row, "rank1"), _value(row, "transfer_rank1")
            if mine is None or other is None or ceiling is None or mine < NOTICED:
                continue
            if other < COLLAPSE * mine * ceiling:
                found.append((section, name))
    return found


def _under_trained(record: dict[str, Any], attacks: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """A learned attack that loses to the closed form, level by level (embeddings, pictures)."""
    closed = {
        "embeddings": attacks.get("preimage", {}),
        "images": attacks.get("image_ridge") or record["faces"].get("preimage", {}),
    }
    for name, row in attacks.items():
        mine = _value(row, "rank1")
        best = _value(closed[row["yields"]], "rank1")
        if not row["learned"] or mine is None or best is None or mine >= best - MARGIN:
            continue
        yield (
            "learned-below-closed-form",
            f"{name} (Rank-1 {100 * mine:.1f} %) loses to the closed form ({100 * best:.1f} %): it "
            "is under-trained, and its rate understates the leak",
        )
