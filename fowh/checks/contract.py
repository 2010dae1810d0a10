"""What checks are made of: claims, what became of them, and what every kind of plug-in owes.

A check is a function whose docstring is its claim; it returns what it saw, None where it does not
apply, and breaks by ``ensure``.
"""

from __future__ import annotations

import dataclasses
import gc
import json
import random
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Literal

import numpy as np

from fowh.core.errors import InputError, contained, reason
from fowh.core.registry import Kind, describe, load, plugin_class
from fowh.core.release import Floats


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        check: the claim.
        passed: whether it holds.
        text: what was seen, or what broke; one line.
    """

    check: str
    passed: bool
    text: str


class Broken(Exception):
    """A claim that does not hold."""


def ensure(condition: Any, text: str) -> None:
    """Break the check that calls this unless the condition holds."""
    if not condition:
        raise Broken(text)


def close(left: Floats, right: Floats, text: str) -> None:
    """Break unless scores are equal, up to what FAISS loses when it expands squared distances."""
    scale = max(1.0, float(np.abs(right).max(initial=0)))
    ensure(np.allclose(left, right, rtol=1e-3, atol=2e-3 * scale), text)


class Claims:
    """Checks in order; used as a decorator it adds one."""

    def __init__(self) -> None:
        self.checks: list[Callable[[Any], str | None]] = []

    def __call__(self, check: Callable[[Any], str | None]) -> Callable[[Any], str | None]:
        self.checks.append(check)
        return check

    def run(self, case: Any) -> Iterator[Finding]:
        """Run all checks that apply; whatever a plug-in raises is a finding, not a crash."""
        for check in self.checks:
            claim = (check.__doc__ or check.__name__).partition("\n")[0].rstrip(".")
            before = _global_randomness()
            try:
                with contained():
                    text = check(case)
                ensure(before == _global_randomness(), "draws from a global random generator")
            except Broken as broken:
                yield Finding(claim, False, _spaced(str(broken)))
            except Exception as error:
                yield Finding(claim, False, f"raises {reason(error)}")
            else:
                if text is not None:
                    yield Finding(claim, True, _spaced(text))


def _spaced(text: str) -> str:
    """In one line: parts of it may be a plug-in's own words."""
    return " ".join(text.split())


def parameters_survive_the_command_line(plugin: Any, kind: Kind) -> str:
    """Written as ``name:key=value,...`` and read again, a plug-in is the same."""
    ensure(dataclasses.is_dataclass(plugin), "is no dataclass")
    ensure(plugin.__dataclass_params__.frozen, "is no frozen dataclass")  # type: ignore[attr-defined]
    named = describe(plugin, kind)
    given = {key: value for key, value in named["params"].items() if value is not None}
    text = ",".join(f"{key}={value}" for key, value in given.items())
    again = describe(load(kind, f"{named['name']}:{text}" if text else named["name"]), kind)
    ensure(again == named, f"{named} comes back as {again}")
    return f"{len(named['params'])} parameters: {text or 'none'}"


def nonsense_is_refused_in_one_line(
    plugin: Any, kind: Kind, use: Callable[[Any], object]
) -> str | None:
    """Absurd values raise InputError, at once or in use, or are not absurd: no other error."""
    refused = tried = 0
    for name, hint in typing.get_type_hints(type(plugin)).items():
        if name not in describe(plugin, kind)["params"]:
            continue
        for value in _nonsense(hint):
            tried += 1
            try:
                use(dataclasses.replace(plugin, **{name: value}))
            except InputError as error:
                one_line(error, f"{name}={value}")
                refused += 1
            except Exception as error:
                raise Broken(f"{name}={value}: {type(error).__name__}, not InputError") from error
    return f"{refused} of {tried} odd values refused, the others work" if tried else None


def _nonsense(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) is Literal:
        return ("no such choice",)
    odd: dict[Any, tuple[Any, ...]] = {
        int: (-1, 0),
        float: (-1.0, float("nan")),
        str: ("no/such/thing",),
    }
    return odd.get(hint, ())


def one_line(error: Exception, where: str) -> None:
    """Break unless an error says in one line what is wrong."""
    ensure(str(error).strip(), f"{where}: the error says nothing")
    ensure("\n" not in str(error), f"{where}: the error has several lines")


def quick(plugin: Any) -> Any:
    """The plug-in with the cheap parameters that its class declares, where it has the default."""
    cheap = getattr(type(plugin), "quick", {})
    defaults = {item.name: item.default for item in dataclasses.fields(plugin)}
    unknown = sorted(set(cheap) - set(defaults))
    ensure(not unknown, f"quick names {', '.join(unknown)}, which it has no parameter for")
    used = {name: value for name, value in cheap.items() if getattr(plugin, name) == defaults[name]}
    return dataclasses.replace(plugin, **used)


def variants(plugin: Any, kind: Kind) -> Iterator[tuple[str, Any]]:
    """Others, each with one number or boolean changed, where that is accepted; by its name."""
    for name, value in describe(plugin, kind)["params"].items():
        if isinstance(value, bool):
            other: Any = not value
        elif isinstance(value, int):
            other = value + 1
        elif isinstance(value, float):
            other = value / 2 + 0.1
        else:
            continue
        try:
            yield name, dataclasses.replace(plugin, **{name: other})
        except InputError:
            continue


def ensure_there(kind: Kind, name: str) -> None:
    """Break unless there is such a plug-in, a third party's included."""
    try:
        plugin_class(kind, name)
    except InputError as error:
        raise Broken(str(error)) from error


def ensure_json(value: object) -> str:
    """Break unless JSON has a word for it; that word."""
    try:
        return json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise Broken(f"no JSON: {error}") from error


def leads_to(start: object, *secrets: type) -> bool:
    """Whether references lead from an object to one of these, modules and classes left out."""
    seen, todo = {id(start)}, [start]
    while todo:
        for each in gc.get_referents(todo.pop()):
            if isinstance(each, secrets):
                return True
            shared = isinstance(each, (ModuleType, type)) or (
                isinstance(each, dict) and "__builtins__" in each
            )
            if not shared and id(each) not in seen:
                seen.add(id(each))
                todo.append(each)
    return False


def _global_randomness() -> tuple[object, ...]:
    """The state of every global generator that a plug-in might draw from."""
    import torch

    legacy = np.random.get_state(legacy=False)  # noqa: NPY002 - it is watched, not used
    state = legacy["state"]  # type: ignore[call-overload,index]
    drawn = torch.random.get_rng_state().numpy().tobytes()
    return state["key"].tobytes(), state["pos"], random.getstate(), drawn
