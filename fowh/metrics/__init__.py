"""What is measured: pure functions of arrays, and one table that says how to read each number.

The table drives reports, plots and Pareto fronts; a number that is not in it is not reported.
LPIPS is not among the image metrics: its weights cannot be shipped or fetched offline.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from fowh.metrics.metric import WITHIN, Metric, candidates, from_json, to_json

__all__ = [
    "BUILT_IN",
    "BY_NAME",
    "FMRS",
    "METRICS",
    "WITHIN",
    "Metric",
    "candidates",
    "from_json",
    "learn",
    "to_json",
]


_RATE = (0.0, 1.0)
_COSINE = (-1.0, 1.0)
_BITS = (0.0, inf)

METRICS: tuple[Metric, ...] = (
    Metric(
        "fnmr_at_fmr_1e-2",
        "FNMR at FMR 1 %",
        "higher",
        _RATE,
        "Share of mated comparisons rejected when at most 1 % of non-mated ones are accepted.",
        "utility",
    ),
    Metric(
        "fnmr_at_fmr_1e-3",
        "FNMR at FMR 0.1 %",
        "higher",
        _RATE,
        "Share of mated comparisons rejected when at most 0.1 % of non-mated ones are accepted.",
        "utility",
    ),
    Metric("eer", "EER", "higher", _RATE, "Error rate where FMR and FNMR are equal.", "utility"),
    Metric(
        "accuracy",
        "Accuracy",
        "lower",
        _RATE,
        "Share of the victims' samples whose subject the system names.",
        "utility",
    ),
    Metric(
        "utility_loss",
        "Utility lost",
        "higher",
        (-1.0, 1.0),
        "How much more the protected system errs than the unprotected one, paired by subject.",
        "utility",
    ),
    Metric(
        "rank1",
        "Rank-1",
        "higher",
        _RATE,
        "Of all readings of victims and bystanders, the stolen one left out, the nearest to the "
        "reconstruction is the victim's.",
        "success",
        heading=("rank 1", ""),
        goal="identifies {} % of the victims at rank 1",
    ),
    Metric(
        "type1_at_fmr_1e-2",
        "Type-1 at FMR 1 %",
        "higher",
        _RATE,
        "The unprotected matcher accepts the reconstruction against the stolen reading.",
        "success",
        heading=("type 1", "FMR 1 %"),
    ),
    Metric(
        "type1_at_fmr_1e-3",
        "Type-1 at FMR 0.1 %",
        "higher",
        _RATE,
        "The unprotected matcher accepts the reconstruction against the stolen reading.",
        "success",
        heading=("type 1", "FMR 0.1 %"),
        goal="passes for the victim at FMR 0.1 % in {} % of all cases",
    ),
    Metric(
        "type2_at_fmr_1e-2",
        "Type-2 at FMR 1 %",
        "higher",
        _RATE,
        "Share of the victim's other readings that the unprotected matcher accepts.",
        "success",
    ),
    Metric(
        "type2_at_fmr_1e-3",
        "Type-2 at FMR 0.1 %",
        "higher",
        _RATE,
        "Share of the victim's other readings that the unprotected matcher accepts.",
        "success",
        heading=("type 2", "FMR 0.1 %"),
    ),
    Metric(
        "accept_at_fmr_1e-2",
        "Accepted at FMR 1 %",
        "higher",
        _RATE,
        "The scheme accepts the reconstruction against the stolen template.",
        "success",
    ),
    Metric(
        "accept_at_fmr_1e-3",
        "Accepted at FMR 0.1 %",
        "higher",
        _RATE,
        "The scheme accepts the reconstruction against the stolen template.",
        "success",
        heading=("accept", "FMR 0.1 %"),
    ),
    Metric(
        "accept_renewed_at_fmr_1e-2",
        "Accepted after renewal at FMR 1 %",
        "higher",
        _RATE,
        "The scheme accepts it against another reading, enrolled under a fresh key.",
        "success",
    ),
    Metric(
        "accept_renewed_at_fmr_1e-3",
        "Accepted after renewal at FMR 0.1 %",
        "higher",
        _RATE,
        "The scheme accepts it against another reading, enrolled under a fresh key.",
        "success",
    ),
    Metric(
        "named",
        "Named by the target",
        "higher",
        _RATE,
        "The target, a classifier, names the victim when it sees the reconstruction.",
        "success",
        heading=("named", ""),
        goal="is named as the victim in {} % of all cases",
    ),
    Metric(
        "purity",
        "Purity",
        "higher",
        _COSINE,
        "Cosine of the reconstruction to the true embedding.",
        "success",
        heading=("purity", "cosine"),
    ),
    Metric(
        "purity_centred",
        "Centred purity",
        "higher",
        _COSINE,
        "The same cosine after both lost the development mean: what a blind guess cannot have.",
        "success",
    ),
    Metric(
        "ssim",
        "SSIM",
        "higher",
        _COSINE,
        "Structural similarity of the reconstructed and the true image; does not measure identity.",
        "likeness",
    ),
    Metric(
        "psnr",
        "PSNR (dB)",
        "higher",
        (0.0, inf),
        "Peak signal-to-noise ratio of the reconstructed image; does not measure identity.",
        "likeness",
    ),
    Metric(
        "transfer_rank1",
        "Rank-1, witness",
        "higher",
        _RATE,
        "Rank-1 of the sample under an independent recogniser that the attack never queried.",
        "success",
        heading=("rank 1", "witness"),
    ),
    Metric(
        "transfer_type1_at_fmr_1e-2",
        "Type-1 at FMR 1 %, witness",
        "higher",
        _RATE,
        "The independent recogniser accepts the sample against the stolen reading's original.",
        "success",
    ),
    Metric(
        "transfer_type1_at_fmr_1e-3",
        "Type-1 at FMR 0.1 %, witness",
        "higher",
        _RATE,
        "The independent recogniser accepts the sample against the stolen reading's original.",
        "success",
    ),
    Metric(
        "realism",
        "Realism",
        "higher",
        _RATE,
        "Share of samples that lie where real ones do among the witness's features of appearance.",
        "likeness",
        heading=("realism", "witness"),
    ),
    Metric(
        "d_sys",
        "D_sys",
        "higher",
        _RATE,
        "Linkability of one subject's templates across keys (Gomez-Barrero et al. 2018).",
        "cost",
    ),
    Metric(
        "m_linkability",
        "Maximal linkability",
        "higher",
        _RATE,
        "Bits that a score tells about mated or not (Otroshi Shahreza and Marcel 2023).",
        "cost",
    ),
    Metric(
        "cap_estimate_bits",
        "Cap estimate (bits)",
        "lower",
        _BITS,
        "Work of guessing at the angle of the threshold for FMR 0.1 %, if subjects were spread "
        "evenly on a sphere of the effective dimension: an estimate, no bound.",
        "cost",
    ),
    Metric(
        "guessing_bits",
        "Guessing bound (bits)",
        "lower",
        _BITS,
        "Work of presenting strangers' samples until one is falsely accepted.",
        "cost",
    ),
    Metric(
        "effective_dimension",
        "Effective dimension",
        "lower",
        (1.0, inf),
        "Participation ratio of the covariance spectrum of subjects' means; below their number.",
        "cost",
    ),
)
# of attacks that return several candidates a row, of which one is right
METRICS += tuple(
    each
    for metric in METRICS
    if metric.name in ("rank1", "type1_at_fmr_1e-3", "named")
    for each in candidates(metric)
)
BY_NAME = {metric.name: metric for metric in METRICS}
BUILT_IN = frozenset(BY_NAME)
FMRS = {"1e-2": 1e-2, "1e-3": 1e-3}  # false match rates that thresholds are set for, by name


def learn(metrics: Iterable[Metric]) -> None:
    """Take a plug-in's own metrics into the table; a name keeps its meaning.

    Raises:
        ValueError: another metric has that name.
    """
    for metric in metrics:
        if BY_NAME.setdefault(metric.name, metric) != metric:
            raise ValueError(
                f"there is a metric {metric.name!r} already, which says something else"
            )
