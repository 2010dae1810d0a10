"""Numbers as text: rates in percent, cosines and bits as they are, a dash for what is unknown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fowh.metrics import BY_NAME

DASH = "\u2013"  # in a table
UNKNOWN = "not measured"  # in a sentence
ADVANTAGE = "advantage_"  # begins the name of a gain over the best blind control


@dataclass(frozen=True)
class Number:
    """One measured value, as every form of the report shows it.

    Attributes:
        metric: its name.
        value: None where it is unknown.
        low, high: its 95 % interval; None where none can be stated.
        n: observations behind it.
        alarm: whether it beats every blind control of its level beyond chance.
    """

    metric: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    alarm: bool = False

    @classmethod
    def of(cls, metric: str, given: Any, alarm: bool = False) -> Number:
        """From a record's value with its interval, from a bare number, or from None."""
        part = given if isinstance(given, Mapping) else {"value": given}
        value, low, high, n = map(part.get, ("value", "ci_low", "ci_high", "n"))
        return cls(metric, value, low, high, n, alarm)

    @property
    def text(self) -> str:
        """The value in a table, without unit."""
        return number(self.metric, self.value)

    @property
    def words(self) -> str:
        """The value in a sentence, with its unit."""
        if self.value is None:
            return UNKNOWN
        return self.text + " %" * is_rate(self.metric)

    @property
    def interval(self) -> str:
        """The interval ``[low, high]``; empty when there is none."""
        if self.low is None or self.high is None:
            return ""
        wide = self.high >= 0.0995 and self.high - self.low >= 0.02  # whole percents will do
        if is_rate(self.metric) and wide:
            return f"[{100 * self.low:.0f}, {100 * self.high:.0f}]"
        return f"[{number(self.metric, self.low)}, {number(self.metric, self.high)}]"


def label(metric: str) -> str:
    """What tables call a metric."""
    if metric.startswith(ADVANTAGE):
        return f"Advantage in {label(metric.removeprefix(ADVANTAGE))}"
    return BY_NAME[metric].label if metric in BY_NAME else metric.replace("_", " ")


def heading(metric: str) -> tuple[str, str]:
    """The same in two lines, for a narrow column."""
    known = BY_NAME.get(metric)
    if known is not None and any(known.heading):
        return known.heading
    first, _, second = label(metric).partition(" at ")
    return first, second


def is_rate(metric: str) -> bool:
    """Whether a metric is a share of cases (and so is shown in percent)."""
    known = BY_NAME.get(metric.removeprefix(ADVANTAGE))
    if known is None or known.role == "cost":
        return False
    return known.role == "utility" or known.limits == (0.0, 1.0)


def number(metric: str, value: float | None) -> str:
    """One value of a metric: shares in percent, everything else as it is."""
    if value is None:
        return DASH
    if is_rate(metric):
        return "100" if value == 1 else f"{100 * value:.1f}"
    if 0 < abs(value) < 0.005:  # a delta, not nothing
        return f"{value:.2g}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def count(value: float | None) -> str:
    """A quantity with its thousands separated; three digits below ten."""
    if value is None:
        return DASH
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


def wrapped(text: str, width: int) -> str:
    """Text in lines of at most ``width``; a number stays with its "FMR" and its "%"."""
    glued = re.sub(r"(?<=\d) (?=%)|(?<=FMR) (?=\d)", "\xa0", text)
    return textwrap.fill(glued, width).replace("\xa0", " ")
