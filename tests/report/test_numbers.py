"""Numbers as text."""

from __future__ import annotations

import pytest

from fowh.report import numbers
from fowh.report.numbers import Number


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("rank1", None, "\u2013"),
        ("rank1", 1.0, "100"),
        ("rank1", 0.0, "0.0"),
        ("rank1", 0.97512, "97.5"),
        ("accuracy", 0.5, "50.0"),
        ("realism", 0.5, "50.0"),
        ("advantage_rank1", -0.031, "-3.1"),
        ("purity", -0.024, "-0.02"),
        ("purity_centred", 1.0, "1.00"),
        ("psnr", 14.271, "14.3"),
        ("d_sys", 0.931, "0.93"),  # from 0 to 1, but a share of nothing
        ("m_linkability", 0.5, "0.50"),
        ("unheard_of", 0.5, "0.50"),
    ],
)
def test_number(metric: str, value: float | None, text: str) -> None:
    assert numbers.number(metric, value) == text
    assert Number(metric, value).text == text


@pytest.mark.parametrize(
    ("metric", "low", "high", "text"),
    [
        ("rank1", 0.912, 0.9949, "[91, 99]"),
        ("rank1", 0.012, 0.034, "[1.2, 3.4]"),  # whole percents would hide it
        ("rank1", 0.997, 0.9999, "[99.7, 100.0]"),  # a narrow one too
        ("purity", 0.951, 0.962, "[0.95, 0.96]"),
        ("psnr", 13.81, 14.73, "[13.8, 14.7]"),
        ("rank1", None, 0.2, ""),
        ("rank1", 0.1, None, ""),
    ],
)
def test_interval(metric: str, low: float | None, high: float | None, text: str) -> None:
    value = {"value": 0.5, "ci_low": low, "ci_high": high, "n": 9}
    assert Number.of(metric, value).interval == text


@pytest.mark.parametrize("value", [None, 0.25, {"value": 0.25}])
def test_bare_numbers_are_values(value: object) -> None:
    expected = Number("rank1", 0.25 if value else None)
    assert Number.of("rank1", value) == expected


def test_sentences_have_units() -> None:
    assert Number("rank1", 0.25).words == "25.0 %"
    assert Number("purity", 0.25).words == "0.25"
    assert Number("rank1").words == "not measured"
    assert Number("rank1").text == "\u2013"


@pytest.mark.parametrize(
    ("metric", "label", "heading"),
    [
        ("rank1", "Rank-1", ("rank 1", "")),
        ("transfer_rank1", "Rank-1, witness", ("rank 1", "witness")),
        ("fnmr_at_fmr_1e-3", "FNMR at FMR 0.1 %", ("FNMR", "FMR 0.1 %")),
        ("accuracy", "Accuracy", ("Accuracy", "")),
        ("advantage_rank1", "Advantage in Rank-1", ("Advantage in Rank-1", "")),
        ("unheard_of", "unheard of", ("unheard of", "")),
    ],
)
def test_metrics_have_names(metric: str, label: str, heading: tuple[str, str]) -> None:
    assert numbers.label(metric) == label
    assert numbers.heading(metric) == heading


def test_numbers_stay_with_their_units() -> None:
    text = "FNMR 1.1 % at FMR 0.1 % " * 9
    for width in range(30, 60):
        for line in numbers.wrapped(text, width).splitlines():
            assert len(line) <= width
            assert not line.startswith("%")
            assert not line.endswith("FMR")


@pytest.mark.parametrize(
    ("value", "text"), [(None, "\u2013"), (0.00164, "0.00164"), (9.87, "9.87"), (41873.2, "41,873")]
)
def test_count(value: float | None, text: str) -> None:
    assert numbers.count(value) == text
