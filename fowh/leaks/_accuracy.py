"""What a record says of a system that names people: accuracy, and what a scheme costs of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from fowh.core.leak import Observed
from fowh.metrics import intervals


def accuracy(observed: Observed) -> dict[str, Any]:
    """By scenario, with what is lost from "unprotected" to "protected", paired by row."""
    made: dict[str, Any] = {}
    right = {}
    for scenario, parts in observed.utility.items():
        right[scenario], subject = (
            np.concatenate([part[name] for part in parts]) for name in ("correct", "subject")
        )
        value = intervals.rate(right[scenario], subject, observed.stream(scenario))
        made[scenario] = {"accuracy": value.to_json()}
    clear, left = right["unprotected"], right["protected"]
    lost = intervals.difference(clear, left, subject, observed.stream("loss"))
    made["protected"]["utility_loss"] = lost.to_json()
    return made
