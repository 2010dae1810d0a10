"""Templates: a recognition system's database is stolen, and its keys with it or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from fowh.core.capability import Guessable, Pitfalls
from fowh.core.errors import InputError
from fowh.core.leak import Doubt, Headline, Leak, Observed, Setting
from fowh.core.modality import Columns
from fowh.core.scheme import TemplateScheme
from fowh.leaks import _features_alike, _recognition, _self_reports
from fowh.leaks._enrolled import Enrolled, outcome_of
from fowh.metrics import inversion
from fowh.metrics.bootstrap import RESAMPLES

DRAWN = ("enrolled", "enrolled_subjects", "development", "development_subjects")
CHEAP = 0.1  # Type-1 of a blind guess from which Type-1 says little
ENUMERABLE = 40  # bits of a committed secret that a patient thief tries one by one
FEW = 10  # pairs of development subjects above the strict threshold, at least


@dataclass(frozen=True)
class Templates(Leak):
    """What a matcher stores of every enrolled sample (ISO/IEC 24745: a protected template).

    It is good for recognition: FNMR at a fixed FMR, with everybody's own key and with the victim's
    stolen one. Got back is a sample that the unprotected recogniser takes for the victim's.
    """

    reference: ClassVar[str] = "raw"
    suite: ClassVar[tuple[str, ...]] = (
        *("dictionary", "preimage", "ridge", "mlp", "brute_force", "best_probe"),
        *("score_regression", "morph_gan"),
    )
    headline: ClassVar[Headline] = Headline(
        utility="fnmr_at_fmr_1e-2",
        scenario="stolen_key",
        reference="unprotected",
        useless=0.5,
        success=("rank1", "type1_at_fmr_1e-3"),
        accepted="accept_at_fmr_1e-3",
        decided="decision_error",
    )
    scenarios: ClassVar[Mapping[str, str]] = {
        "unprotected": "unprotected",
        "own_key": "protected, own keys",
        "stolen_key": "protected, stolen key",
        "renewed": "protected, across keys",
    }

    def deploy(self, setting: Setting) -> Enrolled:
        if not isinstance(setting.scheme, TemplateScheme):
            raise InputError(
                f"{type(setting.scheme).__name__} enrols no templates: derive it from "
                "fowh.TemplateScheme or fowh.CodeScheme"
            )
        return Enrolled.of(setting, setting.scheme)

    def successes(self, columns: Columns, terms: Columns) -> Columns:
        thresholds = inversion.Thresholds(
            _below(terms, "t_embedding."), _below(terms, "t_protected.")
        )
        return dict(inversion.successes(outcome_of(columns), thresholds))

    def summary(self, observed: Observed) -> dict[str, Any]:
        first, utility = observed.facts[0], _recognition.rates(observed)
        utility["stolen_key"]["utility_loss"] = _recognition.lost(observed)
        scheme = observed.scheme
        return {
            "utility": utility,
            "chance": {"rank1": float(np.mean([f["chance_rank1"] for f in observed.facts]))},
            "data": {
                "dimension": int(first["dimension"]),
                "gallery_readings": int(first["gallery_readings"]),
                "gallery_subjects": int(first["gallery_subjects"]),
                "gallery_own": int(max(facts["gallery_own"] for facts in observed.facts)),
                "pairs_above": int(min(facts["pairs_above"] for facts in observed.facts)),
                "comparisons": _recognition.counts(observed),
                "development_non_mated": int(
                    min(facts["development_non_mated"] for facts in observed.facts)
                ),
                "comparison_cap": int(first["comparison_cap"]),
                "sampled": {
                    name: int(max(each[name] for each in observed.facts)) for name in DRAWN
                },
                "resamples": RESAMPLES,
                "mated_accepted": _recognition.accepted(observed),
                **_recognition.again(observed),
                **_self_reports.found(observed.facts),
                **_features_alike.found(observed.facts),
                "guessable_bits": scheme.secret_bits if isinstance(scheme, Guessable) else None,
                "pitfalls": list(scheme.pitfalls) if isinstance(scheme, Pitfalls) else [],
            },
            "properties": {
                "unlinkability": _recognition.unlinkability(observed),
                "security": _recognition.bounds(observed),
            },
            "cost": {
                name: first[name]
                for name in ("bytes_per_template", "enrolments_per_s", "verifications_per_s")
            },
        }

    def doubts(self, record: Mapping[str, Any]) -> Iterator[Doubt]:
        blind = [
            (row["metrics"].get("type1_at_fmr_1e-2") or {}).get("value")
            for row in record["controls"].values()
            if row["blind"] and row["yields"] == "embeddings" and not row["derived"]
        ]
        best = max((rate for rate in blind if rate is not None), default=0.0)
        if best > CHEAP:
            yield (
                "type1-is-cheap",
                f"a blind guess passes Type-1 at FMR 1 % for {100 * best:.0f} % of the templates: "
                "read Rank-1 and the advantage instead",
            )
        yield from _self_reports.doubts(record)
        yield from _features_alike.doubts(record["data"])
        for text in record["data"].get("pitfalls", ()):
            yield "known-pitfall", text
        bits = record["data"].get("guessable_bits")
        if bits is not None and bits <= ENUMERABLE:
            yield (
                "enumerable-secret",
                f"a template commits to one of 2^{bits:g} secrets behind a fast digest: whoever "
                f"tries them all opens every template (--attack brute_force:budget={2**bits:.0f})",
            )
        pairs = record["data"]["pairs_above"]
        if pairs < FEW:
            yield (
                "few-comparisons",
                f"the threshold at FMR 0.1 % rests on the comparisons of {pairs} pairs of people "
                f"above it, fewer than {FEW}: with others it would be another one",
            )


def _below(terms: Columns, head: str) -> dict[str, np.ndarray[Any, Any]]:
    return {name.removeprefix(head): v for name, v in terms.items() if name.startswith(head)}
