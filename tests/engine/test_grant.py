"""The view: what the threat grants is in it, and nothing in it leads back to the truth."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from fowh.cells import make_cell
from fowh.checks import world
from fowh.core.attack import Attack
from fowh.core.cache import digest
from fowh.core.dataset import Samples
from fowh.core.leak import Setting, System
from fowh.core.protocol import Fold
from fowh.core.target import Lessons, Prepared, Target
from fowh.core.threat import Threat
from fowh.core.view import View
from fowh.engine import fold as fold_module
from fowh.engine.grant import grant
from fowh.engine.judge import Judge
from fowh.engine.observe import observe
from fowh.engine.plan import Plan

POPULATION = "gaussian:subjects=10,readings=3,dim=16"
SECRETS = (System, Setting, Judge, Plan, Fold, Samples, Lessons)


@dataclass(frozen=True)
class Pixels(Target):
    """A target that costs nothing: a projection of pixels."""

    modality = "image"

    def prepare(self, samples: np.ndarray) -> Prepared:
        return Prepared(samples, np.ones(len(samples), dtype=np.bool_))

    def embed(self, samples: np.ndarray, device: str = "cpu") -> np.ndarray:
        return world.embed(samples)

    @property
    def sha256(self) -> str:
        return digest("pixels")


def reachable(thing: Any) -> list[Any]:
    """Everything that plain attribute access reaches: fields, containers, partials, closures."""
    seen: dict[int, Any] = {}
    todo = [thing]
    while todo:
        item = todo.pop()
        skip = (str, bytes, int, float, type, types.ModuleType, np.dtype)
        if id(item) in seen or item is None or isinstance(item, skip):
            continue
        seen[id(item)] = item
        if isinstance(item, dict):
            todo += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple | set | frozenset):
            todo += item
        elif isinstance(item, functools.partial):
            todo += [item.func, *item.args, *item.keywords.values()]
        elif isinstance(item, types.FunctionType):
            todo += [cell.cell_contents for cell in item.__closure__ or ()]
        elif isinstance(item, types.MethodType):
            todo += [item.__self__, item.__func__]
        elif isinstance(item, np.ndarray):
            todo.append(item.base)  # a view of a larger array leads to all of it
        else:
            todo += list(getattr(item, "__dict__", {}).values())
    return list(seen.values())


def views(monkeypatch: pytest.MonkeyPatch, **cell: Any) -> list[View]:
    """The views that the attacks of a cell were given, none of which leads to the truth."""
    given: list[View] = []
    real: Callable[..., Any] = fold_module.attempt

    def spy(attack: Attack, view: View, judge: Judge, *rest: Any) -> Any:
        given.append(view)
        assert_blind(view, judge)
        return real(attack, view, judge, *rest)

    made = make_cell(attacks=["ridge"], **cell)
    with monkeypatch.context() as patched:
        patched.setattr(fold_module, "attempt", spy)
        observe(made, made.dataset.load(), "cpu", lambda text, done: None)
    return given


def assert_blind(view: View, judge: Judge) -> None:
    """Nothing reachable is a secret object, shares memory with a row of the truth, or equals it."""
    found = reachable(view)
    assert [item for item in found if isinstance(item, SECRETS)] == []
    plan, rows = judge.plan, judge.fold.stolen
    for whole in (plan.values, plan.prepared):
        if whole is None:
            continue
        truth = {row.tobytes() for row in whole[rows]}
        for array in (item for item in found if isinstance(item, np.ndarray)):
            assert not np.shares_memory(array, whole)
            if array.dtype == whole.dtype and array.shape[1:] == whole.shape[1:]:
                assert not truth & {row.tobytes() for row in array}


def test_the_walk_would_find_a_secret() -> None:
    secret = Fold(0, *[np.arange(2)] * 7)
    assert any(item is secret for item in reachable(functools.partial(print, {"a": [secret]})))
    assert any(item is secret for item in reachable(lambda: secret))
    whole = np.arange(4.0)
    assert any(item is whole for item in reachable([whole[1:]]))


def test_the_walk_would_find_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(*given: Any) -> View:
        return replace(grant(*given), remarks=[{"by mistake": given[1].values[given[2].stolen]}])

    monkeypatch.setattr(fold_module, "grant", leaky)
    with pytest.raises(AssertionError):
        views(monkeypatch, scheme="iom:hashes=8", dataset=POPULATION)


def test_nothing_in_a_view_leads_back_to_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    found = views(monkeypatch, scheme="iom:hashes=8", dataset=POPULATION)
    assert len(found) == 20  # three blind controls and one attack on each of five folds


def test_nothing_in_a_view_with_samples_leads_back_to_the_truth(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = views(
        monkeypatch,
        scheme="lsh:bits=32",
        dataset="iris:people=10,readings=3,side=32",
        target=Pixels(),
        threat=Threat(box="white"),
    )
    assert len(found) == 20
    assert all(view.query is not None and view.samples is not None for view in found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leak", "scheme"), [("templates", "lsh:bits=32"), ("outputs", "round_scores")]
)
def test_nothing_in_a_view_of_a_trained_target_leads_back_to_the_truth(
    monkeypatch: pytest.MonkeyPatch, leak: str, scheme: str
) -> None:
    found = views(
        monkeypatch,
        scheme=scheme,
        leak=leak,
        dataset="iris:people=16,readings=6,side=32",
        target="densenet:epochs=1,side=32",
        protocol="afm_iris",
    )
    assert all(view.query is not None and view.samples is not None for view in found)


def test_keys_are_granted_only_where_they_leaked(monkeypatch: pytest.MonkeyPatch) -> None:
    leaked = views(monkeypatch, scheme="lsh:bits=16", dataset=POPULATION)
    kept = views(monkeypatch, scheme="lsh:bits=16", dataset=POPULATION, threat=Threat(leaked=False))
    assert all(view.release.token is not None for view in leaked)
    assert all(view.release.token is None for view in kept)


def test_what_an_attack_does_to_its_view_reaches_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    found = views(monkeypatch, scheme="lsh:bits=16", dataset=POPULATION)
    first, second = found[0], found[1]  # of one fold
    first.release.code[:] = 0
    first.embeddings[:] = 0
    assert second.release.code.any() and second.embeddings.any()
