"""What an attack holds: a counted handle, and what it trained, remembered and billed the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fowh.core.cache import Arrays
from fowh.core.release import Floats, Release
from fowh.core.scheme import OutputScheme
from fowh.core.view import Query, Version, View
from schemes.raw import Raw

SAMPLES = np.arange(12, dtype=np.float32).reshape(6, 2)


def doubled(samples: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(2 * samples, dtype=np.float32)


# --- query ----------------------------------------------------------------------------------


def test_queries_are_answered_and_counted() -> None:
    query = Query(doubled, budget=5)
    np.testing.assert_array_equal(query(SAMPLES[:3]), 2 * SAMPLES[:3])
    assert (query.used, query.left, query.budget) == (3, 2, 5)
    query(SAMPLES[:2])  # the budget may be used up exactly
    assert query.left == 0


def test_beyond_the_budget_nothing_is_asked() -> None:
    asked: list[int] = []

    def target(samples: NDArray[Any]) -> NDArray[np.float32]:
        asked.append(len(samples))
        return doubled(samples)

    query = Query(target, budget=5)
    query(SAMPLES[:3])
    with pytest.raises(RuntimeError, match="query budget exhausted: 3 of 5 used"):
        query(SAMPLES[:3])
    assert asked == [3] and query.used == 3


def test_answers_from_a_cache_are_charged_and_never_refunded() -> None:
    query = Query(doubled, budget=5)
    query.charge(4)
    query.charge(-3)
    assert query.used == 4


# --- remember -------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FOWH_CACHE_DIR", str(tmp_path))


def view(budget: int | None = 10, source: str = "code", used: int = 0) -> View:
    """A fresh view, as of another run."""
    query = None if budget is None else Query(doubled, budget)
    if query is not None and used:
        query(SAMPLES[:used])
    release = Release(SAMPLES.copy())
    return View(Raw(), release, SAMPLES.copy(), np.arange(6), SAMPLES, query, source=source)


class Training:
    """Asks the target about some samples and keeps what it says."""

    def __init__(self, count: int = 4) -> None:
        self.count = count
        self.keys: list[str] = []

    def __call__(self, seen: View, *parts: Any) -> Arrays:
        def build(key: str) -> Arrays:
            self.keys.append(key)
            answers = SAMPLES if seen.query is None else seen.query(SAMPLES[: self.count])
            return {"weights": answers, "steps": np.array(3)}

        return seen.remember(parts, build)


def test_what_was_trained_once_is_not_trained_again() -> None:
    train = Training()
    first = train(view(), "recipe", SAMPLES)
    again = train(view(), "recipe", SAMPLES)
    assert len(train.keys) == 1
    assert set(first) == set(again) == {"weights", "steps"}
    np.testing.assert_array_equal(again["weights"], 2 * SAMPLES[:4])
    np.testing.assert_array_equal(first["weights"], again["weights"])


def test_the_bill_is_the_same_from_the_cache() -> None:
    train, first, again = Training(), view(), view()
    train(first, "recipe")
    train(again, "recipe")
    assert len(train.keys) == 1
    assert first.query is not None and again.query is not None
    assert first.query.used == again.query.used == 4


def test_a_view_is_billed_once_for_one_training() -> None:
    """An attack that also renders trains once: its second call is of the same view."""
    train = Training()
    train(view(), "recipe")
    seen = view()
    for _ in range(3):
        train(seen, "recipe")
    assert seen.query is not None and seen.query.used == 4
    assert len(train.keys) == 1


def test_two_trainings_are_two_bills() -> None:
    train, seen = Training(count=3), view()
    train(seen, "coarse")
    train(seen, "fine")
    assert seen.query is not None and seen.query.used == 6
    assert len(set(train.keys)) == 2


@pytest.mark.parametrize("cached", [False, True])
def test_a_training_inside_another_is_in_the_bill_of_both(cached: bool) -> None:
    outer, inner = Training(count=3), Training(count=2)

    def both(seen: View) -> None:
        def build(key: str) -> Arrays:
            inner(seen, "inner")
            assert seen.query is not None
            return {"weights": seen.query(SAMPLES[: outer.count])}

        seen.remember(("outer",), build)

    if cached:
        both(view())
    seen = view()
    both(seen)
    assert seen.query is not None and seen.query.used == 5


CHANGES: dict[str, tuple[View, tuple[Any, ...]]] = {
    "the attack's code": (view(source="other code"), ("recipe", 1, SAMPLES)),
    "a word": (view(), ("another recipe", 1, SAMPLES)),
    "a number": (view(), ("recipe", 2, SAMPLES)),
    "an entry": (view(), ("recipe", 1, SAMPLES + 1)),
    "a type": (view(), ("recipe", 1, SAMPLES.astype(np.float64))),
    "the budget": (view(budget=11), ("recipe", 1, SAMPLES)),
    "what is left of it": (view(used=1), ("recipe", 1, SAMPLES)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_cache_knows_what_a_training_depends_on(change: str) -> None:
    train = Training()
    train(view(), "recipe", 1, SAMPLES)
    seen, parts = CHANGES[change]
    train(seen, *parts)
    assert len(set(train.keys)) == 2, change


def test_equal_leftovers_of_different_budgets_are_the_same_training() -> None:
    train = Training()
    train(view(budget=10), "recipe")
    train(view(budget=12, used=2), "recipe")
    assert len(train.keys) == 1


def test_without_a_target_to_ask_there_is_nothing_to_bill() -> None:
    train = Training()
    one, two = train(view(budget=None), "recipe"), train(view(budget=None), "recipe")
    assert len(train.keys) == 1
    np.testing.assert_array_equal(one["weights"], two["weights"])


def test_a_training_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    seen = view()

    def fails(key: str) -> Arrays:
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        seen.remember(("recipe",), fails)
    assert not list(tmp_path.rglob("*.npz"))
    assert Training()(seen, "recipe")["steps"] == 3


def test_the_key_names_a_place_for_checkpoints(tmp_path: Path) -> None:
    train = Training()
    train(view(), "recipe")
    (file,) = tmp_path.rglob("*.npz")
    assert file.stem == train.keys[0]


# --- versions -------------------------------------------------------------------------------


def test_without_other_versions_the_one_in_use_is_the_history() -> None:
    seen = view()
    (only,) = seen.history()
    assert only.name == "final" and only.scheme is seen.scheme
    assert only.embeddings is seen.embeddings and only.release is seen.release


def test_versions_that_may_be_queried_are_the_history() -> None:
    versions = (Version("0", Raw(), SAMPLES), Version("final", Raw(), SAMPLES + 1))
    seen = View(Raw(), Release(SAMPLES), SAMPLES, np.arange(6), versions=versions)
    assert seen.history() == versions


# --- simulate -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Noise(OutputScheme):
    """Adds one to every score."""

    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        return answers + np.float32(1)


@pytest.mark.parametrize(("passed", "added"), [(True, 0.0), (False, 1.0)])
def test_what_has_passed_the_scheme_does_not_pass_it_again(passed: bool, added: float) -> None:
    asked = View(Noise(), Release(SAMPLES), SAMPLES, np.arange(6), as_released=passed)
    keys = np.arange(6, dtype=np.uint64)
    made = asked.simulate(SAMPLES, keys, np.random.default_rng(0))
    assert np.allclose(made.code, SAMPLES + added)
    assert made.token is not None and np.array_equal(made.token, keys)
