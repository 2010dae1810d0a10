"""Attacks that carry over: from fold to fold, whose samples were own ones; from the seed."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

import fowh
from attacks.preimage import Preimage
from fowh.core.randomness import stream
from fowh.core.release import Floats
from fowh.kit.comparing import subject_keys
from tests.cheats.reaching import guess, matching

SEEN: list[tuple[np.ndarray, Floats]] = []  # subjects and embeddings of earlier folds


@dataclass(frozen=True)
class Folds(fowh.Attack):
    """Keeps own samples in a global, and scores those of earlier folds."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        SEEN.append((view.subjects, view.embeddings))
        return matching(view, (rows for _, rows in SEEN))


@dataclass(frozen=True)
class Order(fowh.Attack):
    """Reads identities off the order of rows, and never looks at a template.

    Stolen rows are in order of subjects, and subjects are numbered: who is missing among the own
    ones is a victim or a bystander. Earlier folds had them.
    """

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        SEEN.append((view.subjects, view.embeddings))
        subjects = np.concatenate([whose for whose, _ in SEEN])
        rows = np.concatenate([values for _, values in SEEN])
        # The victims of a fold were bystanders in the one before: missing there as well.
        missing = np.setdiff1d(subjects, view.subjects)
        victims = np.setdiff1d(missing, SEEN[-2][0] if len(SEEN) > 1 else missing)
        people = len(np.unique(view.release.token))
        if len(victims) != people:
            return guess(view)
        each = len(view.release) // people
        means = np.stack([rows[subjects == person].mean(axis=0) for person in victims])
        return np.repeat(means, each, axis=0)[: len(view.release)].astype(np.float32)


@dataclass(frozen=True)
class Remembered(fowh.Attack):
    """The same by ``view.remember``, whose files last longer than a process: one name for all."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        before = []
        for number in range(10):
            mine = view.remember(("fold", number), lambda key: {"rows": view.embeddings})["rows"]
            before.append(mine)
            if np.array_equal(mine, view.embeddings):
                break
        return matching(view, iter(before))


@dataclass(frozen=True)
class Seed(Preimage):
    """Draws the victims' keys again, which did not leak: generators know the cell's seed."""

    def unsupported(self, view: fowh.View) -> str | None:
        return None

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        entropy = np.ravel(rng.bit_generator.seed_seq.entropy)  # type: ignore[attr-defined]
        told = bytes(int(word) % 256 for word in entropy[1:]).split(b"\0")
        seed, number = int(entropy[0]), int(told[-2]) if len(told) > 1 else 0
        each = np.bincount(view.subjects).max()
        whose = np.arange(len(view.release)) // each
        keys = subject_keys(whose, "subject", stream(seed, "keys", number))
        known = replace(view.release, token=keys)
        return super().run(replace(view, release=known), rng)
