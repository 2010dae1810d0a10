"""What fills the slots: releases of each version, read under the keys that leaked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from attacks._features import Features
from attacks._morph.estimate import Reader
from attacks._readout import with_token
from fowh.core.release import Floats, Release
from fowh.core.view import Version, View

Slots = NDArray[np.float32]  # (versions, samples, length)


@dataclass(frozen=True, eq=False)
class Read:
    """Vectors of one length m, in units of the root mean square of the attacker's own.

    Attributes:
        known: (a, n, m) of his samples, slot by slot, to train on.
        final: (n, m) of his samples, the final version's.
        stolen: of the stolen rows: (a, k, m) slot by slot where all leaked, else (1, k, m), the
            final version's.
    """

    known: Slots
    final: Floats
    stolen: Slots


def read(view: View, sources: list[Version], all_stolen: bool, rng: np.random.Generator) -> Read:
    """The attacker's samples and the stolen ones as vectors.

    Under one key for all (or none) a slot holds what left itself. Under a key for each subject rows
    of different subjects mean different things: there a slot holds the approximate embedding that
    is read off a row under its key (``Reader``), which is public knowledge.
    Each slot is divided by its root mean square on the attacker's samples; it is not centred, so
    that zeros stay "nothing".

    Args:
        view: what the threat model grants.
        sources: the version of each slot.
        all_stolen: whether every slot's stolen rows are wanted; else the final version's alone.
        rng: draws keys where none leaked.
    """
    final = view.history()[-1]
    made: dict[str, tuple[Floats, Floats]] = {}
    seed = int(rng.integers(2**63))  # one stream for every version: their keys agree
    seen: Features | None = None  # the final version's, first: every slot has its columns
    others = {v.name: v for v in sources if v.name != final.name}
    for version in (final, *others.values()):
        stolen = version.release if all_stolen or version is final else None
        rng = np.random.default_rng(seed)
        own, other, seen = _vectors(view, version, stolen, seen, rng)
        made[version.name] = own, other
    known = np.stack([made[version.name][0] for version in sources])
    shown = sources if all_stolen else [final]
    stolen_rows = np.stack([made[version.name][1] for version in shown])
    return Read(known, made[final.name][0], stolen_rows)


def _vectors(
    view: View,
    version: Version,
    stolen: Release | None,
    like: Features | None,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Features | None]:
    """One version's vectors, own and stolen (none: no rows), in units of the own ones' RMS.

    Read are the columns that ``like`` reads of another version, where that is given.
    """
    seen = replace(view, scheme=version.scheme, embeddings=version.embeddings, versions=())
    token = with_token(seen).token
    keys = np.unique(token) if token is not None else rng.integers(2**64, size=1, dtype=np.uint64)
    if not version.scheme.keyed:
        keys = keys[:1]  # they mean nothing
    if len(keys) == 1:
        mine = seen.simulate(version.embeddings, np.repeat(keys, len(seen.subjects)), rng)
        base = version.scheme.features
        if like is None:
            like = Features.of(seen, mine, version.embeddings, base)
        like = replace(like, base=base)
        own, other = like(mine), None if stolen is None else like(stolen)
    else:
        reader = Reader(seen, version.embeddings[:0], rng)
        own = reader.approximations[: len(version.embeddings)]
        other = None if stolen is None else reader(with_token(replace(seen, release=stolen)))
    scale = np.sqrt(np.square(own).mean()) + np.float32(1e-12)
    empty = own[:0]
    return own / scale, empty if other is None else other / scale, like
