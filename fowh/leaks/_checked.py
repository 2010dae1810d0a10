"""What a scheme says of itself, tried: its shortcut to scores, and that it stores no embedding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Shortcut, unprotects
from fowh.core.leak import Setting
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import TemplateScheme
from fowh.core.trust import ours
from fowh.kit.pairing import another_reading, other_subject
from fowh.kit.stored import LIMIT, MOST, Stored

PAIRS, LEAST = 1024, 200  # that are verified in a fold, and how low a scheme's cap makes it
BLOCK = 16  # templates that meet all probes at once, as an attack's own samples do
ROUNDING = 1e-4  # of a score, or of 1
TAUGHT, TRIED = (
    1024,
    256,
)  # made-up people to learn from (at least), samples of held-out people to try it on
FAR = 1e6  # standard deviations
NEARLY = 0.99  # cosine from which an embedding is given back nearly exactly
KEYS = 8  # that the former are enrolled under; the latter under two others


@dataclass(frozen=True, eq=False)
class Enrolment:
    """What a check of the shortcut needs of a system.

    Attributes:
        templates: n of them, the stolen ones.
        embeddings: (n, d) behind them.
        probes: (m, d) samples of the same people, and (m,) ``subjects`` and ``keys`` of theirs.
        stolen: (n,) which of the probes each template is.
    """

    templates: Release
    embeddings: Floats
    probes: Floats
    subjects: NDArray[np.int64]
    keys: Keys
    stolen: NDArray[np.intp]


def verified(
    scheme: TemplateScheme, system: Enrolment, rng: np.random.Generator
) -> dict[str, float]:
    """Scores that a scheme knows in closed form against its real verification, pair by pair.

    Half of the pairs are compared row by row, every stolen template with one probe each time, as
    the judge compares reconstructions; in every second round presenters use keys of their own. The
    others are some templates with all of some probes, as an attack compares own samples. Half of
    all probes are mated. So a scheme sees calls as those of every evaluation.

    Returns:
        How many pairs were compared, and how many differ by more than rounding; empty where the
        scheme has no shortcut.
    """
    if not isinstance(scheme, Shortcut):
        return {}
    budget = min(PAIRS, max(LEAST, scheme.comparison_cap))
    mate = another_reading(system.subjects)[system.stolen]
    count = len(system.templates)
    rows = np.arange(count)
    if count > budget // 2:
        rows = np.sort(rng.choice(count, max(1, budget // 2), replace=False))
    known, real = [], []
    for number in range(-(-budget // 2 // len(rows))):
        stranger = other_subject(system.subjects, rng)[system.stolen]
        at = np.where(rng.random(count) < 0.5, mate, stranger)[rows]
        own = system.keys[at] if number % 2 else None
        some, probes = system.templates[rows], system.probes[at]
        real.append(scheme.score(some, probes, own))
        said = scheme.scores_known(some, system.embeddings[rows], probes, own)
        known.append(np.diag(said))
    few = np.sort(rng.choice(count, min(BLOCK, count), replace=False))
    others = rng.integers(len(system.probes), size=max(1, budget // 2 // len(few)))
    others[::2] = mate[few[np.arange(len(others[::2])) % len(few)]]
    some, probes = system.templates[few], system.probes[others]
    real.append(scheme.scores(some, probes).ravel())
    known.append(scheme.scores_known(some, system.embeddings[few], probes).ravel())
    one, other = np.concatenate(known), np.concatenate(real)
    with np.errstate(invalid="ignore"):  # infinite scores are equal or not
        alike = (one == other) | (np.abs(one - other) <= ROUNDING * np.maximum(1, np.abs(other)))
    return {"verified_pairs": len(one), "verified_unlike": int((~alike).sum())}


def in_clear(setting: Setting, scheme: TemplateScheme) -> dict[str, float]:
    """How well a linear map of what is stored gives the embedding under keys it never saw.

    It is learnt on made-up people about half of the development subjects, under keys of their own,
    and tried on samples of the other half, under others. A locality-sensitive code is a linear
    puzzle only under its own key: another one tells nothing of its places. What such a map gives
    back nearly exactly is the embedding itself, stored as it is or in a fixed disguise.

    Returns:
        ``clear_cosine``, the mean cosine to the embedding about the mean, and to somebody else's
        (``clear_permuted``); ``clear_said``, 1 where the scheme's own un-protection gives it back
        as well, so that nothing is hidden.
    """
    rng, fold = setting.stream("stored in clear"), setting.fold
    values, whose = setting.values[fold.development], setting.subjects[fold.development]
    people = rng.permutation(np.unique(whose))
    held = np.flatnonzero(np.isin(whose, people[: len(people) // 2]))
    held = np.sort(rng.permutation(held)[:TRIED])
    known = values[~np.isin(whose, people[: len(people) // 2])]
    if not len(held) or not len(known):
        return {"clear_cosine": 0.0, "clear_permuted": 0.0, "clear_said": 0.0}
    count = max(TAUGHT, 4 * values.shape[1])
    if ours(type(scheme), "scheme"):  # who may be tested says nothing of how much
        count = min(count, scheme.comparison_cap)
    made = drawn(known, count, rng)
    keys = rng.integers(2**64, size=KEYS + 2, dtype=np.uint64)
    known_rows = scheme.enroll(made, keys[rng.integers(KEYS, size=len(made))], rng)
    theirs = scheme.enroll(values[held], keys[KEYS + rng.integers(2, size=len(held))], rng)
    mean = made.mean(axis=0)
    truth = values[held] - mean
    guesses = [_mapped(known_rows, made, theirs, deep=deep) for deep in (False, True)]
    guess = max(guesses, key=lambda each: cosine(each, truth))
    said = unprotects(scheme) and cosine(scheme.unprotect(theirs) - mean, truth) > NEARLY
    other = truth[other_subject(whose[held], rng)] if len(np.unique(whose[held])) > 1 else -truth
    return {
        "clear_cosine": cosine(guess, truth),
        "clear_permuted": cosine(guess, other),
        "clear_said": float(said),
    }


@dataclass(frozen=True, eq=False)
class Call:
    """Rows that were enrolled in one call: what is stored, of which embeddings, whose, which keys.

    Attributes:
        release: n rows.
        embeddings: (n, d) behind them.
        subjects, keys: (n,).
    """

    release: Release
    embeddings: Floats
    subjects: NDArray[np.int64]
    keys: Keys


def with_enrolled(
    found: dict[str, float], calls: Sequence[Call], rng: np.random.Generator
) -> dict[str, float]:
    """The same, or what the rows that leak say, where they hold the embedding and it did not.

    A scheme may tell an audit from enrolment. So it is learnt on half of the people of a call, and
    tried on the others of that call and of the other one, where they have other keys. Of few people
    a map is no more than this: each coordinate as one stored number says.
    """
    everybody = rng.permutation(np.unique(np.concatenate([call.subjects for call in calls])))
    first = everybody[: len(everybody) // 2]
    for one, other in product(calls, repeat=2):
        known = np.flatnonzero(np.isin(one.subjects, first))[:TAUGHT]
        tried = np.flatnonzero(~np.isin(other.subjects, first))[:TAUGHT]
        people = len(np.unique(other.subjects[tried]))
        if len(known) < 2 or people < 2 or np.isin(other.keys[tried], one.keys[known]).any():
            continue
        taught, rows = one.embeddings[known], other.release[tried]
        truth = other.embeddings[tried] - taught.mean(axis=0)
        for single, deep in product((False, True), repeat=2):
            guess = _mapped(one.release[known], taught, rows, single, deep)
            near = cosine(guess, truth)
            if near > NEARLY > found["clear_cosine"]:
                strangers = truth[other_subject(other.subjects[tried], rng)]
                permuted = cosine(guess, strangers)
                found = found | {"clear_cosine": near, "clear_permuted": permuted}
    return found


def _mapped(
    known: Release, made: Floats, asked: Release, single: bool = False, deep: bool = False
) -> Floats:
    """What a linear map learnt on known rows makes of others, about the mean of the known.

    ``single``: a map of the one stored number that goes best with each coordinate. ``deep``:
    numbers are taken apart (``columns``).
    """
    centred = made - made.mean(axis=0)
    stored = Stored.of(known, made, MOST if single else len(made) // 2, deep)
    if not len(stored.kept):
        return np.zeros((len(asked), made.shape[1]), np.float32)
    # In double precision, and with no penalty: what is exact shall be found exactly.
    limit = FAR if single else LIMIT  # few people say little of how far others are
    known64 = stored(known, limit).astype(np.float64)
    if single:
        along = known64.T @ centred / len(made)  # of columns about their mean, of variance one
        best = np.abs(along).argmax(axis=0)
        weights = np.zeros_like(along)
        weights[best, np.arange(len(best))] = along[best, np.arange(len(best))]
    else:
        weights = np.linalg.lstsq(known64, centred, rcond=1e-6)[0]
    out: Floats = (stored(asked, limit) @ weights).astype(np.float32)
    return out


def drawn(known: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Embeddings (count, d) about as the known ones lie, and in every direction a little."""
    centred = known - known.mean(axis=0)
    mixed = rng.standard_normal((count, len(known)), dtype=np.float32) @ centred
    mixed /= np.float32(len(known) ** 0.5)
    noise = rng.standard_normal(mixed.shape, dtype=np.float32) * (0.3 * centred.std())
    out: Floats = (known.mean(axis=0) + mixed + noise).astype(np.float32)
    return out


def cosine(left: Floats, right: Floats) -> float:
    """Mean cosine of rows."""
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float((np.einsum("ij,ij->i", left, right) / np.maximum(norms, 1e-12)).mean())
