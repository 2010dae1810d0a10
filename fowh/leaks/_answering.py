"""A classifier that answers whoever asks, and what is known of its answers."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.leak import Says, Setting, System
from fowh.core.modality import Columns
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import OutputScheme
from fowh.leaks._limited import limited


@dataclass(frozen=True, eq=False)
class Answering(System):
    """A classifier that answers whoever asks through a scheme.

    Attributes:
        setting: what it was deployed from.
        classes: (c,) the subject of each score.
    """

    says_released: ClassVar[bool] = True
    setting: Setting
    scheme: OutputScheme
    keys: Keys
    release: Release
    classes: NDArray[np.int64]
    terms: Columns
    facts: Mapping[str, float]

    def utility(self) -> dict[str, Columns]:
        """Whether each of the victims' samples is named, by all scores and by what leaves.

        What the classifier learned from says nothing of that, and is left out.
        """
        rows = np.setdiff1d(self.setting.fold.victims, self.setting.learned)
        values, subject = self.setting.values[rows], self.setting.subjects[rows]
        limited = self.scheme.limit(values, self.setting.stream("utility"))
        return {
            scenario: {"correct": self.classes[said.argmax(axis=1)] == subject, "subject": subject}
            for scenario, said in (("unprotected", values), ("protected", limited))
        }

    def says(self) -> Says:
        return partial(limited, copy.deepcopy(self.scheme), self.setting.stream("asked").bytes(16))

    def judge(self, made: Floats) -> Columns:
        """``correct``: 1 where the model takes the reconstruction for its subject, else 0."""
        usable = np.isfinite(made).all(axis=1)
        taken = self.classes[np.nan_to_num(made).argmax(axis=1)]
        whose = self.setting.subjects[self.setting.fold.stolen]
        return {"correct": np.asarray(usable & (taken == whose), dtype=np.float64)}


def classes_of(setting: Setting) -> NDArray[np.int64]:
    """(c,) the subject of each score: those that it learned from, in the order of their codes.

    Development's, where nobody says whom it learned from.
    """
    rows = setting.learned if len(setting.learned) else setting.fold.development
    return np.unique(setting.subjects[rows])
