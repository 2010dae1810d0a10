"""Plan: the samples prepared, the target trained if the protocol says so, everything embedded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import cached, digest
from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.modality import Modality
from fowh.core.protocol import Fold, Indices
from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.core.release import Floats
from fowh.core.target import Lessons, Progress, Target, embedded
from fowh.engine.cell import Cell, modality_of
from fowh.kit.parts import in_parts, within

PART = 256  # samples that are prepared at a time, and then kept
NOBODY = np.empty(0, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Plan:
    """What a run works on. Rows are those of the dataset throughout.

    Attributes:
        samples: of the dataset.
        modality: of the samples.
        prepared: (n, ...) the samples in the target's canonical form; None for ready embeddings.
        not_found: how many samples a detector missed (a fallback was used); None likewise.
        target: what is attacked: trained, and what the leak observes of it; None likewise.
        recogniser: what judges samples: the target, but where that is none (``Leak.foreign``).
        values: (n, d) what the recogniser says of the samples; NaN in rows that no fold uses.
        versions: name and values, oldest first, the one in use last; empty where there is only
            that one.
        folds: of the protocol.
        learned: rows that the target learns from; none where it came trained.
    """

    samples: Samples
    modality: Modality
    prepared: NDArray[Any] | None
    not_found: int | None
    target: Target | None
    recogniser: Target | None
    values: Floats
    versions: tuple[tuple[str, Floats], ...]
    folds: list[Fold]
    learned: Indices


def make_plan(cell: Cell, samples: Samples, device: str, note: Progress) -> Plan:
    """Split, train the target if it is to be trained, and embed.

    Args:
        cell: what is evaluated, with its target (``Cell.on``).
        samples: of its dataset.
        device: torch device name.
        note: is told what is going on.

    Raises:
        InputError: the dataset does not fit the protocol, the target or the leak.
    """
    closed, kind, target = cell.leak.closed_set, modality_of(samples), cell.target
    private = cell.protocol.lessons(samples, target, closed)
    folds = cell.protocol.folds(samples, target, closed, cell.threat, cell.seed)
    if most := cell.threat.stolen:
        folds = [f.robbed(most, stream(cell.seed, "few", f.number)) for f in folds]
    if target is None:
        return Plan(samples, kind, None, None, None, None, samples.values, (), folds, NOBODY)
    prepared, found = _prepared(samples, target, within(note, 0.0, 0.5))
    tell = within(note, 0.5, 1.0)
    used = np.unique(np.concatenate([fold.rows for fold in folds]))
    learned = NOBODY if private is None else private[0]
    lost = int((~found).sum())
    if cell.leak.foreign:
        judge = _trained(cell.witness or load("target", kind.target), device)
        values = _embedded(judge, prepared, used, samples, device, tell, target)
        observed = cell.leak.observed(target)
        return Plan(*(samples, kind, prepared, lost, observed, judge, values, (), folds, learned))
    lessons = None
    if private is not None:
        rows, later = private
        joins = prepared[later] if len(later) else None
        lessons = Lessons(prepared[rows], samples.subjects[rows], joins)
    fitted = target.fit(lessons, device, note)
    said = {}
    for name, version in fitted.versions().items():
        tell(f"embedding under version {name}", 0.0)
        said[name] = _embedded(cell.leak.observed(version), prepared, used, samples, device, tell)
    many = tuple(said.items()) if len(said) > 1 else ()
    missed = lost if lessons is None else None
    observed = cell.leak.observed(fitted)
    final = list(said.values())[-1]
    return Plan(*(samples, kind, prepared, missed, observed, observed), final, many, folds, learned)


def _trained(judge: Target, device: str) -> Target:
    """A recogniser that comes trained: nobody is left here to train one."""
    try:
        return judge.fit(None, device)
    except InputError as error:
        raise InputError(
            f"witness {type(judge).__name__.lower()} is trained here, and this leak leaves nobody "
            "to learn from: name dlib, or onnx:path=FILE"
        ) from error


def _prepared(samples: Samples, target: Target, tell: Progress) -> tuple[NDArray[Any], ...]:
    """Samples as the target takes them, and which were found: cached by the content of both.

    Part by part: finding thousands of faces takes minutes, and goes on where it was.
    """
    key = (samples.sha256, target.preparation)

    def part(rows: slice) -> dict[str, NDArray[Any]]:
        place = digest(*key, rows.start, rows.stop)
        return cached("prepared", place, lambda: vars(target.prepare(samples.values[rows])))

    made = in_parts(part, len(samples), max(PART, target.batch), tell, "preparing samples")
    return tuple(np.concatenate([each[name] for each in made]) for name in ("samples", "found"))


def _embedded(
    target: Target,
    prepared: NDArray[Any],
    rows: Indices,
    samples: Samples,
    device: str,
    tell: Progress,
    other: Target | None = None,
) -> Floats:
    """What a target says of these rows, cached; NaN elsewhere.

    ``other`` is the target that prepared the samples, where it is another one.
    """
    everything = len(rows) == len(prepared)

    def build() -> dict[str, NDArray[Any]]:
        few = prepared if everything else prepared[rows]
        asked = (len(few), target.batch, tell, "embedding samples")
        made = in_parts(lambda part: target.embed(few[part], device), *asked)
        return {"values": embedded(target, np.concatenate(made), len(few))}

    parts = (target.sha256, samples.sha256, rows, *((other.preparation,) if other else ()))
    values = cached("embeddings", digest(*parts), build)["values"]
    if everything:
        return values
    whole = np.full((len(prepared), values.shape[1]), np.nan, dtype=np.float32)
    whole[rows] = values
    return whole
