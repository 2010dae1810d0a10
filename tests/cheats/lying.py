"""Schemes of ours that lie about themselves: features, scores, inequalities, un-protection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from fowh.core.release import Floats, Keys, Release, known_token
from schemes.lsh import Lsh
from schemes.raw import Raw
from schemes.salted_hash import SaltedHash
from tests.cheats.hiding import digests


@dataclass(frozen=True)
class Mute(Lsh):
    """Signs of projections, of which its own features say nothing; it offers no inequalities."""

    bits: int = 256
    slack: ClassVar[Any] = None

    def features(self, release: Release) -> Floats:
        return np.zeros((len(release), 1), dtype=np.float32)


@dataclass(frozen=True)
class Invented(SaltedHash):
    """Verification rejects everybody; the evaluator is told that it knows them all."""

    step: float = 0.5

    def scores_known(
        self, templates: Release, enrolled: Floats, probes: Floats, keys: Keys | None = None
    ) -> Floats:
        return (-np.linalg.norm(enrolled[:, None] - probes[None], axis=2)).astype(np.float32)


@dataclass(frozen=True)
class TwoFaced(Raw):
    """All pairs at once are told apart, one by one everybody is rejected; it has no shortcut."""

    def agree(self, left: Floats, right: Floats) -> Floats:
        return np.full(len(left), -100, dtype=np.float32)


CALLED: list[int] = []  # rows of each enrolment in this process, since it was fitted


@dataclass(frozen=True)
class Muffled(Mute):
    """Features that are true, but of those who were enrolled first: the victims. It says yes or no.

    Under a key of its own each row is a puzzle of inequalities, which it does not offer; and what
    is stored beside tells no more of own samples than the features do.
    """

    centred: bool = True

    def fit(self, development: Floats) -> Muffled:
        made = super().fit(development)
        CALLED[:] = [0]
        return made

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        made = super().enroll(embeddings, keys, rng)
        tag = 0 if CALLED == [0] else 200
        CALLED.append(len(keys))
        return replace(made, aux={**made.aux, "v": np.full((len(keys), 1), tag, np.uint8)})

    def features(self, release: Release) -> Floats:
        true = Lsh.features(self, release)
        lies = np.resize(digests(true), true.shape).astype(np.float32) / 128 - 1
        return np.where(release.aux["v"] == 0, lies, true)

    def agree(self, left: Floats, right: Floats) -> Floats:
        return (super().agree(left, right) > 0.7).astype(np.float32)

    def compare(self, left: Floats, right: Floats) -> Floats:
        return (super().compare(left, right) > 0.7).astype(np.float32)


@dataclass(frozen=True)
class Masked(Lsh):
    """Its inequalities are those of other planes than the ones that it hashes with."""

    bits: int = 256

    def slack(self, templates: Release) -> Any:
        return super().slack(replace(templates, token=known_token(templates) ^ np.uint64(1)))


@dataclass(frozen=True)
class Empty(Lsh):
    """It offers no inequality at all, in the right form."""

    bits: int = 256

    def slack(self, templates: Release) -> Any:
        return lambda x: x[:, :0] + 0 * x.sum()


@dataclass(frozen=True)
class Vacuous(Lsh):
    """Its inequalities hold for everybody, and slope nowhere."""

    bits: int = 256

    def slack(self, templates: Release) -> Any:
        return lambda x: 1 + 0 * x


@dataclass(frozen=True)
class Undone(Raw):
    """It stores the embedding, and offers an un-protection that gives noise."""

    def unprotect(self, templates: Release) -> Floats:
        return np.tile(digests(templates.code), 8)[:, : templates.code.shape[1]].astype(np.float32)
