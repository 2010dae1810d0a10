"""What leaks measure beside what the table of metrics has."""

from __future__ import annotations

from math import inf

from fowh.metrics import Metric

RATE = (0.0, 1.0)
LABEL = Metric(
    "label",
    "Label named",
    "higher",
    RATE,
    "The claim names the class that the sample was labelled with: whose it is, with no picture.",
    "success",
    heading=("label", "named"),
    goal="names the class of {} % of the samples without any picture",
)
EPSILON = Metric(
    "epsilon",
    "epsilon",
    "higher",
    (0.0, inf),
    "Differential privacy of single samples after the whole training, at the delta beside it.",
    "cost",
)
DELTA = Metric("delta", "delta", "higher", RATE, "Of the differential privacy.", "cost")
AT_ROUND = Metric(
    "accuracy_at_round",
    "Accuracy of the attacked network",
    "lower",
    RATE,
    "Test accuracy of the network that the stolen updates were computed on.",
    "utility",
)
PARTS = Metric(
    "participations",
    "Rounds of a sample",
    "lower",
    (0.0, inf),
    "In which the sample that is drawn most often takes part: epsilon is of those.",
    "cost",
)
METRICS = (LABEL, EPSILON, DELTA, PARTS, AT_ROUND)
