"""What a record says of a recognition system: error rates, linkability, bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.leak import Observed
from fowh.core.modality import Columns
from fowh.metrics import recognition, security
from fowh.metrics.intervals import Value, rate
from fowh.metrics.loss import fnmr_loss
from fowh.metrics.unlinkability import Linkability, d_sys, m_linkability

STRICT = "t_protected.1e-3"
UNKNOWN = Value(None, None, None, 0)
NOT_LINKED = Linkability(math.nan, 0, math.nan, math.nan)
COLUMNS = ("score", "mated", "subject_a", "subject_b")


def rates(observed: Observed) -> dict[str, Any]:
    """Error rates by scenario; with stolen keys also at the thresholds that judge attacks."""
    made = {}
    for done, (scenario, parts) in enumerate(observed.utility.items()):
        observed.note(f"metrics: recognition, {scenario}", 0.7 * done / len(observed.utility))
        if scenario in ("renewed", "again"):
            continue
        columns = {name: _joined(parts, name) for name in COLUMNS}
        if recognition.only_decides(columns["score"]):
            values = _decided(columns, observed.stream(scenario, "decision"))
        else:
            score, mated, one, other = (columns[name] for name in COLUMNS)
            values = recognition.summary(score, mated, one, other, observed.stream(scenario))
        made[scenario] = {name: value.to_json() for name, value in values.items()}
        if scenario == "stolen_key":
            for name in observed.terms[0]:
                if name.startswith("t_protected."):
                    fmr, fnmr = _attained(observed, parts, name)
                    at = f"measured_at_fmr_{name.removeprefix('t_protected.')}"
                    made[scenario][at] = {"fmr": fmr, "fnmr": fnmr}
    return made


def lost(observed: Observed) -> dict[str, Any]:
    """What the scheme costs: FNMR at FMR 1 % with stolen keys, less that without protection.

    Of a scheme that answers yes or no it is what its decision errs (``loss.fnmr_loss``).
    """
    observed.note("metrics: utility lost", 0.7)
    protected, clear = (
        {name: _joined(observed.utility[scenario], name) for name in COLUMNS}
        for scenario in ("stolen_key", "unprotected")
    )
    return fnmr_loss(protected, clear, observed.stream("loss")).to_json()


def _decided(columns: Columns, rng: np.random.Generator) -> dict[str, Value]:
    """Both error rates of a scheme that answers yes or no, at its own decision.

    Where that admits at most 1 % of the non-mated, its FNMR is that at FMR 1 %: there is no other
    decision to be had, but for rejecting everybody. Where it admits more, what it admits beyond
    counts as an error too, and FNMR at FMR 1 % is not to be had. Nor is an EER: between one point
    and the two decisions that need no look nothing was measured.
    """
    score, mated, one, other = (columns[name] for name in COLUMNS)
    fnmr, fmr = recognition.operating_point(score, mated, one, other, rng)
    if fnmr.value is None or fmr.value is None:
        return {"fnmr": fnmr, "fmr": fmr} | dict.fromkeys(recognition.FMRS, UNKNOWN)
    made = {name: fnmr for name, at in recognition.FMRS.items() if fmr.value <= at}
    if fmr.value > recognition.LEVEL:
        made["decision_error"] = recognition.decision_error(fnmr, fmr)
    return made | {"fnmr": fnmr, "fmr": fmr}


def counts(observed: Observed) -> dict[str, dict[str, int]]:
    """Comparisons by scenario."""
    return {
        scenario: {
            "mated": int(sum(part["mated"].sum() for part in parts)),
            "non_mated": int(sum((~part["mated"]).sum() for part in parts)),
        }
        for scenario, parts in observed.utility.items()
    }


def accepted(
    observed: Observed, scenario: str = "stolen_key", mated: bool = True
) -> dict[str, dict[str, Any]]:
    """By FMR, how many comparisons with stolen keys pass each fold's own threshold.

    The threshold is the one that attacks are judged by, and mated probes: not one of the victims'
    DET, which nobody could have set.

    Args:
        observed: of all folds.
        scenario: which comparisons; nothing is said of one that was not measured.
        mated: of the mated ones, or of the others.
    """
    parts, made = observed.utility.get(scenario, ()), {}
    if not parts:
        return {}
    for name in observed.terms[0]:
        if name.startswith("t_protected."):
            passed = [
                np.where(part["mated"] == mated, part["score"] >= terms[name][0], np.nan)
                for part, terms in zip(parts, observed.terms, strict=True)
            ]
            value = rate(
                np.concatenate(passed), _joined(parts, "subject_a"), observed.stream("accepted")
            )
            made[name.removeprefix("t_protected.")] = value.to_json()
    return made


def again(observed: Observed) -> dict[str, Any]:
    """What passes among comparisons that were asked again, and the non-mated ones before."""
    if "again" not in observed.utility:
        return {}
    return {
        "strangers_accepted": accepted(observed, mated=False),
        "mated_again": accepted(observed, "again"),
        "strangers_again": accepted(observed, "again", mated=False),
    }


def unlinkability(observed: Observed) -> dict[str, Any]:
    """D_sys and M of one subject's templates across keys."""
    parts = observed.utility["renewed"]
    score, mated = _joined(parts, "score"), _joined(parts, "mated")
    seen = {"d_sys": d_sys, "m_linkability": m_linkability}
    if mated.all() or not mated.any():  # nobody has two readings to link
        return {name: dict(vars(NOT_LINKED)) for name in seen}
    return {name: dict(vars(of(score[mated], score[~mated]))) for name, of in seen.items()}


def _strict(observed: Observed) -> tuple[float, int]:
    """FMR that the strict threshold attains on the victims, and the comparisons behind it."""
    parts = observed.utility["stolen_key"]
    return _attained(observed, parts, STRICT)[0], int(sum((~p["mated"]).sum() for p in parts))


def bounds(observed: Observed) -> dict[str, float]:
    """What guessing costs: estimates in bits, and the scheme's own secret."""
    angle, dimension = (observed.facts[0][k] for k in ("operating_angle", "effective_dimension"))
    fmr, strangers = _strict(observed)
    made = {
        "effective_dimension": dimension,
        "operating_angle_degrees": float(np.degrees(angle)),
        "guessing_bits": security.guessing_bits(fmr, strangers),
        "dictionary_success": security.guessing_probability(fmr, int(observed.facts[0]["own"])),
    }
    if 0 < angle <= np.pi and dimension > 1:
        made["cap_estimate_bits"] = security.cap_bound_bits(angle, dimension)
    if observed.scheme.secret_bits is not None:  # no secret outlives a false match
        made["secret_bits"] = float(min(observed.scheme.secret_bits, made["guessing_bits"]))
    return made


def _attained(observed: Observed, parts: Sequence[Columns], name: str) -> tuple[float, float]:
    """FMR and FNMR at each fold's own threshold, averaged over folds."""
    each = [
        recognition.operating(part["score"], part["mated"], float(terms[name][0]))
        for part, terms in zip(parts, observed.terms, strict=True)
    ]
    fmr, fnmr = (_mean([pair[kind] for pair in each]) for kind in (0, 1))
    return fmr, fnmr


def _mean(rates: list[float]) -> float:
    """Over the folds that have such comparisons; NaN where none has."""
    there = [rate for rate in rates if not np.isnan(rate)]
    return float(np.mean(there)) if there else np.nan


def _joined(parts: Sequence[Columns], name: str) -> NDArray[Any]:
    return np.concatenate([part[name] for part in parts])
