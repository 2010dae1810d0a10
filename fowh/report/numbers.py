"""Numbers as text: rates in percent, cosines and bits as they are, a dash for what is unknown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from fowh.metrics import METRICS

DASH = "\u2013"
_TABLE = {metric.name: metric for metric in METRICS}


def measured(value: Any) -> dict[str, Any]:
    """A measured value with all four keys; a bare number and None are values too."""
    given = value if isinstance(value, Mapping) else {"value": value}
    return {key: given.get(key) for key in ("value", "ci_low", "ci_high", "n")}


def known(parts: Iterable[Mapping[str, Any]], metric: str, key: str = "value") -> list[float]:
    """That key of a metric from every part that has it."""
    found = [measured(part.get(metric))[key] for part in parts]
    return [value for value in found if value is not None]


def label(metric: str) -> str:
    """What tables call a metric."""
    if metric.startswith("advantage_"):
        return f"Advantage in {label(metric.removeprefix('advantage_'))}"
    return _TABLE[metric].label if metric in _TABLE else metric.replace("_", " ")


def percent(value: float | None) -> str:
    """A fraction in percent, without the sign."""
    if value is None:
        return DASH
    return "100" if value == 1 else f"{100 * value:.1f}"


def number(metric: str, value: float | None) -> str:
    """One value of a metric: shares in percent, everything else as it is."""
    if value is None:
        return DASH
    if is_rate(metric):
        return percent(value)
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def is_rate(metric: str) -> bool:
    """Whether a metric is a share of cases (and so is shown in percent)."""
    name = metric.removeprefix("advantage_")
    return name in _TABLE and _TABLE[name].limits == (0.0, 1.0) and name not in _INDICES


def wrapped(text: str, width: int) -> str:
    """Text in lines of at most ``width``; a number stays with its "FMR" and its "%"."""
    glued = re.sub(r"(?<=\d) (?=%)|(?<=FMR) (?=\d)", "\xa0", text)
    return textwrap.fill(glued, width).replace("\xa0", " ")


def interval(metric: str, value: Any) -> str:
    """The confidence interval ``[low, high]``; empty when there is none."""
    given = measured(value)
    low, high = given["ci_low"], given["ci_high"]
    if low is None or high is None:
        return ""
    if is_rate(metric) and high >= 0.0995 and high - low >= 0.02:  # whole percents will do
        return f"[{100 * low:.0f}, {100 * high:.0f}]"
    return f"[{number(metric, low)}, {number(metric, high)}]"


def count(value: float | None) -> str:
    """A quantity with its thousands separated; three digits below ten."""
    if value is None:
        return DASH
    return f"{value:,.0f}" if value >= 10 else f"{value:.3g}"


_INDICES = ("d_sys", "m_linkability")  # 0 to 1, but no share of anything
