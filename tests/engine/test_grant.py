"""The view: what the threat grants is in it, and nothing in it leads back to the truth."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from fowh.core.attack import Attack
from fowh.core.leak import Setting, System
from fowh.core.protocol import Fold
from fowh.core.threat import Threat
from fowh.core.view import View
from fowh.engine import fold as fold_module
from fowh.engine.judge import Judge
from fowh.engine.observe import observe
from fowh.engine.plan import Plan
from fowh.suite import make_cell

POPULATION = "gaussian:subjects=10,readings=3,dim=16"
SECRETS = (System, Setting, Judge, Plan, Fold)


def reachable(thing: Any) -> list[Any]:
    """Everything that plain attribute access reaches: fields, containers, partials, closures."""
    seen: dict[int, Any] = {}
    todo = [thing]
    while todo:
        item = todo.pop()
        skip = (str, bytes, int, float, type, types.ModuleType, np.ndarray, np.dtype)
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
        else:
            todo += list(getattr(item, "__dict__", {}).values())
    return list(seen.values())


def views(monkeypatch: pytest.MonkeyPatch, **cell: Any) -> list[View]:
    """The views that the attacks of a cell were given."""
    given: list[View] = []
    real: Callable[..., Any] = fold_module.attempt

    def spy(attack: Attack, view: View, *rest: Any) -> Any:
        given.append(view)
        return real(attack, view, *rest)

    made = make_cell(attacks=["ridge"], **cell)
    with monkeypatch.context() as patched:
        patched.setattr(fold_module, "attempt", spy)
        observe(made, made.dataset.load(), "cpu", lambda text, done: None)
    return given


def test_the_walk_would_find_a_secret() -> None:
    secret = Fold(0, *[np.arange(2)] * 7)
    assert any(item is secret for item in reachable(functools.partial(print, {"a": [secret]})))
    assert any(item is secret for item in reachable(lambda: secret))


def test_nothing_in_a_view_leads_back_to_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    found = views(monkeypatch, scheme="iom:hashes=8", dataset=POPULATION)
    assert len(found) == 20  # three blind controls and one attack on each of five folds
    for view in found:
        assert [item for item in reachable(view) if isinstance(item, SECRETS)] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("leak", "scheme"), [("templates", "lsh:bits=32"), ("outputs", "round_scores")]
)
def test_nothing_in_a_view_with_samples_leads_back_to_the_truth(
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
    for view in found:
        assert [item for item in reachable(view) if isinstance(item, SECRETS)] == []


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
