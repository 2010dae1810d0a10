"""Who was learned from: claims of candidates, and how well they tell members from others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fowh.core.leak import Successes
from fowh.core.modality import Columns
from fowh.core.release import Floats
from fowh.leaks._answering import Answering
from fowh.metrics import Metric, recognition

RATES = {"member_at_fpr_1e-2": 1e-2, "member_at_fpr_1e-3": 1e-3}
AUC_NAME, AUC = "member_auc", 0.5  # and what a coin reaches
LEAST = 1e-30  # probability below which an answer says no more
METRICS = (
    *(
        Metric(
            name,
            f"Member named at FPR {100 * rate:g} %",
            "higher",
            (0.0, 1.0),
            f"A member passes the threshold that at most {100 * rate:g} % of the candidates of "
            "its fold pass that were not learned from.",
            "success",
            heading=("member", f"FPR {100 * rate:g} %"),
            goal=f"names {{}} % of what was learned from at FPR {100 * rate:g} %",
        )
        for name, rate in RATES.items()
    ),
    Metric(
        AUC_NAME,
        "Members outscore others",
        "higher",
        (0.0, 1.0),
        "Share of the candidates of its fold that were not learned from whom a member outscores, "
        "ties half; its mean is the area under the ROC.",
        "success",
        heading=("member", "AUC"),
        goal="ranks members above others in {} % of all pairs",
    ),
)


def told_apart(scores: NDArray[np.float64], member: NDArray[np.bool_]) -> Columns:
    """Success of each member, NaN of everybody else, by metric.

    Args:
        scores: (n,) of one fold, higher for likelier members.
        member: (n,) the truth; both kinds are there.
    """
    others, made = np.sort(scores[~member]), {}
    for name, rate in RATES.items():
        limit = recognition.threshold_at_fmr(others, rate)
        made[name] = np.where(member, (scores >= limit).astype(np.float64), np.nan)
    below, up_to = (np.searchsorted(others, scores, side) for side in ("left", "right"))
    made[AUC_NAME] = np.where(member, (below + up_to) / (2 * len(others)), np.nan)
    return made


@dataclass(frozen=True, eq=False)
class Candidates(Answering):
    """A classifier asked about candidates.

    Attributes:
        member: (n,) of the stolen rows, whether it learned from them.
    """

    member: NDArray[np.bool_]

    def claimed(self, claims: NDArray[np.float64]) -> Columns:
        """``member`` 0 or 1, the truth, and ``score``, as it was claimed."""
        return {"member": self.member.astype(np.float64), "score": claims.astype(np.float64)}

    def judge(self, made: Floats) -> Columns:
        """What the plainest attack claims of (n, classes) answers: the label's probability."""
        rows = np.arange(len(made))
        right = made[rows, self.release.aux["label"]].astype(np.float64)
        return self.claimed(np.log(np.clip(np.nan_to_num(right), LEAST, 1)))

    def tries(self, guesses: Floats, successes: Successes) -> Columns:
        """Never: a list of answers that knows nothing of a row is no claim about it."""
        never = np.full(len(self.keys), np.inf)
        return {name: never.copy() for name in (*RATES, AUC_NAME)}
