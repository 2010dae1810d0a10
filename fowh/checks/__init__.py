"""The contract of every kind of plug-in, as checks that anybody can run.

``fowh check mypackage.module:Scheme`` runs them on a third party's plug-in; our own pass the same
checks in the tests.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from fowh.checks import (
    attack,
    capability,
    dataset,
    federated,
    leak,
    modality,
    outputs,
    protocol,
    release,
    scheme,
    target,
)
from fowh.checks.contract import Finding
from fowh.core.attack import Attack
from fowh.core.dataset import Dataset
from fowh.core.errors import InputError
from fowh.core.leak import Leak
from fowh.core.modality import Modality
from fowh.core.protocol import Protocol
from fowh.core.registry import KINDS, Kind, load, names, plugin_class, split
from fowh.core.scheme import OutputScheme, Scheme, TemplateScheme
from fowh.core.target import Target
from fowh.core.updates import UpdateScheme

__all__ = ["Finding", "run_checks"]


def run_checks(plugin: str | object, kind: Kind | None = None) -> list[Finding]:
    """Check a plug-in of any kind.

    Args:
        plugin: an object, or as on the command line: ``name``, ``name:key=value`` or
            ``package.module:Class``, where several kinds have the name with the kind in front:
            ``attack/name``.
        kind: what it is; by default found out.

    Raises:
        InputError: no such plug-in, or a name that several kinds have.
    """
    return [*checked(plugin, kind)]


def checked(plugin: str | object, kind: Kind | None = None) -> Iterator[Finding]:
    """The same, one finding after the other."""
    if not isinstance(plugin, str):
        found = kind or _kind_of(type(plugin), repr(plugin))
        yield from _CONTRACTS[found](plugin)
        return
    before, slash, after = plugin.partition("/")
    for each in KINDS:
        if slash and before == each:
            kind, plugin = each, after
    found = kind or _kind_by_name(split(plugin)[0])
    yield from _CONTRACTS[found](load(found, plugin))


def _check_scheme(plugin: Scheme) -> Iterator[Finding]:
    if isinstance(plugin, UpdateScheme):
        yield from federated.claims.run(federated.Case(plugin))
        return
    case, parts = release.Case(plugin), [release.claims]
    if isinstance(plugin, TemplateScheme):
        case, parts = scheme.Case(plugin), [*parts, scheme.claims, capability.claims]
    elif isinstance(plugin, OutputScheme):
        case, parts = outputs.Case(plugin), [*parts, outputs.claims]
    for part in parts:
        yield from part.run(case)


_INTERFACES: dict[Kind, type[Any]] = {
    "scheme": Scheme,
    "attack": Attack,
    "dataset": Dataset,
    "target": Target,
    "leak": Leak,
    "protocol": Protocol,
    "modality": Modality,
}
_CONTRACTS: dict[Kind, Callable[[Any], Iterator[Finding]]] = {
    "scheme": _check_scheme,
    "attack": attack.check,
    "dataset": dataset.check,
    "target": target.check,
    "leak": leak.check,
    "protocol": protocol.check,
    "modality": modality.check,
}


def _kind_of(found: object, called: str) -> Kind:
    """The kind of a class."""
    for kind, interface in _INTERFACES.items():
        if isinstance(found, type) and issubclass(found, interface):
            return kind
    wanted = ", ".join(f"fowh.{interface.__name__}" for interface in _INTERFACES.values())
    raise InputError(f"{called} is no plug-in: expected a name, or an object of {wanted}")


def _kind_by_name(name: str) -> Kind:
    if ":" in name:
        module, _, class_name = name.partition(":")
        try:
            plugin_class("scheme", name)  # imports the module, whatever it holds
        except InputError:
            found = getattr(sys.modules.get(module), class_name, None)
            if found is None:
                raise
            return _kind_of(found, repr(name))
        return "scheme"
    known = {kind: names(kind) for kind in KINDS}
    kinds = [kind for kind in KINDS if name in known[kind]]
    if not kinds:
        everything = sorted({each for found in known.values() for each in found})
        near = difflib.get_close_matches(name, everything, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`fowh list` has them all"
        raise InputError(f"unknown plug-in {name!r}: {hint}")
    if len(kinds) > 1:
        written = " or ".join(f"{kind}/{name}" for kind in kinds)
        raise InputError(f"{name!r} is in several kinds: write {written}")
    return kinds[0]
