"""Whether what a scheme says of the victims' rows tells as much as what it says of others'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from fowh.core.leak import Doubt, Setting
from fowh.core.release import Floats
from fowh.core.scheme import TemplateScheme
from fowh.core.trust import ours
from fowh.kit import ridge
from fowh.leaks._checked import Call, cosine, drawn

KEYS, ROWS = 2, 16  # keys that are tried in a fold, rows of victims under each at most
TAUGHT = 512  # made-up people that a map is learned from, under each key
PENALTY = 0.1  # of the power of a feature's direction
TELLS = 0.3  # cosine for others from which features tell something
SHARE = 0.5  # of that, below which they tell too little of victims


def features_alike(
    setting: Setting, scheme: TemplateScheme, victims: Call, rng: np.random.Generator
) -> dict[str, float]:
    """How well a linear map of ``features`` gives back embeddings: others', and the victims'.

    The learned attacks rest on victims' rows being like their own. A scheme may tell one call from
    another, and say nothing true of the rows that will leak. So under some victims' keys the map is
    learned from made-up people about half of the development subjects, and tried on the other half
    and on the victims' rows. Asked of third parties' schemes only: ours can be read.

    Returns:
        ``features_others`` and ``features_victims``, mean cosines about the mean of what was
        learned from; empty where nothing was tried.
    """
    values, whose = setting.values[setting.fold.development], setting.subjects
    whose = whose[setting.fold.development]
    people = rng.permutation(np.unique(whose))
    held = np.isin(whose, people[: len(people) // 2])
    if ours(type(scheme), "scheme") or not held.any() or held.all():
        return {}
    others, theirs = [], []
    keys = rng.permutation(np.unique(victims.keys))[:KEYS]
    for key in keys:
        made = drawn(values[~held], TAUGHT, rng)
        asked = np.concatenate([made, values[held]])
        told = _finite(scheme.features(scheme.enroll(asked, np.full(len(asked), key), rng)))
        rows = np.flatnonzero(victims.keys == key)[:ROWS]
        stolen = _finite(scheme.features(victims.release[rows]))
        centre, mean = told[:TAUGHT].mean(axis=0), made.mean(axis=0)
        known = told[:TAUGHT] - centre
        penalty = PENALTY * ridge.power(known) / min(known.shape)
        weights = ridge.fit(known, made - mean, penalty)
        others.append(cosine((told[TAUGHT:] - centre) @ weights, values[held] - mean))
        theirs.append(cosine((stolen - centre) @ weights, victims.embeddings[rows] - mean))
    return {"features_others": float(np.mean(others)), "features_victims": float(np.mean(theirs))}


def found(facts: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """What of it stands in a record: of the fold in which the victims' rows tell least."""
    names = ("features_others", "features_victims")
    tried = [each for each in facts if names[0] in each]
    worst = min(tried, key=lambda each: each[names[1]] - each[names[0]], default=None)
    return {name: worst[name] for name in names} if worst else {}


def doubts(data: Mapping[str, Any]) -> Iterator[Doubt]:
    """Features that tell of everybody but the victims."""
    others, victims = data.get("features_others"), data.get("features_victims")
    if others is not None and others > TELLS and victims < SHARE * others:
        yield (
            "features-refuted",
            "a linear map of what the scheme says of its rows gives back the embeddings of others "
            f"(cosine {others:.2f}) and not those of the victims under the same keys "
            f"({victims:.2f}): it says other things of the rows that leak, and attacks that read "
            "them are led astray",
        )


def _finite(features: Floats) -> Floats:
    return np.nan_to_num(features.astype(np.float32), nan=0, posinf=0, neginf=0)
