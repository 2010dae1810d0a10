"""The contract: what every scheme and every attack must keep, as checks that anybody can run.

``fowh check mypackage.module:Scheme`` runs them on a third party's plug-in; our own plug-ins pass
the same checks in the test suite. A check is a function whose docstring is its claim; it returns
what it saw, None where it does not apply, and breaks by ``ensure``.
"""

from __future__ import annotations

import dataclasses
import random
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fowh.core.errors import InputError
from fowh.core.registry import Kind, describe, load, names, plugin_class, split
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
    scale = max(1.0, float(np.abs(right).max()))
    ensure(np.allclose(left, right, rtol=1e-3, atol=2e-3 * scale), text)


class Suite:
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
                text = check(case)
                ensure(before == _global_randomness(), "draws from a global random generator")
            except Broken as broken:
                yield Finding(claim, False, str(broken))
            except Exception as error:
                reason = str(error).partition("\n")[0]
                yield Finding(claim, False, f"raises {type(error).__name__}: {reason}")
            else:
                if text is not None:
                    yield Finding(claim, True, text)


def run_checks(plugin: str) -> list[Finding]:
    """Check a scheme or an attack.

    Args:
        plugin: as on the command line: ``name``, ``name:key=value`` or ``package.module:Class``.

    Raises:
        InputError: no such scheme or attack.
    """
    kind = _kind(split(plugin)[0])
    if kind == "scheme":
        from fowh.checks.scheme import check_scheme

        return list(check_scheme(load("scheme", plugin)))
    from fowh.checks.attack import check_attack

    return list(check_attack(load("attack", plugin)))


def parameters_survive_the_command_line(plugin: Any, kind: Kind) -> str:
    """Written as ``name:key=value,...`` and read again, a plug-in is the same."""
    named = describe(plugin, kind)
    ensure(plugin.__dataclass_params__.frozen, "is no frozen dataclass")
    text = ",".join(f"{key}={value}" for key, value in named["params"].items())
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
                ensure("\n" not in str(error), f"{name}={value}: the error has several lines")
                refused += 1
            except Exception as error:
                raise Broken(f"{name}={value}: {type(error).__name__}, not InputError") from error
    return f"{refused} of {tried} odd values refused, the others work" if tried else None


def _nonsense(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) is Literal:
        return ("no such choice",)
    return {int: (-1, 0), float: (-1.0, float("nan"))}.get(hint, ())


def _kind(name: str) -> Kind:
    if ":" in name:
        try:
            plugin_class("scheme", name)
        except InputError as error:
            if "is no scheme" not in str(error):
                raise
            return "attack"
        return "scheme"
    if name in names("attack") and name not in names("scheme"):
        return "attack"
    if name not in names("scheme") and any(name in names(kind) for kind in ("dataset", "target")):
        raise InputError(f"{name!r} is neither a scheme nor an attack: the contract is for these")
    return "scheme"


def _global_randomness() -> tuple[object, ...]:
    """The state of every global generator that a plug-in might draw from."""
    import torch

    legacy = np.random.get_state(legacy=False)  # noqa: NPY002 - it is watched, not used
    state = legacy["state"]  # type: ignore[call-overload,index]
    drawn = torch.random.get_rng_state().numpy().tobytes()
    return state["key"].tobytes(), state["pos"], random.getstate(), drawn
