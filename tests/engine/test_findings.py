"""Findings: what comes in from the folds, and as which arrays it is kept."""

from __future__ import annotations

import time

import numpy as np
import pytest

from fowh.core.modality import Columns
from fowh.engine.attempt import Attempt
from fowh.engine.findings import Clock, Findings, joined
from fowh.engine.judge import Judged


def columns(rows: int, readings: int, value: float = 1.0) -> Columns:
    return {"distance": np.full(rows, value), "other_distance": np.full((rows, readings), value)}


def test_joined_pads_subjects_with_fewer_readings() -> None:
    whole = joined([columns(2, 3), columns(1, 1, 5.0)])
    assert whole["distance"].tolist() == [1, 1, 5]
    assert whole["other_distance"].shape == (3, 3)
    assert np.isnan(whole["other_distance"][2, 1:]).all()
    assert np.isfinite(whole["other_distance"][:2]).all()
    assert whole["other_distance"][2, 0] == 5


def test_nothing_is_joined_to_nothing() -> None:
    assert joined([]) == {}


def test_arrays_are_named_by_what_they_are() -> None:
    found = Findings()
    found.utility["stolen_key"] = [{"score": np.array([1.0, 2.0])}, {"score": np.array([3.0])}]
    found.terms = [{"t_embedding.1e-2": np.ones(2)}, {"t_embedding.1e-2": np.full(1, 2.0)}]
    found.tries = [{"rank1": np.array([1.0, np.inf])}, {"rank1": np.array([7.0])}]
    for section, name in (("attacks", "ridge"), ("rendered", "ridge"), ("controls", "mean")):
        for fold, value in enumerate((1.0, 2.0)):
            judged = Judged(np.ones((1, 2), np.float32), {"distance": np.array([value])}, {})
            made = Attempt(section, name, "embeddings", judged)  # type: ignore[arg-type]
            found.rows[section, name].append((fold, made))
    found.shown = {"original": np.zeros((1, 2, 2), np.uint8)}
    made = found.arrays()
    assert set(made) == {
        "utility.stolen_key.score",
        *("attack.ridge.distance", "rendered.ridge.distance", "control.mean.distance"),
        *("term.t_embedding.1e-2", "guesses.rank1", "shown.original"),
    }
    assert made["utility.stolen_key.score"].tolist() == [1, 2, 3]
    assert made["attack.ridge.distance"].tolist() == [1, 2]
    assert made["guesses.rank1"].tolist() == [1, np.inf, 7]
    assert made["term.t_embedding.1e-2"].tolist() == [1, 1, 2]


def test_a_clock_adds_up_by_stage_and_survives_errors() -> None:
    clock = Clock()
    for _ in range(2):
        with pytest.raises(RuntimeError), clock("slow"):
            time.sleep(0.02)
            raise RuntimeError
    with clock("fast"):
        pass
    assert 0.04 <= clock.seconds["slow"] < 1
    assert clock.seconds["fast"] < 0.02
