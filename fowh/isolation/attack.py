"""An attack that runs in a process of its own, on a view that crosses as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core import cache, registry
from fowh.core.attack import Attack
from fowh.core.cache import Arrays, digest
from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.isolation.host import HINT, Worker, heavy
from fowh.isolation.scheme import sent

PLAIN = (
    *("release", "embeddings", "subjects", "samples", "malicious", "candidates", "closed_set"),
    *("modality", "as_released", "device", "source"),
)
REMARKS, LONGEST = 100, 1000  # of an attack, and characters of one


@dataclass(frozen=True)
class Apart(Attack):
    """A third party's attack. Every call runs in a process that ends with it.

    What the view's handles answer, the testbed says and counts; the process holds copies of arrays.
    """

    apart: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ()

    def unsupported(self, view: View) -> str | None:
        if view.module is not None or isinstance(view.scheme, UpdateScheme):
            return f"it runs in a process of its own, which a network does not reach: {HINT}"
        if type(view.scheme).__module__ == "__main__":
            return f"its own process cannot load a scheme typed into a session: {HINT}"
        with Worker(self._who, heavy((self, view.scheme))) as worker:
            answers = partial(_answer, view, None)
            reason = worker.ask("unsupported", *self._sent(view), answers=answers)
            return None if reason is None else str(reason)[:LONGEST]

    def run(self, view: View, rng: np.random.Generator) -> NDArray[Any]:
        # What it remembers serves this view alone: it must not carry over to another cell.
        columns = [view.release.aux[name] for name in sorted(view.release.aux)]
        salt = digest(self._who, view.source, view.embeddings, view.release.code, *columns)
        return self._made(view, salt, "run", rng)

    @property
    def _who(self) -> str:
        return f"attack {registry.describe(self, 'attack')['name']!r}"

    def _sent(self, view: View) -> list[Any]:
        query, learner = view.query, view.learner
        versions = [[v.name, sent(v.scheme), v.embeddings, v.release] for v in view.versions]
        return [
            registry.describe(self, "attack"),
            {
                "plain": {name: getattr(view, name) for name in PLAIN},
                "scheme": sent(view.scheme),
                "query": None if query is None else [query.budget, query.used],
                "versions": versions,
                "learner": learner and registry.describe(learner, "target"),
            },
        ]

    def _made(self, view: View, salt: str | None, name: str, *given: Any) -> NDArray[Any]:
        """What a method of the attack makes in a new process."""
        with Worker(self._who, heavy((self, view.scheme))) as worker:
            answers = partial(_answer, view, salt)
            made, remarks = worker.ask("attack", *self._sent(view), name, *given, answers=answers)
        if not isinstance(made, np.ndarray):
            raise TypeError(f"{name} returned {type(made).__name__}, expected an array")
        view.remarks[:] = [str(remark)[:LONGEST] for remark in remarks[:REMARKS]]
        return made


class Renderer:
    """Of an attack apart: it is given true embeddings too, so that it stores nothing on disk."""

    def render(self: Any, view: View, embeddings: Floats, rng: np.random.Generator) -> NDArray[Any]:
        made: NDArray[Any] = self._made(view, None, "render", embeddings, rng)
        return made


def _answer(view: View, salt: str | None, name: str, given: list[Any]) -> Any:
    """What the testbed says when an attack's process asks.

    Raises:
        ValueError: there is no such thing to ask for.
    """
    if name == "progress":
        view.progress(str(given[0])[:LONGEST], min(1.0, max(0.0, float(given[1]))))
        return None
    if name in ("query", "charge") and view.query is not None:
        return view.query(given[0]) if name == "query" else view.query.charge(int(given[0]))
    if name in ("recall", "keep"):
        return _recall(view, salt, *given) if name == "recall" else _keep(view, salt, *given)
    raise ValueError(f"the view has no {name}")


def _recall(view: View, salt: str | None, key: str) -> Arrays | None:
    """What the attack trained, if it did on this view."""
    known = view._remembered.get(f"apart {key}")
    if known is not None or salt is None:
        return known
    return cache.recall("trained", digest(salt, key))


def _keep(view: View, salt: str | None, key: str, arrays: Arrays) -> None:
    if not all(isinstance(value, np.ndarray) for value in arrays.values()):
        raise ValueError("only arrays are remembered")
    view._remembered[f"apart {key}"] = arrays
    if salt is not None:
        cache.keep("trained", digest(salt, key), arrays)
