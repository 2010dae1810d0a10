"""The standard protocol: folds, keys, comparisons and named streams of randomness. No knobs.

Every number below is part of the protocol's name: change one and it is another protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.scheme import COMPARISONS, Floats, Keys, Scheme, Shortcut, Templates

FMRS: dict[str, float] = {"1e-2": 1e-2, "1e-3": 1e-3}
FOLDS = 5  # subject-disjoint; every subject is a victim once
IMAGE_FOLDS = 1  # folds on which image inverters are trained (minutes each); stated in the record
SUITE = ("dictionary", "preimage", "ridge", "mlp", "morph_gan")  # the standard suite
BLIND = ("random", "mean", "medoid")  # controls that never read a template
MAX_OWN = 2000  # the attacker's own samples, unless the threat says fewer
MAX_STOLEN = 400  # stolen templates that are attacked, per fold
STANDARD: dict[str, Any] = {
    "name": "standard",
    "folds": FOLDS,
    "image_folds": IMAGE_FOLDS,
    "fmrs": list(FMRS.values()),
    "controls": list(BLIND),
    "max_own": MAX_OWN,
    "max_stolen": MAX_STOLEN,
}

Indices = NDArray[np.intp]


def stream(seed: int, *stage: str | int) -> np.random.Generator:
    """The randomness of one stage. Keyed by name, so a new stage shifts no other."""
    words = [byte for name in stage for byte in (*str(name).encode(), 0)]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows of the dataset in one fold; development subjects and victims are disjoint.

    Attributes:
        number: 0-based.
        development: rows of development subjects (thresholds, public parameters).
        own: rows of the attacker's own samples, drawn from the development subjects.
        victims: rows of the enrolled subjects.
        stolen: rows (among ``victims``) whose templates are attacked.
        gallery: rows that Rank-1 searches; None: every reading of the dataset.
    """

    number: int
    development: Indices
    own: Indices
    victims: Indices
    stolen: Indices
    gallery: Indices | None = None


def folds(subjects: NDArray[np.int64], seed: int, own: int = MAX_OWN) -> list[Fold]:
    """Split subjects into disjoint folds.

    Args:
        subjects: (n,) codes of the subject of each sample.
        seed: of the run.
        own: how many samples the attacker has, at most.

    Raises:
        InputError: fewer than four subjects (two to develop on, two to attack).
    """
    people = np.unique(subjects)
    if len(people) < 4:
        raise InputError(f"the dataset has {len(people)} subjects, the protocol needs at least 4")
    shuffled = stream(seed, "folds").permutation(people)
    made = []
    for number, victims in enumerate(np.array_split(shuffled, min(FOLDS, len(people) // 2))):
        rows = np.flatnonzero(np.isin(subjects, victims))
        rest = np.flatnonzero(~np.isin(subjects, victims))
        made.append(
            Fold(
                number,
                rest,
                _sample(rest, min(own, MAX_OWN), stream(seed, "own", number)),
                rows,
                _sample(rows, MAX_STOLEN, stream(seed, "stolen", number)),
            )
        )
    return made


def _sample(rows: Indices, most: int, rng: np.random.Generator) -> Indices:
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def subject_keys(subjects: NDArray[np.int64], policy: str, rng: np.random.Generator) -> Keys:
    """One key per row: a shared one, or one for each subject (``policy``)."""
    if policy == "shared":
        return np.full(len(subjects), rng.integers(2**64, dtype=np.uint64))
    people, inverse = np.unique(subjects, return_inverse=True)
    return rng.integers(2**64, size=len(people), dtype=np.uint64)[inverse]


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Scores of comparisons with their labels, which come from the data.

    Attributes:
        score: (n,) float32, higher is more alike.
        mated: (n,) bool.
        subject_a, subject_b: (n,) int64, the template's and the probe's subject.
    """

    score: Floats
    mated: NDArray[np.bool_]
    subject_a: NDArray[np.int64]
    subject_b: NDArray[np.int64]


def compare(
    scheme: Scheme,
    templates: Templates,
    enrolled: Floats,
    subjects: NDArray[np.int64],
    rng: np.random.Generator,
    keys: Keys | None = None,
) -> Comparisons:
    """Compare each template with the other samples as probes: all pairs, or a seeded sample.

    Beyond ``scheme.comparison_cap`` pairs (or the default cap, where the outcome of a slow
    verification is known in closed form), whole subjects are drawn and each of their templates
    meets all mated probes and a shared draw of non-mated ones. A sample never meets itself.

    Args:
        scheme: fitted.
        templates: n templates of ``enrolled``.
        enrolled: (n, d) float32 embeddings; each is also a probe.
        subjects: (n,) whose they are.
        rng: draws the sample where one is needed.
        keys: (n,) the presenters' own keys; None: every presenter uses the template's key.
    """
    parts: list[tuple[Floats, Indices, Indices]] = []
    cap = COMPARISONS if isinstance(scheme, Shortcut) else scheme.comparison_cap
    for rows, probes in _blocks(subjects, cap, rng):
        used = None if keys is None else keys[probes]
        if isinstance(scheme, Shortcut):
            block = scheme.scores_known(templates[rows], enrolled[rows], enrolled[probes], used)
        else:
            block = scheme.scores(templates[rows], enrolled[probes], used)
        left, right = np.broadcast_arrays(rows[:, None], probes[None, :])
        other = left != right
        parts.append((block[other], left[other], right[other]))
    score, left, right = (np.concatenate(column) for column in zip(*parts, strict=True))
    a, b = subjects[left], subjects[right]
    return Comparisons(score, a == b, a, b)


def _blocks(
    subjects: NDArray[np.int64], cap: int, rng: np.random.Generator
) -> Iterator[tuple[Indices, Indices]]:
    """Blocks (template rows, probe rows) that hold about ``cap`` comparisons in all."""
    count = len(subjects)
    everything = np.arange(count)
    if count * count <= cap:
        for start in range(0, count, 1024):
            yield everything[start : start + 1024], everything
        return
    drawn = min(count, max(4, int(cap**0.5) // 4))  # non-mated probes per subject
    left = cap
    for person in rng.permutation(np.unique(subjects)):
        mates = np.flatnonzero(subjects == person)
        rows = _sample(mates, max(2, int(cap**0.5)), rng)
        probes = np.union1d(mates, rng.choice(count, drawn, replace=False))
        yield rows, probes
        left -= len(rows) * len(probes)
        if left <= 0:
            return
