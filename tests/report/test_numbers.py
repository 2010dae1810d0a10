"""Numbers as text."""

from __future__ import annotations

import pytest

from fowh.report import numbers


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("rank1", None, "\u2013"),
        ("rank1", 1.0, "100"),
        ("rank1", 0.0, "0.0"),
        ("rank1", 0.97512, "97.5"),
        ("advantage_rank1", -0.031, "-3.1"),
        ("purity", -0.024, "-0.02"),
        ("purity_centred", 1.0, "1.00"),
        ("psnr", 14.271, "14.3"),
        ("d_sys", 0.931, "0.93"),
        ("unheard_of", 0.5, "0.50"),
    ],
)
def test_number(metric: str, value: float | None, text: str) -> None:
    assert numbers.number(metric, value) == text


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
    assert numbers.interval(metric, value) == text


@pytest.mark.parametrize("value", [None, 0.25, {"value": 0.25}])
def test_bare_numbers_are_values(value: object) -> None:
    found = numbers.measured(value)
    assert set(found) == {"value", "ci_low", "ci_high", "n"}
    assert found["value"] == (0.25 if value else None)


def test_known_skips_what_was_not_measured() -> None:
    parts = [{"rank1": {"value": 0.5}}, {"rank1": {"value": None}}, {}, {"rank1": 0.75}]
    assert numbers.known(parts, "rank1") == [0.5, 0.75]


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
