"""Stand-ins: plug-ins whose methods run in processes of their own.

The class of a stand-in has the fields of the plug-in that it stands for, and offers what that
offers; the plug-in's module is never loaded here. To all others it is a scheme or an attack.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from fowh.core import registry
from fowh.core.errors import InputError, refusing
from fowh.core.sources import located
from fowh.core.trust import APART, ours_alone
from fowh.isolation import attack as attacks
from fowh.isolation import scheme as schemes
from fowh.isolation.host import HINT, Worker, heavy

SAID = ("yields", "candidates", "modality", "blind", "learned", "closed_form", "informed")


def load(kind: registry.Kind, text: str) -> Any:
    """A plug-in as ``registry.load``; a third party's scheme or attack as a stand-in.

    Raises:
        InputError: as ``registry.load``; or it cannot do its work in a process of its own.
    """
    name = registry.split(text)[0]
    place = registry.foreign(kind, name) if kind in APART else None
    if place is None:
        with ours_alone():  # nor may a scheme of ours bring one of theirs
            return registry.load(kind, text)
    with refusing(f"load {kind} {name!r}"), Worker(f"{kind} {name!r}") as worker:
        told = worker.ask("describe", kind, text)
    module, _, class_name = place.partition(":")
    try:
        made = (_scheme if kind == "scheme" else _attack)(name, told)
        # Not what it calls itself: that could be one of ours.
        made.__module__, made.__name__ = module, class_name or str(told["class"])
        # Its own file whatever it says of that: a record answers for this code.
        files = located(module) | {Path(str(each)) for each in told["files"]}
        made.files = tuple(sorted(map(str, files)))
        plugin = made(**told["params"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{kind} {name!r} does not say what it is: {error!r}") from error
    if kind == "scheme":
        made.heavy = heavy([plugin])
    return plugin


def _scheme(name: str, told: dict[str, Any]) -> type[Any]:
    says = told["says"]
    base = schemes.BASES.get(says["base"])
    if base is None or says["parts"]:
        what = "is made of other schemes" if says["parts"] else "takes networks' gradients"
        raise InputError(f"scheme {name!r} {what}, which does not cross between processes: {HINT}")
    offers = [schemes.OFFERS[each] for each in says["offers"] if each in schemes.OFFERS]
    keyed = bool(says["facts"]["keyed"])
    return _class(told, (*offers, base), {"protects": str(says["protects"]), "keyed": keyed})


def _attack(name: str, told: dict[str, Any]) -> type[Any]:
    says = told["says"]
    if says["plants"]:
        raise InputError(f"attack {name!r} plants a network, which does not cross: {HINT}")
    bases = (attacks.Renderer, attacks.Apart) if says["renders"] else (attacks.Apart,)
    return _class(told, bases, {each: says[each] for each in SAID} | {"quick": says["quick"]})


def _class(told: dict[str, Any], bases: tuple[type, ...], says: dict[str, Any]) -> type[Any]:
    """A frozen dataclass with the plug-in's fields."""
    fields: list[Any] = [
        (name, Any, dataclasses.field(default=told["defaults"][name], kw_only=True))
        if name in told["defaults"]
        else (name, Any, dataclasses.field(kw_only=True))
        for name in told["params"]
    ]
    return dataclasses.make_dataclass("Standin", fields, bases=bases, namespace=says, frozen=True)
