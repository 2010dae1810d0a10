"""What a witness says of pictures: whether it can judge them, and which are adversarial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLLAPSE = 0.25  # of the Rank-1 expected under the witness; below it a sample is adversarial
TRUE = "unprotected_rendered"  # the control that is the inverter, given true embeddings
ORIGINAL = "unprotected"  # the control that is the stolen samples themselves
NOTICED = 0.1  # Rank-1 under the target from which a collapse means something


def value_of(row: Mapping[str, Any], metric: str, part: str = "value") -> float | None:
    """A metric of a row, or an end of its interval; None where it was not measured."""
    value: float | None = row.get("metrics", {}).get(metric, {}).get(part)
    return value


def theirs(row: Mapping[str, Any]) -> bool:
    """Whether a row is a third party's work: what it says of itself accuses or excuses nobody."""
    return "process" in row


def able(record: Mapping[str, Any], main: str, chance: float) -> bool:
    """Whether the witness can judge pictures, or there is nothing for it to judge.

    The inverter's pictures of true embeddings are no adversarial examples: a witness that does not
    recognise them does not know such pictures. It has to recognise surely (by the lower end of its
    interval) more of them than a quarter of what the target recognises, both beyond chance. Where
    nothing of ours renders embeddings, the pictures of ours that it knows best stand for them: what
    it recognises was not made for the target alone. Where all pictures are third parties', the
    originals do: who makes pictures must not bring what they are held to.

    Args:
        record: with its sections of rows.
        main: the success that counts most.
        chance: the Rank-1 of a draw of lots.
    """
    rows = [*record["attacks"].values(), *record["rendered"].values()]
    if all(value_of(row, "transfer_rank1") is None for row in rows):
        return True
    return _kept(record, main, chance) > COLLAPSE


def _kept(record: Mapping[str, Any], main: str, chance: float) -> float:
    """What the witness surely keeps of a success beyond chance, on pictures beyond suspicion."""
    attacks, controls = list(record["attacks"].values()), record["controls"]
    rows = [row for row in attacks if not row.get("informed") and not theirs(row)]
    if TRUE in controls and not theirs(controls[TRUE]):
        rows = [controls[TRUE]]
    elif any(map(theirs, attacks)) and all(value_of(row, "transfer_rank1") is None for row in rows):
        rows = [controls.get(ORIGINAL, {})]
    kept = [0.0]
    for row in rows:
        mine, low = value_of(row, main), value_of(row, "transfer_rank1", "ci_low")
        if mine is not None and low is not None and mine > max(chance, NOTICED):
            kept.append((low - chance) / (mine - chance))
    return max(kept)


def adversarial(record: Mapping[str, Any], main: str, chance: float = 0.0) -> list[tuple[str, str]]:
    """Rows (section, name) whose samples the target recognises and the witness does not.

    A row is held to what the witness makes of the inverter's pictures of true embeddings: as large
    a part of the target's success beyond chance. It is adversarial where the witness recognises
    less than a quarter of that, and surely (by the upper end of its interval) less than all of it.
    A witness that is not ``able`` calls nothing adversarial.

    Args:
        record: with its sections of rows.
        main: the success that counts most.
        chance: the Rank-1 of a draw of lots.
    """
    if not able(record, main, chance):
        return []
    kept, found = _kept(record, main, chance), []
    for section in ("attacks", "rendered"):
        for name, row in record[section].items():
            mine, other = value_of(row, main), value_of(row, "transfer_rank1")
            most = value_of(row, "transfer_rank1", "ci_high")
            if mine is None or other is None or most is None or mine < NOTICED:
                continue
            expected = kept * max(0.0, mine - chance)
            if other - chance < COLLAPSE * expected and most < chance + expected:
                found.append((section, name))
    return found
