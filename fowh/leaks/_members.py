"""Who was learned from: claims of candidates, and how well they tell members from others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fowh.core.leak import Successes
from fowh.core.modality import Columns
from fowh.core.release import Floats
from fowh.leaks._answering import Answering
from fowh.metrics import Metric

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
            f"At most {100 * rate:g} % of the candidates that were not learned from, those of all "
            "folds together, score as high as this member or higher. Not measured where not one of "
            "them could: where there are fewer than "
            f"{round(1 / rate):,}.",
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
        "Share of the candidates that were not learned from, those of all folds together, whom a "
        "member outscores, ties half; its mean is the area under the ROC.",
        "success",
        heading=("member", "AUC"),
        goal="ranks members above others in {} % of all pairs",
    ),
)


def ranked(parts: Sequence[Columns]) -> list[Columns]:
    """Where each candidate's score lies among those of all that were not learned from.

    Scores of different folds are compared as they are: one threshold for everybody. An attack whose
    scores mean another thing in another fold loses by that.

    Args:
        parts: of each fold ``member`` (n,), 1 or 0, NaN where nothing was claimed, and ``score``
            (n,), higher for likelier members.

    Returns:
        The parts, each with ``false_alarms`` (n,), the share of the others that score at least as
        high, ``outscored`` (n,), the share that score lower, ties half, and ``others`` (n,), how
        many they are.
    """
    score, member = (np.concatenate([each[name] for each in parts]) for name in ("score", "member"))
    others, made = np.sort(score[member == 0]), []
    count = len(others)
    for each in parts:
        below, up_to = (np.searchsorted(others, each["score"], side) for side in ("left", "right"))
        added = {
            "false_alarms": (count - below) / count,
            "outscored": (below + up_to) / (2 * count),
            "others": np.full(len(below), count),
        }
        made.append(dict(each) | added)
    return made


def told_apart(columns: Columns) -> Columns:
    """Success of each member, (n,) by metric; NaN of everybody else.

    Where a rate admits less than one false alarm it is NaN for members too: no threshold tells it
    from a smaller one.

    Args:
        columns: as ``ranked`` gives them.
    """
    member, made = columns["member"] == 1, {}
    for name, rate in RATES.items():
        passed = (columns["false_alarms"] <= rate).astype(np.float64)
        made[name] = np.where(member & (1 / columns["others"] <= rate), passed, np.nan)
    made[AUC_NAME] = np.where(member, columns["outscored"], np.nan)
    return made


def by_lot(others: int) -> dict[str, float]:
    """How often a member whose score is drawn by lot passes at each rate that can be measured.

    Of so many others at most k may score as high: it does so where it is above the (k + 1)-th.
    """
    allowed = {
        name: int((np.arange(others + 1) / others <= rate).sum()) - 1
        for name, rate in RATES.items()
    }
    return {name: (k + 1) / (others + 1) for name, k in allowed.items() if k}


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
