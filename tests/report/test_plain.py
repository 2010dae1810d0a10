"""Texts of others are drawn as they are."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

from fowh.report.plots import plain


def test_two_dollars_are_no_mathematics() -> None:
    figure = Figure(figsize=(1, 1))
    figure.suptitle(plain("$a_$ and $\\frac$"))
    figure.savefig(io.BytesIO(), format="png")  # as mathematics neither can be read
