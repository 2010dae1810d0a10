"""The published protocols afm-iris and afm-face: who trains the target, who attacks, who is tested.

Source: Ahmad, Mahmood and Fuller (2022), "Inverting biometric models with fewer samples", sec. 5.1.
Sizes are the paper's where the dataset has as many samples, and in its proportions otherwise. The
target's own seed fixes the private samples, so that all runs against one target share it; the seed
of the run draws the attacker's samples from a pool that is kept from the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.protocols.standard import BLIND, FMRS, Fold, Indices, stream
from fowh.targets._trained import TrainedTarget

TEST, POOL = 2000, 2000  # iris: probes and attacker's samples, at most
TEST_SHARE = {"extractor": 2000 / 12000, "classifier": 2000 / 11000}  # of the left irises
PRIVATE_FACES = 1076 / 3632  # of the faces, by whole subjects
POOL_FACES = {"extractor": 1500 / 2556, "classifier": 1500 / 3632}  # of all others; of all
TEST_FACES = 0.15  # of each subject's faces, rounded up, where the target classifies
REMOVED = {"afm-iris": 10, "afm-face": 5}  # subjects, before the retraining of downslope


@dataclass(frozen=True, eq=False)
class Split:
    """Rows of the dataset by what they are for; disjoint but for the last.

    Attributes:
        private: the target is trained on them, and the thresholds come from them.
        pool: the attacker draws his own samples from them.
        test: probes: their templates are stolen and attacked, and they are the gallery of Rank-1.
        newcomer: the subject that schedule update adds.
        judging: what an independent judge may be trained on, less the attacker's own samples. The
            pool itself for faces, whose few subjects leave no others; the one part that overlaps.
    """

    private: Indices
    pool: Indices
    test: Indices
    newcomer: Indices
    judging: Indices


def split(samples: Samples, published: str, target: TrainedTarget) -> Split:
    """Split a dataset for a target.

    Args:
        samples: with ``left`` for afm-iris.
        published: afm-iris or afm-face.
        target: its head, schedule and seed decide.

    Raises:
        InputError: the dataset lacks eyes or is too small.
    """
    rng = stream(target.seed, published, target.head)
    people = rng.permutation(np.unique(samples.subjects))
    if published == "afm-iris":
        if samples.left is None or len(people) < 8:
            raise InputError(
                f"protocol afm-iris: {len(people)} subjects, eyes "
                f"{'unknown' if samples.left is None else 'known'}; expected at least 8 eyes, each "
                "known as left or right"
            )
        made = _irises(samples, people, target, rng)
    else:
        fewest = int(np.bincount(samples.subjects).min())
        if len(people) < 8 or fewest < 3:
            raise InputError(
                f"protocol afm-face: {len(people)} subjects, the smallest with {fewest} readings; "
                "expected at least 8 with 3 each (folder:readings=3 leaves smaller ones out)"
            )
        made = _faces(samples, people, target, rng)
    if target.schedule == "downslope":
        made = _removed(samples, made, REMOVED[published], target, rng)
    counts = {name: len(getattr(made, name)) for name in ("private", "pool", "test")}
    if min(counts.values()) < 4:
        raise InputError(f"protocol {published}: only {counts} samples; use a larger dataset")
    return made


def _irises(
    samples: Samples, people: NDArray[Any], target: TrainedTarget, rng: np.random.Generator
) -> Split:
    """f_E: trained and tested on left irises, attacked with right ones; f_C: left ones only."""
    assert samples.left is not None
    left = samples.left[samples.subjects]
    rights = people[~samples.left[people]]
    newcomer = samples.subjects == (rights[0] if len(rights) else -1)
    others = rng.permutation(np.flatnonzero(~left & ~newcomer))
    lefts = rng.permutation(np.flatnonzero(left))
    count = min(TEST, round(TEST_SHARE[target.head] * len(lefts)))
    test, rest = lefts[:count], lefts[count:]
    if target.head == "extractor":
        cut = min(POOL, len(others) // 2)
        pool, judging, private = others[:cut], others[cut:], rest
    else:
        pool, judging, private = rest[:count], others, rest[count:]
        known = np.unique(samples.subjects[private])  # the others can never be named
        pool, test = (part[np.isin(samples.subjects[part], known)] for part in (pool, test))
    return Split(*map(np.sort, (private, pool, test, np.flatnonzero(newcomer), judging)))


def _faces(
    samples: Samples, people: NDArray[Any], target: TrainedTarget, rng: np.random.Generator
) -> Split:
    """f_E: private subjects are nobody else's; f_C: every subject is in every part."""
    subjects = samples.subjects
    newcomer, rows = subjects == people[0], rng.permutation(len(subjects))
    rows = rows[~newcomer[rows]]
    if target.head == "extractor":
        sizes = np.bincount(subjects)[people[1:]].cumsum()
        few = people[1 : 2 + int(np.searchsorted(sizes, PRIVATE_FACES * len(rows)))]
        mine = np.isin(subjects[rows], few)
        private, rest = rows[mine], rows[~mine]
        cut = round(POOL_FACES["extractor"] * len(rest))
        pool, test = rest[:cut], rest[cut:]
    else:
        order = np.argsort(subjects[rows], kind="stable")  # by subject, in random order within
        sizes = np.bincount(subjects[rows])
        rank = np.concatenate([np.arange(size) / size for size in sizes if size])
        share = TEST_FACES + POOL_FACES["classifier"]
        ordered = rows[order]
        test, private = ordered[rank < TEST_FACES], ordered[rank >= share]
        pool = ordered[(rank >= TEST_FACES) & (rank < share)]
    return Split(*map(np.sort, (private, pool, test, np.flatnonzero(newcomer), pool)))


def _removed(
    samples: Samples, made: Split, count: int, target: TrainedTarget, rng: np.random.Generator
) -> Split:
    """Without the subjects whose removal downslope asks for; a classifier no longer knows them."""
    people = np.unique(samples.subjects[made.private])
    gone = rng.permutation(people)[: min(count, len(people) // 4)]

    def kept(rows: Indices) -> Indices:
        return rows[~np.isin(samples.subjects[rows], gone)]

    private = kept(made.private)
    if target.head == "extractor":
        return Split(private, made.pool, made.test, made.newcomer, made.judging)
    return Split(private, kept(made.pool), kept(made.test), made.newcomer, made.judging)


def fold(made: Split, own: int, seed: int) -> Fold:
    """The split as the single fold of a run: ``own`` samples of the pool are the attacker's."""
    count = min(own, len(made.pool))
    drawn = np.sort(stream(seed, "own").choice(made.pool, count, replace=False))
    few = np.sort(stream(0, "stolen").permutation(made.test)[:TEST])
    return Fold(0, made.private, drawn, made.test, few, gallery=made.test)


def published_protocol(name: str) -> dict[str, Any]:
    """What a record's spec says about the protocol."""
    return {
        "name": name,
        "folds": 1,
        "image_folds": 1,
        "fmrs": list(FMRS.values()),
        "controls": list(BLIND),
        "max_own": POOL,
        "max_stolen": TEST,
    }
