"""Ways to guess a hidden attribute, with the model and without, on the same people.

Each fold's people are attacked; everybody else's rows are the attacker's own. He takes marginals
from them, and learns imputation on them. Two models of one size are attacked: one that was trained
without the victims, and one that was trained with them, in place of the next fold's people.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from attacks._map_attribute import LinearModel, fit, from_marginals, map_attribute
from fowh.metrics.intervals import Value, difference, rate
from fowh.metrics.recognition import det
from fowh.paper.attributes.table import FOLDS, Table

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
PARTITIONS = 5  # of the people into folds; each person is attacked once in each
DRAWS = 1000  # from the marginals, where the other attributes are not known
PRIOR, IMPUTED, WITH_OUTCOME = "prior", "imputation", "imputation_outcome"
ARMS = {
    PRIOR: "prior alone: the most frequent value",
    "map_marginals": "MAP: outcome, nothing else",
    "map": "MAP as published: outcome, other attributes",
    IMPUTED: "imputation: other attributes, no model",
    WITH_OUTCOME: "imputation: others and outcome, no model",
    "combined": "imputation, then the model: MAP on top",
}
WITH_MODEL = ("map_marginals", "map", "combined")
HELD_OUT, MEMBERS = "held_out", "members"
PEOPLE = {HELD_OUT: "held out", MEMBERS: "in the model's training set"}


@dataclass(frozen=True, eq=False)
class Arm:
    """How often one way to guess is right.

    Attributes:
        key: of ``ARMS``.
        people: of ``PEOPLE``; held out or members of the model's training set.
        right: (p n,) whether each guess was, partition by partition, person by person.
        accuracy: over people.
        area: under the ROC, mean over folds, and over values against the rest.
        above_prior: paired difference of accuracy to the prior alone; None for itself.
        above_imputation: likewise to imputation from the other attributes.
        for_members: likewise of members to the same people held out; None unless for members.
    """

    key: str
    people: str
    right: NDArray[np.bool_]
    accuracy: Value
    area: float
    above_prior: Value | None
    above_imputation: Value | None
    for_members: Value | None


def measure(table: Table, seed: int = 0) -> list[Arm]:
    """All arms; those without the model once, those with it for people held out and for members.

    Args:
        table: the people.
        seed: of folds and of the draws from marginals.
    """
    rng = np.random.default_rng(seed)
    count, n = PARTITIONS, len(table.target)
    keys = [(HELD_OUT, key) for key in ARMS] + [(MEMBERS, key) for key in WITH_MODEL]
    right = {key: np.zeros((count, n), dtype=bool) for key in keys}
    areas: dict[tuple[str, str], list[float]] = {key: [] for key in keys}
    for partition in range(count):
        for victims, made in _folds(table, rng):
            for key, chances in made.items():
                truth = table.hidden[victims]
                right[key][partition, victims] = chances.argmax(axis=1) == truth
                areas[key].append(roc_area(chances, truth))
    subjects = np.tile(np.arange(n), count)

    def minus(one: tuple[str, str], other: tuple[str, str]) -> Value | None:
        if one == other:
            return None
        return difference(right[one].ravel(), right[other].ravel(), subjects, rng)

    return [
        Arm(
            *(key, people, right[people, key].ravel()),
            accuracy=rate(right[people, key].ravel(), subjects, rng),
            area=float(np.mean(areas[people, key])),
            above_prior=minus((people, key), (HELD_OUT, PRIOR)),
            above_imputation=minus((people, key), (HELD_OUT, IMPUTED)),
            for_members=minus((MEMBERS, key), (HELD_OUT, key)) if people == MEMBERS else None,
        )
        for people, key in keys
    ]


def roc_area(chances: Floats, truth: Codes) -> float:
    """Area under the ROC, the mean over values against the rest; of two values, the one of both.

    Args:
        chances: (n, c), how likely each value is.
        truth: (n,) values; each must occur.

    Returns:
        0..1; equal chances count half.
    """
    areas = []
    for value in range(1 if chances.shape[1] == 2 else 0, chances.shape[1]):
        has = truth == value
        fmr, fnmr, _ = det(chances[has, value], chances[~has, value])
        areas.append(float(np.trapezoid(1 - fnmr[::-1], fmr[::-1])))
    return float(np.mean(areas))


def _folds(
    table: Table, rng: np.random.Generator
) -> Iterator[tuple[Codes, dict[tuple[str, str], Floats]]]:
    """The victims of each fold, and what every arm believes of them, (victims, values)."""
    fold = _stratified(table.hidden, rng)
    for number in range(FOLDS):
        victims = np.flatnonzero(fold == number)
        own = np.flatnonzero(fold != number)
        joined = np.flatnonzero(fold != (number + 1) % FOLDS)  # the victims are among them
        yield victims, _believed(table, victims, own, joined, rng)


def _believed(
    table: Table, victims: Codes, own: Codes, joined: Codes, rng: np.random.Generator
) -> dict[tuple[str, str], Floats]:
    values = len(table.values)
    middle, spread = table.others[own].mean(axis=0), table.others[own].std(axis=0)
    others = (table.others - middle) / np.where(spread > 0, spread, 1.0)
    outcome, hidden = table.target, table.hidden
    prior = np.bincount(hidden[own], minlength=values) / len(own)
    scaled = (outcome - outcome[own].mean()) / outcome[own].std()
    both = np.column_stack([others, scaled])
    imputed = _imputed(others[own], hidden[own], others[victims])
    made = {
        (HELD_OUT, PRIOR): np.tile(prior, (len(victims), 1)),
        (HELD_OUT, IMPUTED): imputed,
        (HELD_OUT, WITH_OUTCOME): _imputed(both[own], hidden[own], both[victims]),
    }
    anybody = from_marginals(others[own], table.groups, DRAWS, rng)[None]
    known = others[victims][:, None]
    for people, taught in ((HELD_OUT, own), (MEMBERS, joined)):
        model: LinearModel = fit(hidden[taught], others[taught], outcome[taught], values)
        seen = outcome[victims]
        made[people, "map_marginals"] = map_attribute(model, prior, seen, anybody)
        made[people, "map"] = map_attribute(model, prior, seen, known)
        made[people, "combined"] = map_attribute(model, imputed, seen, known)
    return made


def _imputed(own: Floats, hidden: Codes, others: Floats) -> Floats:
    """Logistic regression from others to the hidden value; regularised as scikit-learn does."""
    from sklearn.linear_model import LogisticRegression

    learned = LogisticRegression(solver="newton-cholesky").fit(own, hidden)
    return np.asarray(learned.predict_proba(others), dtype=np.float64)


def _stratified(hidden: Codes, rng: np.random.Generator) -> Codes:
    """(n,) folds, over which the people of each value are spread evenly."""
    order = rng.permutation(len(hidden))
    order = order[np.argsort(hidden[order], kind="stable")]
    fold = np.empty(len(hidden), dtype=np.intp)
    fold[order] = np.arange(len(hidden)) % FOLDS
    return fold
