"""What a plug-in's process does for the testbed: build the plug-in, call it, say what it offers."""

from __future__ import annotations

import dataclasses
import os
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.core import registry
from fowh.core.attack import Attack, Planter, Renderer
from fowh.core.cache import Arrays, digest
from fowh.core.capability import Guessable, Inequalities, Pitfalls, Unprotect
from fowh.core.scheme import OutputScheme, Scheme, TemplateScheme
from fowh.core.sources import sources
from fowh.core.updates import UpdateScheme
from fowh.core.view import Query, Version, View
from fowh.isolation import wire
from fowh.isolation.seal import seal

if TYPE_CHECKING:
    import torch

BASES = (TemplateScheme, OutputScheme, UpdateScheme, Scheme)
OFFERS = (Inequalities, Unprotect, Guessable, Pitfalls)
GRAPHS = 4  # values of a slack whose gradient may still be asked for
FACTS = ("secret_bits", "comparison_cap", "pitfalls", "unprotectable", "keyed")
SAID = ("yields", "candidates", "modality", "blind", "learned", "closed_form", "informed")


class Desk:
    """Answers the testbed's requests, one ``do_`` method for each.

    A plug-in's process holds one plug-in and what the testbed sends of arguments.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._scheme: Any = None
        self._slacks: dict[int, Callable[[torch.Tensor], torch.Tensor]] = {}
        self._graphs: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._count = 0

    def do_place(self, path: list[str], folder: str) -> list[str]:
        """Look for modules and files where the testbed does; which other ways stay open."""
        sys.path[:] = path
        os.chdir(folder)
        return seal()

    def do_describe(self, kind: registry.Kind, text: str) -> dict[str, Any]:
        """What a plug-in is, without an instance of it."""
        plugin = registry.load(kind, text)
        found = type(plugin)
        return {
            **registry.describe(plugin, kind),
            "class": found.__name__,
            "defaults": {
                field.name: field.default
                for field in dataclasses.fields(found)
                if field.name != "public" and field.default is not dataclasses.MISSING
            },
            "files": sorted(map(str, sources(plugin))),
            "says": _of_scheme(plugin) if isinstance(plugin, Scheme) else _of_attack(plugin),
        }

    def do_scheme(self, made: dict[str, Any]) -> None:
        """Build a fitted scheme of its name, its parameters and its public arrays."""
        self._scheme = scheme_of(made)

    def do_facts(self) -> dict[str, Any]:
        """What a scheme says of the parameters that it has."""
        return facts(self._scheme)

    def do_fit(self, development: NDArray[Any]) -> dict[str, Any]:
        fitted = self._scheme.fit(development)
        return {**registry.describe(fitted, "scheme"), "public": dict(fitted.public)}

    def do_call(self, name: str, *given: Any) -> Any:
        """A method of arrays to arrays."""
        return getattr(self._scheme, name)(*given)

    def do_slack(self, name: str, *given: Any) -> int:
        """Keep the slack that a method returns; its number."""
        self._count += 1
        self._slacks[self._count] = getattr(self._scheme, name)(*given)
        return self._count

    def do_forget(self, number: int) -> None:
        self._slacks.pop(number, None)

    def do_forward(self, slack: int, x: NDArray[Any], followed: bool) -> list[Any]:
        """A slack at x: a number, by which its gradient can be asked for, and its values."""
        import torch

        with torch.set_grad_enabled(followed):
            at = torch.from_numpy(x).requires_grad_(followed)
            values = self._slacks[slack](at)
        self._count += 1
        if followed:
            self._graphs[self._count] = at, values
            while len(self._graphs) > GRAPHS:
                self._graphs.pop(next(iter(self._graphs)))
        return [self._count, values.detach().numpy()]

    def do_backward(self, number: int, weights: NDArray[Any]) -> NDArray[Any]:
        """The gradient at x of a weighted sum of a slack's values."""
        import torch

        at, values = self._graphs[number]
        if not values.requires_grad:
            return np.zeros_like(at.detach().numpy())
        (found,) = torch.autograd.grad(
            values, at, torch.from_numpy(weights), retain_graph=True, allow_unused=True
        )
        gradient: NDArray[Any] = (torch.zeros_like(at) if found is None else found).numpy()
        return gradient

    def do_unsupported(self, attack: dict[str, Any], view: dict[str, Any]) -> str | None:
        made: Attack = attack_of(attack)
        reason = made.unsupported(self._view(view))
        return None if reason is None else str(reason)

    def do_attack(
        self, attack: dict[str, Any], view: dict[str, Any], name: str, *given: Any
    ) -> list[Any]:
        """Run an attack, or render embeddings with it; what it made, and what it remarked."""
        seen = self._view(view)
        made = getattr(attack_of(attack), name)(seen, *given)
        return [made, [str(remark) for remark in seen.remarks]]

    def _view(self, sent: dict[str, Any]) -> View:
        """A view of what was sent; its handles ask the testbed."""
        query = None if sent["query"] is None else _Asking(self._ask, *sent["query"])
        versions = tuple(
            Version(name, scheme_of(scheme), embeddings, release)
            for name, scheme, embeddings, release in sent["versions"]
        )
        learner = sent["learner"]
        view = _Seen(
            **sent["plain"],
            scheme=scheme_of(sent["scheme"]),
            query=query,
            versions=versions,
            learner=learner and _built("target", learner),
            progress=lambda text, done: self._ask("progress", str(text), float(done)),
        )
        object.__setattr__(view, "_ask", self._ask)
        return view

    def _ask(self, name: str, *given: Any) -> Any:
        """Ask the testbed for something while it waits for an answer.

        Raises:
            RuntimeError: it refuses.
        """
        wire.send(self._line, ["asks", name, list(given)])
        granted, answer = wire.receive(self._line)
        if not granted:
            raise RuntimeError(answer)
        return answer


