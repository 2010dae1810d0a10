"""Membership: what a classifier answers about a sample says whether it learned from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fowh.core.errors import InputError
from fowh.core.leak import Headline, Leak, Observed, Setting
from fowh.core.modality import Columns
from fowh.core.release import Release
from fowh.core.scheme import OutputScheme
from fowh.core.target import Classifier, Target
from fowh.leaks._accuracy import accuracy
from fowh.leaks._answering import classes_of
from fowh.leaks._members import (
    AUC,
    AUC_NAME,
    METRICS,
    RATES,
    Candidates,
    by_lot,
    ranked,
    told_apart,
)


@dataclass(frozen=True)
class Membership(Leak):
    """Answers to samples that the attacker holds: which of them did the classifier learn from?

    The candidates are samples of the victims with their labels, members and as many others of the
    same people (the game of Yeom et al. 2018, sec. 3.1). Nothing is got back but one bit of each;
    what counts is how many members are named at few false alarms (Carlini et al. 2022, sec. III-B:
    an average says little about who is exposed). False alarms are counted among the others of all
    folds, since those of one fold are too few for one in a hundred. What stands in front of it are
    the schemes for outputs.
    """

    closed_set: ClassVar[bool] = True
    claims: ClassVar[bool] = True
    guarded: ClassVar[str] = "outputs"
    protocol: ClassVar[str] = "membership"
    reference: ClassVar[str] = "full_scores"
    suite: ClassVar[tuple[str, ...]] = ("membership", "lira")
    headline: ClassVar[Headline] = Headline(
        utility="accuracy",
        scenario="protected",
        reference="unprotected",
        useless=0.5,
        success=(*RATES, AUC_NAME),
    )
    scenarios: ClassVar[Mapping[str, str]] = {
        "unprotected": "all scores",
        "protected": "as they leave",
    }
    metrics: ClassVar[tuple[Any, ...]] = METRICS

    def observed(self, target: Target) -> Target:
        if not isinstance(target, Classifier):
            raise InputError(
                f"leak membership: target {type(target).__name__.lower()} names nobody; expected a "
                "classifier that is trained here: try --target mlp"
            )
        return target.classifier()

    def deploy(self, setting: Setting) -> Candidates:
        if not isinstance(setting.scheme, OutputScheme):
            raise InputError(
                f"{type(setting.scheme).__name__} limits no answers: derive it from "
                "fowh.OutputScheme"
            )
        rows = setting.fold.stolen
        member = np.isin(rows, setting.learned)
        if member.all() or not member.any():
            raise InputError(
                f"leak membership: of {len(rows)} candidates {int(member.sum())} were learned "
                "from; expected both kinds: try --protocol membership"
            )
        scheme = setting.scheme.fit(setting.values[setting.fold.development])
        keys = np.zeros(len(rows), dtype=np.uint64)  # nobody holds one
        left = scheme.release(setting.values[rows], keys, setting.stream("answers"))
        classes = classes_of(setting)
        aux = {"label": np.searchsorted(classes, setting.subjects[rows])}
        if setting.samples is not None:
            aux["sample"] = setting.samples[rows]
        facts = {
            "classes": len(classes),
            "candidates": len(rows),
            "members": int(member.sum()),
            "bytes_per_answer": left.bytes_each,
        }
        return Candidates(
            *(setting, scheme, keys, Release(left.code, aux, keys), classes, {}, facts, member)
        )

    def pooled(self, parts: Sequence[Columns]) -> list[Columns]:
        return ranked(parts)

    def successes(self, columns: Columns, terms: Columns) -> Columns:
        return told_apart(columns if "others" in columns else ranked([columns])[0])

    def summary(self, observed: Observed) -> dict[str, Any]:
        first = observed.facts[0]
        candidates, members = (
            int(sum(facts[name] for facts in observed.facts)) for name in ("candidates", "members")
        )
        return {
            "utility": accuracy(observed),
            "chance": {**by_lot(candidates - members), AUC_NAME: AUC},
            "data": {
                "dimension": int(first["classes"]),
                "candidates": candidates,
                "members": members,
            },
            "properties": {},
            "cost": {"bytes_per_answer": first["bytes_per_answer"]},
        }
