"""Outputs: a classifier answers whoever asks, and what it answered about the victims is known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fowh.core.errors import InputError
from fowh.core.leak import Headline, Leak, Observed, Setting
from fowh.core.modality import Columns
from fowh.core.scheme import OutputScheme
from fowh.core.target import Classifier, Target
from fowh.leaks._accuracy import accuracy
from fowh.leaks._answering import Answering, classes_of


@dataclass(frozen=True)
class Outputs(Leak):
    """The probabilities that a model gives to each subject that it knows, as they leave.

    They are good for naming people: accuracy. Got back is a sample that the same model takes for
    the victim (Ahmad et al. 2022 call the attacked model f_C). The subjects are a closed set: the
    attacker's samples are other samples of the same subjects.
    """

    closed_set: ClassVar[bool] = True
    reference: ClassVar[str] = "full_scores"
    suite: ClassVar[tuple[str, ...]] = ("dictionary", "image_ridge", "gan")
    headline: ClassVar[Headline] = Headline(
        utility="accuracy",
        scenario="protected",
        reference="unprotected",
        useless=0.5,
        success=("named",),
    )
    scenarios: ClassVar[Mapping[str, str]] = {
        "unprotected": "all scores",
        "protected": "as they leave",
    }

    def observed(self, target: Target) -> Target:
        if not isinstance(target, Classifier):
            raise InputError(
                f"leak outputs: target {type(target).__name__.lower()} names nobody; expected a "
                "classifier: try --target densenet --protocol afm_iris"
            )
        return target.classifier()

    def deploy(self, setting: Setting) -> Answering:
        if not isinstance(setting.scheme, OutputScheme):
            raise InputError(
                f"{type(setting.scheme).__name__} limits no answers: derive it from "
                "fowh.OutputScheme"
            )
        fold = setting.fold
        scheme = setting.scheme.fit(setting.values[fold.development])
        keys = np.zeros(len(fold.stolen), dtype=np.uint64)  # nobody holds one
        left = scheme.release(setting.values[fold.stolen], keys, setting.stream("answers"))
        return Answering(
            setting,
            scheme,
            keys,
            left,
            classes=classes_of(setting),
            terms={},
            facts={"classes": setting.values.shape[1], "bytes_per_answer": left.bytes_each},
        )

    def successes(self, columns: Columns, terms: Columns) -> Columns:
        return {"named": columns["correct"].astype(np.float64)}

    def summary(self, observed: Observed) -> dict[str, Any]:
        first = observed.facts[0]
        return {
            "utility": accuracy(observed),
            "chance": {"named": 1 / first["classes"]},
            "data": {"dimension": int(first["classes"])},
            "properties": {},
            "cost": {"bytes_per_answer": first["bytes_per_answer"]},
        }
