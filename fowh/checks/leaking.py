"""A leak, deployed on a small world with the scheme that protects nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import world
from fowh.core.leak import Leak, Observed, Setting, System
from fowh.core.modality import Columns
from fowh.core.protocol import Fold
from fowh.core.registry import load
from fowh.core.release import Floats
from fowh.core.scheme import Scheme
from fowh.core.threat import Threat

FOLDS = 100  # alike: one in a hundred may pass only where there are a hundred


@dataclass(frozen=True)
class Case:
    """A leak, and a system that leaks through its reference scheme."""

    leak: Leak

    @cached_property
    def reference(self) -> Scheme:
        """The scheme that protects nothing, not fitted."""
        made: Scheme = load("scheme", self.leak.reference)
        return made

    @cached_property
    def fold(self) -> Fold:
        """Who is who."""
        return world.fold(self.leak.closed_set and not self.leak.foreign)

    @property
    def learned(self) -> NDArray[np.intp]:
        """Rows that the target learned from: where that is the question, every other stolen one."""
        if self.leak.foreign:  # the last reading of everybody is for tests
            return np.flatnonzero(np.arange(len(self.values)) % world.READINGS < world.READINGS - 1)
        if not self.leak.claims:
            return np.empty(0, dtype=np.intp)
        return np.union1d(self.fold.development, self.fold.stolen[::2])

    @property  # not cached: a leak that changes what it is given must not hide it
    def values(self) -> Floats:
        """What the target says of every sample: answers, or embeddings."""
        if self.leak.closed_set and not self.leak.foreign:
            return world.answers(world.subjects())
        return world.vectors()

    @property
    def truth(self) -> Floats:
        """What it said of the rows that are stolen."""
        return self.values[self.fold.stolen]

    @property
    def strangers(self) -> Floats:
        """For each of them the value of another victim's."""
        whose = world.subjects()[self.fold.stolen]
        return np.roll(self.truth, int((whose == whose[0]).sum()), axis=0)

    def deploy(self, scheme: Scheme | None = None, threat: Threat | None = None) -> System:
        """A system, always from the same randomness."""
        setting = Setting(
            *(scheme or self.reference, self.values, world.subjects(), self.fold),
            *(threat or Threat(), world.fixed),
            learned=self.learned,
        )
        if self.leak.foreign:
            seen, learner = world.pictures(), load("target", "softmax")
            setting = replace(setting, samples=seen, target=learner)
        return self.leak.deploy(setting)

    @cached_property
    def system(self) -> System:
        """The system under the reference scheme."""
        return self.deploy()

    def successes(self, made: Floats) -> Columns:
        """Success of reconstructions, by metric; labels are what the engine adds."""
        return self.leak.successes(self.labels | self.system.judge(made), self.system.terms)

    def claimed(self, claims: NDArray[np.float64]) -> float:
        """Mean success of claims in what an attacker wants most, over many folds alike."""
        columns = self.labels | self.system.claimed(claims)
        pooled = self.leak.pooled([columns] * FOLDS)[0]
        found = self.leak.successes(pooled, self.system.terms)
        return float(np.nanmean(found[self.leak.headline.success[0]]))

    @property
    def labels(self) -> Columns:
        """What the engine adds to whatever was observed."""
        stolen = self.fold.stolen
        return {"subject": world.subjects()[stolen], "fold": np.zeros(len(stolen), np.int64)}

    def wanted(self, made: Floats) -> float:
        """Mean success in what an attacker wants most."""
        return float(self.successes(made)[self.leak.headline.success[0]].mean())

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What a record says of two folds alike."""
        utility = {name: [columns] * 2 for name, columns in self.system.utility().items()}
        pair = [self.system] * 2
        return self.leak.summary(
            Observed(
                *(utility, [each.terms for each in pair], [each.facts for each in pair]),
                *(self.reference, world.fixed),
            )
        )
