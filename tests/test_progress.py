"""Lines of progress in a log: few, with a pace and the time left."""

from __future__ import annotations

import pytest

from fowh.cli.progress import PAUSE, lines


class Clock:
    """A clock that is set by hand."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_log_has_a_line_in_ten_seconds_at_most(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    note = lines(clock)
    for step in range(600):
        clock.now = 100 + step / 10
        note(f"stage {step}", step / 600)
    printed = capsys.readouterr().err.splitlines()
    assert len(printed) == 60 / PAUSE
    assert printed[0] == "   0.0 s    0 %  stage 0"
    assert printed[3] == "  30.0 s   50 %, 100.0 %/min, 30 s left  stage 300"


def test_the_pace_is_that_of_the_last_minute(capsys: pytest.CaptureFixture[str]) -> None:
    """What lay in a cache took no time, and says nothing of what is to come."""
    clock = Clock()
    note = lines(clock)
    note("from the cache", 0.0)
    for second in range(1, 141):
        clock.now = 100 + second
        note("training", 0.3 + second / 1000)
    assert capsys.readouterr().err.splitlines()[-1].startswith(" 140.0 s   44 %, 6.0 %/min, 9 min")


def test_who_stands_still_has_no_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    note = lines(clock)
    note("a", 0.2)
    clock.now += 20
    note("b", 0.2)
    assert capsys.readouterr().err.splitlines()[-1] == "  20.0 s   20 %  b"
