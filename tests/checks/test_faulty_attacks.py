"""The contract catches attacks that are faulty in one way each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest

from fowh.core.attack import Attack
from fowh.core.release import Floats
from fowh.core.view import View
from tests.checks.findings import assert_caught, broken


@dataclass(frozen=True)
class Guess(Attack):
    """A sound attack on anything, to go wrong in one way each: an own sample by what it reads."""

    answer: ClassVar[Callable[[View, np.random.Generator], Any]]

    def run(self, view: View, rng: np.random.Generator) -> Any:
        return type(self).answer(view, rng)


def _nearest(view: View, rng: np.random.Generator) -> Floats:
    stolen = view.scheme.features(view.release)
    return view.embeddings[(np.abs(stolen).sum(axis=1) * 1e3 + stolen[:, 0] * 7).astype(int) % 40]


def _faulty(answer: Callable[[View, np.random.Generator], Any], **declared: Any) -> Attack:
    kind = type("Faulty", (Guess,), {"answer": staticmethod(answer), **declared})
    return kind()  # type: ignore[no-any-return]


def _in_place(view: View, rng: np.random.Generator) -> Floats:
    view.embeddings[0] = 0
    return _nearest(view, rng)


ASKED: list[int] = []


def _forgets_the_bill(view: View, rng: np.random.Generator) -> Floats:
    """Asks the target the first time and never again."""
    if not ASKED and view.query is not None:
        ASKED.append(len(view.query(view.samples)))
    return _nearest(view, rng)


@pytest.mark.parametrize(
    ("attack", "claim"),
    [
        (_faulty(lambda view, rng: _nearest(view, rng)[:-1]), "It returns one"),
        (_faulty(lambda view, rng: _nearest(view, rng).astype(np.float64)), "It returns one"),
        (_faulty(lambda view, rng: _nearest(view, rng) * np.float32(np.nan)), "It returns one"),
        (_faulty(_nearest, yields="samples"), "It returns one"),
        (
            _faulty(lambda view, rng: _nearest(view, rng) + np.random.default_rng().random()),
            "Equal generators",
        ),
        (_faulty(_in_place), "The view is left"),
        (_faulty(_nearest, blind=True), "It reads the release"),
        (_faulty(lambda view, rng: view.embeddings[: len(view.release)]), "It reads"),
        (_faulty(lambda view, rng: _nearest(view, rng) * len(view.release.token)), "Without"),
        (_faulty(lambda view, rng: view.query(view.samples)[: len(view.release)]), "An exhausted"),
        (_faulty(_nearest, unsupported=lambda self, view: False), "What it cannot run on"),
        (_faulty(_nearest, unsupported=lambda self, view: "never"), "What it cannot run on"),
        (_faulty(_nearest, yields="images"), "It says what it is"),
        (_faulty(_forgets_the_bill), "Equal generators"),
        (_faulty(_nearest, render=lambda self, view, wanted, rng: wanted), "A renderer"),
        (_faulty(_nearest, quick={"effort": 1}), "It says what it is"),
    ],
    ids=lambda value: None,
)
def test_a_faulty_attack_is_caught(attack: Attack, claim: str) -> None:
    assert_caught(attack, claim)


def test_the_sound_original_passes() -> None:
    """Each fault differs from it in one place, so its failure is that of the fault."""
    assert broken(_faulty(_nearest)) == {}
