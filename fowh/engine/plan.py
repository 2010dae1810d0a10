"""What a run works on: samples under every version of the target, split by the cell's protocol."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from fowh.core.attack import Progress
from fowh.core.cache import cached, digest
from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.scheme import Floats
from fowh.core.target import Embedded, Lessons, Target, embed_samples
from fowh.protocols import standard as protocol
from fowh.protocols.standard import Fold, Indices
from fowh.targets._trained import TrainedTarget


@dataclass(frozen=True, eq=False)
class Plan:
    """Data of a run.

    Attributes:
        samples: those that the protocol uses.
        target: trained, where the protocol trains it.
        data: the samples under the target in use.
        folds: of the protocol; rows index the samples.
        versions: name and (n, d) embeddings of the samples, oldest first, the one in use last;
            empty where there is only that one.
        judging: images and subjects that an independent judge may be trained on; None where the
            protocol is standard: there the development subjects of the fold serve.
    """

    samples: Samples
    target: Target | None
    data: Embedded
    folds: list[Fold]
    versions: tuple[tuple[str, Floats], ...] = ()
    judging: Lessons | None = None


def protocol_of(dataset: Dataset, target: Target | None) -> str:
    """Name of the protocol: a published one where a target is to be trained, else standard."""
    return dataset.published if isinstance(target, TrainedTarget) else "standard"


def make_plan(
    dataset: Dataset,
    samples: Samples,
    target: Target | None,
    own: int,
    seed: int,
    device: str,
    progress: Progress,
) -> Plan:
    """Split, train the target if it is to be trained, and embed.

    Args:
        dataset: says which published protocol it belongs to.
        samples: of the dataset, loaded.
        target: what embeds images.
        own: how many samples the attacker has, at most.
        seed: of the run.
        device: torch device name.
        progress: is told how training goes.

    Raises:
        InputError: the dataset does not fit the protocol or the target.
    """
    if not isinstance(target, TrainedTarget):
        progress("embedding the dataset", 0.0)
        data = embed_samples(samples, target, device)
        return Plan(samples, target, data, protocol.folds(samples.subjects, seed, own))
    if samples.images is None:
        raise InputError(f"{type(target).__name__.lower()} is trained on images: name a dataset")
    from fowh.protocols import _afm as afm

    split = afm.split(samples, dataset.published, target)
    images = target.prepare(samples.images).images
    newcomer = images[split.newcomer] if target.schedule == "update" else None
    lessons = Lessons(images[split.private], samples.subjects[split.private], newcomer)
    fitted = target.fit(lessons, device, progress)
    used = np.sort(np.concatenate([split.private, split.pool, split.test]))
    few = replace(samples, subjects=samples.subjects[used], images=images[used])
    versions = tuple(
        (name, _embed(version, few, device, partial(progress, f"embedding under version {name}")))
        for name, version in fitted.versions().items()
    )
    drawn = afm.fold(split, own, seed)
    judging = np.setdiff1d(split.judging, drawn.own)
    lessons = Lessons(images[judging], samples.subjects[judging])
    fold = _reindexed(drawn, used)
    data = Embedded(versions[-1][1], few.images, None)
    return Plan(few, fitted, data, [fold], versions, lessons)


def _embed(target: Target, samples: Samples, device: str, note: Callable[[float], None]) -> Floats:
    """Embeddings of prepared samples, cached: the images are not stored once more."""
    note(0.0)
    assert samples.images is not None
    images = samples.images
    name = digest(target.sha256, images)
    stored = cached("embeddings", name, lambda: {"embeddings": target.embed(images, device)})
    found: Floats = stored["embeddings"]
    return found


def _reindexed(fold: Fold, used: Indices) -> Fold:
    """A fold of the whole dataset as a fold of the used rows."""
    rows: dict[str, Any] = {
        name: np.searchsorted(used, getattr(fold, name))
        for name in ("development", "own", "victims", "stolen", "gallery")
    }
    return replace(fold, **rows)
