"""The view: exactly what the threat model grants an attack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import Arrays, cached, digest, forget
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import Scheme
from fowh.core.target import Learner, Progress, quiet

if TYPE_CHECKING:
    import torch


class Query:
    """A counted black-box handle on the target: samples in, what the system says of them out."""

    def __init__(self, ask: Callable[[NDArray[Any]], Floats], budget: int) -> None:
        self._ask = ask
        self._used = 0
        self._budget = budget

    @property
    def budget(self) -> int:
        """Queries that were granted."""
        return self._budget

    @property
    def used(self) -> int:
        """Queries so far."""
        return self._used

    @property
    def left(self) -> int:
        """Queries that the budget still allows."""
        return self.budget - self._used

    def charge(self, count: int) -> None:
        """Pay for queries whose answers came from a cache."""
        self._used += max(0, count)

    def __call__(self, samples: NDArray[Any]) -> Floats:
        """Ask about (n, ...) prepared samples; (n, d) float32.

        Raises:
            RuntimeError: the budget would be exceeded; nothing was asked.
        """
        if self.used + len(samples) > self.budget:
            raise RuntimeError(f"query budget exhausted: {self.used} of {self.budget} used")
        self._used += len(samples)
        return self._ask(samples)


@dataclass(frozen=True, eq=False)
class Version:
    """What the attacker has of one version of the target.

    Attributes:
        name: of the version.
        scheme: fitted to the system's values under this version.
        embeddings: (n, d) float32, the attacker's own samples under this version.
        release: what was stolen, under this version, row by row that of the view; None where only
            the final version's leaked.
    """

    name: str
    scheme: Scheme
    embeddings: Floats
    release: Release | None = None


@dataclass(frozen=True, eq=False)
class View:
    """All that an attack sees. The truth is not in it, and nothing in it leads back.

    Attributes:
        scheme: the fitted scheme (algorithms are public).
        release: the rows that were stolen; the token only if it leaked.
        embeddings: (n, d) float32, what the system says of the attacker's own samples: embeddings,
            or answers as they leave where it answers.
        subjects: (n,) int64, whose they are.
        samples: (n, ...) the same samples, prepared; None where there are none but vectors.
        query: counted black-box handle on the system; None without samples.
        module: the target's network, only if white box is granted, or if all who take part hold it.
        learner: the target before anybody trained it, where that is public (``Learner``): whoever
            holds it trains others like it. None where it came trained.
        malicious: whether the server may hand out another network (``Planter``).
        candidates: (k, ...) samples among which all stolen ones are, in no order; None where the
            threat grants none, and for every attack that does not call itself ``informed``.
        classes: (n,) int64, under which class of the network each own sample is trained, as who
            takes part knows; None where nobody is told.
        candidate_classes: (k,) likewise of the candidates.
        closed_set: whether the system knows a closed set of subjects, the attacker's among them:
            whole subjects held out would then say nothing.
        modality: what kind of samples the system takes.
        as_released: whether what the system says has passed the scheme already, as answers have.
        versions: of the target, oldest first, the final one last; empty where there is only that.
        device: torch device name.
        progress: callback for long work.
        source: digest of the attack's own code, for ``remember``.
        remarks: what the attack wants the record to say about this run; it may append.
    """

    scheme: Scheme
    release: Release
    embeddings: Floats
    subjects: NDArray[np.int64]
    samples: NDArray[Any] | None = None
    query: Query | None = None
    module: torch.nn.Module | None = None
    learner: Learner | None = None
    malicious: bool = False
    candidates: NDArray[Any] | None = None
    classes: NDArray[np.int64] | None = None
    candidate_classes: NDArray[np.int64] | None = None
    closed_set: bool = False
    modality: str = "vector"
    as_released: bool = False
    versions: tuple[Version, ...] = ()
    device: str = "cpu"
    progress: Progress = field(default=quiet, repr=False)
    source: str = field(default="", repr=False)
    remarks: list[str] = field(default_factory=list, repr=False)
    _remembered: dict[str, Arrays] = field(default_factory=dict, repr=False)

    def history(self) -> tuple[Version, ...]:
        """All versions that may be queried; the one in use alone where there are no others."""
        return self.versions or (Version("final", self.scheme, self.embeddings, self.release),)

    def simulate(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        """What would leave of what the system says of samples of the attacker's own.

        Args:
            values: (n, d) float32, of his samples, or drawn as if they were.
            keys: (n,) that they leave under.
            rng: randomness of the scheme.
        """
        if self.as_released:
            return Release(values, token=keys)
        return self.scheme.release(values, keys, rng)

    def remember(self, parts: tuple[Any, ...], build: Callable[[str], Arrays]) -> Arrays:
        """What an attack trained, from the cache where it was trained before.

        The cache is keyed by the parts, the attack's own code and the queries that are left. What
        training asked the target is billed all the same, once for each view.

        Args:
            parts: all that the training depends on: arrays, and values that JSON has.
            build: trains; is given the key, under which it may keep a checkpoint. That goes when
                the result is stored.
        """
        known = digest(self.source, *parts)
        if known in self._remembered:
            return self._remembered[known]
        query = self.query
        used, left = (query.used, query.left) if query else (0, 0)
        key = digest(known, left)

        def whole() -> Arrays:
            arrays = build(key)
            return {**arrays, "_queries": np.array(query.used - used if query else 0)}

        arrays = dict(cached("trained", key, whole))
        forget("training", key)  # the checkpoint: not before its result is on the disk
        asked = int(arrays.pop("_queries"))
        if query:  # from the cache: the same bill
            query.charge(used + asked - query.used)
        self._remembered[known] = arrays
        return arrays
