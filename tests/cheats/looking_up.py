"""Attacks that read what anybody may read: the dataset, and files of the cache."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

import fowh
from fowh.core.cache import cache_dir
from fowh.core.release import Floats
from tests.cheats.pictures import POPULATION, Blobs
from tests.cheats.reaching import matching


@dataclass(frozen=True)
class Dataset(fowh.Attack):
    """Loads the dataset: it is installed here, as it is with everybody."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        return matching(view, iter([fowh.load("dataset", POPULATION).load().values]))


@dataclass(frozen=True)
class Cache(fowh.Attack):
    """Reads what the testbed keeps of earlier runs: embeddings of everybody."""

    def run(self, view: fowh.View, rng: np.random.Generator) -> Floats:
        return matching(view, _kept())


def _kept() -> Iterator[Floats]:
    for path in sorted((cache_dir() / "embeddings").glob("*.npz")):
        with np.load(path) as file:
            yield from (file[name] for name in file.files)


@dataclass(frozen=True)
class Photograph(fowh.Attack):
    """Hands in photographs of the dataset, those whose embeddings fit the stolen templates."""

    yields = "samples"

    def run(self, view: fowh.View, rng: np.random.Generator) -> np.ndarray:
        assert view.query is not None
        pictures = Blobs().load().values
        scores = view.scheme.scores(view.release, view.query(pictures))
        return pictures[scores.argmax(axis=1)]