def scheme_of(made: dict[str, Any]) -> Scheme:
    """A scheme as ``registry.describe`` and its public arrays say."""
    built: Scheme = _built("scheme", made, public=made["public"])
    return built


def attack_of(made: dict[str, Any]) -> Attack:
    """An attack as ``registry.describe`` says."""
    built: Attack = _built("attack", made)
    return built


def _built(kind: registry.Kind, made: dict[str, Any], **more: Any) -> Any:
    return registry.plugin_class(kind, made["name"])(**made["params"], **more)


def facts(scheme: Any) -> dict[str, Any]:
    """What a scheme says of itself, of what it says at all."""
    found = {name: getattr(scheme, name) for name in FACTS if hasattr(scheme, name)}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}


def _of_scheme(scheme: Scheme) -> dict[str, Any]:
    return {
        "protects": scheme.protects,
        "base": next(base.__name__ for base in BASES if isinstance(scheme, base)),
        "offers": [each.__name__ for each in OFFERS if isinstance(scheme, each)],
        "parts": len(scheme.parts),
        "facts": facts(scheme),
    }


def _of_attack(attack: Attack) -> dict[str, Any]:
    said = {name: getattr(attack, name) for name in SAID}
    renders, plants = isinstance(attack, Renderer), isinstance(attack, Planter)
    return {**said, "renders": renders, "plants": plants, "quick": dict(attack.quick)}


class _Asking(Query):
    """The query handle of an attack's process: the testbed counts, and pays out."""

    def __init__(self, ask: Callable[..., Any], budget: int, used: int) -> None:
        super().__init__(lambda samples: ask("query", samples), budget)
        self._host, self._used = ask, used

    def charge(self, count: int) -> None:
        super().charge(count)
        self._host("charge", int(count))


class _Seen(View):
    """A view whose memory the testbed keeps, for this view's content only."""

    _ask: Callable[..., Any]

    def remember(self, parts: tuple[Any, ...], build: Callable[[str], Arrays]) -> Arrays:
        known = digest(self.source, *parts)
        if known in self._remembered:
            return self._remembered[known]
        query = self.query
        used, left = (query.used, query.left) if query else (0, 0)
        key = digest(known, left)
        arrays: Arrays | None = self._ask("recall", key)
        if arrays is None:
            arrays = build(key)
            asked = query.used - used if query else 0
            self._ask("keep", key, {**arrays, "_queries": np.array(asked)})
        else:
            asked = int(arrays.pop("_queries"))
            if query:
                query.charge(used + asked - query.used)
        self._remembered[known] = arrays
        return arrays
