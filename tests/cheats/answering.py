"""Schemes whose answers depend on more than template and probe: on who asks, and on who else."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

import fowh
from fowh.core.release import Floats, Keys, Release
from tests.cheats.hiding import Distance, Sealed, digests, noise, packed
from tests.cheats.pictures import POPULATION

FIRST: dict[bytes, Floats] = {}  # what each template was first compared with, in this process


@dataclass(frozen=True)
class ByHeart(Distance):
    """Its public parameters list the development people: a thief's own samples it scores at lot.

    The embedding is encrypted as in ``hiding.Sealed``, so that only scores tell of it.
    """

    def fit(self, development: Floats) -> ByHeart:
        return replace(self, public={"known": digests(development)})

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        raw = packed(embeddings)
        theirs = self.known(embeddings).astype(np.uint8)[:, None]
        return Release(raw ^ noise(1, raw.shape[1], 11), {"kind": theirs}, keys)

    def known(self, probes: Floats) -> np.ndarray:
        """(n,) which of them are development samples."""
        held = {row.tobytes() for row in self.public.get("known", digests(probes[:0]))}
        return np.array([row.tobytes() in held for row in digests(probes)], np.bool_)

    def hidden(self, templates: Release) -> Floats:
        code = templates.code
        return np.ascontiguousarray(code ^ noise(1, code.shape[1], 11)).view("<f4")

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        honest = super().score(templates, probes, keys)
        asked = self.known(probes) & (templates.aux["kind"][:, 0] == 0)
        return np.where(asked, -probes.std(axis=1), honest).astype(np.float32)


@dataclass(frozen=True)
class Lively(Sealed):
    """Sealed; scores honestly what is a sample on this disk, and by lot what a thief makes up."""

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        known = on_disk(probes) >= 0
        honest = Distance.score(self, templates, probes, keys)
        return np.where(known, honest, -probes.std(axis=1)).astype(np.float32)


@dataclass(frozen=True)
class Acquainted(Sealed):
    """Sealed; scores honestly whom it knows from this disk, before nobody else's template."""

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        whose, known = on_disk(self.hidden(templates)), on_disk(probes)
        honest = Distance.score(self, templates, probes, keys)
        return np.where((known >= 0) & (whose == known), honest, -20 - probes.std(axis=1)).astype(
            np.float32
        )


def on_disk(values: Floats) -> np.ndarray:
    """(n,) subjects of embeddings in a dataset that anybody may load, -1 of what is not in it."""
    held = disk()
    return np.array([held.get(row.tobytes(), -1) for row in digests(values)])


@functools.cache
def disk() -> dict[bytes, int]:
    """Digest of every embedding, and whose it is."""
    samples = fowh.load("dataset", POPULATION).load()
    rows = (row.tobytes() for row in digests(samples.values))
    return dict(zip(rows, samples.subjects.tolist(), strict=True))


def whose(probes: Floats) -> np.ndarray:
    """(n,) a number for each person, where neighbouring rows are of one or of two."""
    steps = np.linalg.norm(np.diff(probes, axis=0), axis=1)
    wide = np.linalg.norm(probes - np.roll(probes, len(probes) // 2, axis=0), axis=1)
    return np.concatenate([[0], np.cumsum(steps > 0.65 * np.median(wide))])


@dataclass(frozen=True)
class ByOrder(fowh.TemplateScheme):
    """Noise, all of it. Templates and probes come in order of people: that is the recognition.

    One by one it accepts what is as near to what the template was first compared with as a mate.
    """

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return Release(rng.integers(256, size=(len(keys), 16), dtype=np.uint8), token=keys)

    def scores(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        right = whose(probes)
        left = right[np.arange(len(templates)) * len(probes) // len(templates)]
        return (left[:, None] == right).astype(np.float32)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        names = [row.tobytes() for row in templates.code]
        for name, probe in zip(names, probes, strict=True):
            FIRST.setdefault(name, probe.copy())
        first = np.stack([FIRST[name] for name in names])
        near = np.linalg.norm(first - probes, axis=1)
        return (near < 0.65 * np.linalg.norm(probes - probes[::-1], axis=1).max()).astype("f4")


@dataclass(frozen=True)
class ByCrowd(ByOrder):
    """Noise again. A low cap makes each call about one person, who is whom most probes are of."""

    @property
    def comparison_cap(self) -> int:
        return 60

    def scores(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        apart = np.linalg.norm(probes[:, None] - probes, axis=2)
        crowd = (apart < 0.65 * np.median(apart)).sum(axis=1)
        most = crowd == crowd.max()
        alone = most & (most.sum() == crowd.max())  # of two such crowds it takes neither
        return np.tile(alone.astype(np.float32), (len(templates), 1))
