"""Comparisons of samples with each other: all pairs, or a seeded sample of whole subjects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Shortcut
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import COMPARISONS, TemplateScheme
from fowh.kit import matching

Indices = NDArray[np.intp]
Block = Callable[[Indices, Indices], Floats]  # template rows, probe rows -> scores of all pairs


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


def compare_rows(
    block: Block,
    subjects: NDArray[np.int64],
    cap: int,
    rng: np.random.Generator,
    half: NDArray[np.intp] | None = None,
    once: bool = False,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Comparisons:
    """Compare each sample, enrolled, with the others as probes: all pairs, or a seeded sample.

    Beyond ``cap`` pairs whole subjects are drawn, and each of their templates meets all mated
    probes and a shared draw of non-mated ones. A sample never meets itself.

    Where a probe costs more than a template (it is protected under a key of its own), it is asked
    for once: subjects are drawn in groups, and the probes of a group meet its templates and those
    of the group before.

    Args:
        block: scores (r, p) of enrolled rows with probe rows.
        subjects: (n,) whose the samples are.
        cap: comparisons, about.
        rng: draws the sample where one is needed.
        half: (n,) which half each sample belongs to, where only those of two halves are compared.
        once: whether no probe may be in two blocks.
        tell: is told how many comparisons are made, of about how many.
    """
    made, whole = 0, min(cap, len(subjects) ** 2)
    parts: list[tuple[Floats, Indices, Indices]] = []
    for rows, probes in (_groups if once else _blocks)(subjects, cap, rng):
        scores = block(rows, probes)
        left, right = np.broadcast_arrays(rows[:, None], probes[None, :])
        other = left != right if half is None else half[left] != half[right]
        parts.append((scores[other], left[other], right[other]))
        made += len(rows) * len(probes)
        tell(min(made, whole), whole)
    score, left, right = (np.concatenate(column) for column in zip(*parts, strict=True))
    a, b = subjects[left], subjects[right]
    return Comparisons(score, a == b, a, b)


def compare(
    scheme: TemplateScheme,
    templates: Release,
    enrolled: Floats,
    subjects: NDArray[np.int64],
    rng: np.random.Generator,
    keys: Keys | None = None,
    tell: Callable[[int, int], None] = lambda done, of: None,
) -> Comparisons:
    """Compare templates with the other samples as probes, by the scheme's own verification.

    Beyond ``scheme.comparison_cap`` pairs a sample stands for all; beyond the default cap where
    the outcome of a slow verification is known in closed form.

    A scheme with places of their own that verify compares, in each of two, templates of one half of
    everybody's readings with probes of the other half: there, no template meets the sample that it
    was made of, by which a scheme that stores a digest of it could tell whose the others are.

    Args:
        scheme: fitted.
        templates: n templates of ``enrolled``.
        enrolled: (n, d) float32 embeddings; each is also a probe.
        subjects: (n,) whose they are.
        rng: draws the sample where one is needed.
        keys: (n,) the presenters' own keys; None: every presenter uses the template's key.
        tell: is told how many comparisons are made, of about how many.
    """

    def block(rows: Indices, probes: Indices) -> Floats:
        used = None if keys is None else keys[probes]
        if isinstance(scheme, Shortcut):
            return scheme.scores_known(templates[rows], enrolled[rows], enrolled[probes], used)
        if half is None:
            return scheme.scores(templates[rows], enrolled[probes], used)
        out = np.empty((len(rows), len(probes)), dtype=np.float32)
        for number, place in enumerate(places[:2]):
            left, right = half[rows] == number, half[probes] != number
            some = None if used is None else used[right]
            made = place.scores(templates[rows[left]], enrolled[probes[right]], some)
            out[np.ix_(left, right)] = made
        return out

    places = scheme.verifiers
    half = halves(subjects) if len(places) > 1 else None
    cap = COMPARISONS if isinstance(scheme, Shortcut) else scheme.comparison_cap
    return compare_rows(block, subjects, cap, rng, half, once=keys is not None, tell=tell)


def halves(subjects: NDArray[np.int64]) -> NDArray[np.intp]:
    """(n,) 0 or 1: every second reading of a subject, beginning with another half for the next."""
    _, codes, counts = np.unique(subjects, return_inverse=True, return_counts=True)
    order = np.argsort(codes, kind="stable")
    first = np.repeat(np.cumsum(counts) - counts, counts)
    half = np.empty(len(subjects), dtype=np.intp)
    half[order] = (np.arange(len(subjects)) - first + codes[order]) % 2
    return half


def compare_vectors(
    vectors: Floats, subjects: NDArray[np.int64], rng: np.random.Generator
) -> Comparisons:
    """Compare vectors (n, d) in L2; the score is minus the distance."""

    def block(rows: Indices, probes: Indices) -> Floats:
        return -matching.l2(vectors[rows], vectors[probes])

    return compare_rows(block, subjects, COMPARISONS, rng)


def _blocks(
    subjects: NDArray[np.int64], cap: int, rng: np.random.Generator
) -> Iterator[tuple[Indices, Indices]]:
    """Blocks (template rows, probe rows) that hold about ``cap`` comparisons in all."""
    count = len(subjects)
    if count * count <= cap:
        yield from _everything(count)
        return
    drawn = min(count, max(4, int(cap**0.5) // 4))  # non-mated probes per subject
    left = cap
    for person in rng.permutation(np.unique(subjects)):
        mates = np.flatnonzero(subjects == person)
        rows = sample(mates, max(2, int(cap**0.5)), rng)
        probes = np.union1d(mates, rng.choice(count, drawn, replace=False))
        yield rows, probes
        left -= len(rows) * len(probes)
        if left <= 0:
            return


def _groups(
    subjects: NDArray[np.int64], cap: int, rng: np.random.Generator
) -> Iterator[tuple[Indices, Indices]]:
    """The same with no probe in two blocks: each group of subjects with itself and the one before.

    With R rows in a group, n rows make about 2 n R comparisons.
    """
    count = len(subjects)
    if count * count <= cap:
        yield from _everything(count)
        return
    order = np.argsort(subjects, kind="stable")
    mates = np.split(order, np.flatnonzero(np.diff(subjects[order])) + 1)
    most = max(2, int((cap / (2 * len(mates))) ** 0.5))  # of one subject, so that all find a place
    room = cap // (2 * sum(min(len(rows), most) for rows in mates))
    groups: list[Indices] = []
    part: list[Indices] = []
    for person in rng.permutation(len(mates)):
        part.append(sample(mates[person], most, rng))
        if sum(map(len, part)) >= room:
            groups.append(np.sort(np.concatenate(part)))
            part = []
    if part:
        groups.append(np.sort(np.concatenate(part)))
    left = cap
    for number, probes in enumerate(groups):
        rows = np.union1d(probes, groups[number - 1])
        yield rows, probes
        left -= len(rows) * len(probes)
        if left <= 0:
            return


def _everything(count: int) -> Iterator[tuple[Indices, Indices]]:
    """All templates with all probes, some templates at a time."""
    rows = np.arange(count)
    for start in range(0, count, 1024):
        yield rows[start : start + 1024], rows


def sample(rows: Indices, most: int, rng: np.random.Generator) -> Indices:
    """At most so many of the rows, sorted; all of them where there are no more."""
    return rows if len(rows) <= most else np.sort(rng.choice(rows, most, replace=False))


def subject_keys(subjects: NDArray[np.int64], policy: str, rng: np.random.Generator) -> Keys:
    """One key per row: a shared one, or one for each subject (``policy``)."""
    if policy == "shared":
        return np.full(len(subjects), rng.integers(2**64, dtype=np.uint64))
    people, inverse = np.unique(subjects, return_inverse=True)
    return rng.integers(2**64, size=len(people), dtype=np.uint64)[inverse]
