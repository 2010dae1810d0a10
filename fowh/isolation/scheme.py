"""A scheme whose methods run in processes of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from fowh.core import registry
from fowh.core.errors import InputError
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import COMPARISONS, OutputScheme, Scheme, TemplateScheme
from fowh.isolation.host import Worker
from fowh.kit.again import PAIRS

if TYPE_CHECKING:
    from fowh.core.capability import Ids, Slack


# Who is ended before whom is asked: what the former know must reach the latter in no way. Of two
# that are there at once one could tell the other, by a lock on a file or by its own name.
ENDS: dict[str, tuple[str, ...]] = {
    "enrol": ("verify 1", "verify 2", "again", "judge"),
    "verify 1": ("enrol", "again", "judge"),
    "verify 2": ("enrol", "again", "judge"),
    "again": ("enrol", "verify 1", "verify 2", "judge"),
    "judge": ("enrol", "verify 1", "verify 2", "again"),
}


class Places:
    """Processes of one fitted scheme, by what they are for; each begins when it is first needed."""

    def __init__(self, workers: dict[str, Worker] | None = None) -> None:
        self._workers = workers or {}

    def at(self, name: str, scheme: Apart) -> Worker:
        """The process of that name, with the scheme in it."""
        for other in ENDS.get(name, ()):
            if other in self._workers:
                self._workers.pop(other).finish()
        known = self._workers.get(name)
        if known is None or not known.alive:
            known = self._workers[name] = Worker(scheme.who, scheme.heavy)
            known.ask("scheme", sent(scheme))
        return known


@dataclass(frozen=True)
class Apart(Scheme):
    """A third party's scheme.

    It draws from children of the generators that it is given: whoever draws from those after it,
    one of our attacks, draws what he would have, whatever a scheme does there.

    One process fits and enrols. Verification has others, which saw no enrolment: what enrolment
    kept in memory helps it nothing. Every fitted scheme begins with new ones. A deep copy, which is
    what attacks are given, asks one more, which sees what attacks see and no more.
    """

    apart: ClassVar[bool] = True
    files: ClassVar[tuple[str, ...]] = ()
    heavy: ClassVar[bool] = False

    def fit(self, development: Floats) -> Self:
        worker = Worker(self.who, self.heavy)
        worker.ask("scheme", sent(self))
        fitted = worker.ask("fit", development)
        public = fitted["public"]
        if not all(isinstance(value, np.ndarray) for value in public.values()):
            raise InputError(f"{self.who}: public holds what is no array")
        made = replace(self, **fitted["params"], public=public)
        worker.ask("scheme", sent(made))  # what is not in there is not public
        return made._placed(Places({"enrol": worker}), "")

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return self._drawn("release", values, keys, rng)

    def features(self, release: Release) -> Floats:
        return self._floats("features", (len(release), -1), release)

    @property
    def secret_bits(self) -> float | None:
        bits = self._facts.get("secret_bits")
        return None if bits is None else float(bits)

    @property
    def pitfalls(self) -> tuple[str, ...]:
        return tuple(map(str, self._facts.get("pitfalls", ())))

    def __deepcopy__(self, memo: Any) -> Self:
        public = {name: value.copy() for name, value in self.public.items()}
        return replace(self, public=public)._placed(self._places, "attack")

    @property
    def who(self) -> str:
        """What messages call it."""
        return f"scheme {registry.describe(self, 'scheme')['name']!r}"

    @cached_property
    def _facts(self) -> dict[str, Any]:
        """What it says of the parameters that it has."""
        found: dict[str, Any] = self.worker().ask("facts")
        return found

    @cached_property
    def _places(self) -> Places:
        return Places()

    def _placed(self, places: Places, place: str) -> Self:
        """Itself, asking a process of those; of that name if one is given."""
        vars(self).update(_places=places, _place=place)
        return self

    def worker(self, usual: str = "judge") -> Worker:
        """The process to ask."""
        return self._places.at(vars(self).get("_place") or usual, self)

    def _drawn(self, name: str, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        """Rows that left, as many as went in."""
        made = self.worker("enrol").ask("call", name, values, keys, *rng.spawn(1))
        if not isinstance(made, Release) or len(made) != len(values):
            raise InputError(f"{self.who}: {name} did not return a release of {len(values)} rows")
        return made

    def _floats(self, name: str, shape: tuple[int, ...], *given: Any) -> Floats:
        """Numbers of a shape (-1: any) that a method returns."""
        made = self.worker().ask("call", name, *given)
        fits = isinstance(made, np.ndarray) and made.ndim == len(shape)
        if not fits or any(n not in (-1, m) for n, m in zip(shape, made.shape, strict=True)):
            what = getattr(made, "shape", type(made).__name__)
            raise InputError(f"{self.who}: {name} returned {what}, expected {shape}")
        if made.dtype.kind not in "biuf" or np.isnan(made).any():
            raise InputError(f"{self.who}: {name} returned {made.dtype}, expected numbers, no NaN")
        numbers: Floats = made.astype(np.float32, copy=False)
        return numbers


@dataclass(frozen=True)
class TemplatesApart(Apart, TemplateScheme):
    """A third party's template scheme."""

    @property
    def verifiers(self) -> tuple[Self, ...]:
        places = ("verify 1", "verify 2", "again")
        return tuple(replace(self)._placed(self._places, place) for place in places)

    @property
    def comparison_cap(self) -> int:
        # No lower than what it is asked again: of few comparisons anything could be said.
        return max(PAIRS, int(self._facts.get("comparison_cap", COMPARISONS)))

    def enroll(self, embeddings: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        # The token is the user's, and not where a scheme may put what it likes.
        return replace(self._drawn("enroll", embeddings, keys, rng), token=keys, each=1)

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return self.enroll(values, keys, rng)

    def score(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        return self._floats("score", (len(templates),), templates, probes, keys)

    def scores(self, templates: Release, probes: Floats, keys: Keys | None = None) -> Floats:
        shape = (len(templates), len(probes))
        return self._floats("scores", shape, templates, probes, keys)


@dataclass(frozen=True)
class OutputsApart(Apart, OutputScheme):
    """A third party's limit on answers."""

    def limit(self, answers: Floats, rng: np.random.Generator) -> Floats:
        made = self.worker("enrol").ask("call", "limit", answers, *rng.spawn(1))
        if not isinstance(made, np.ndarray) or made.shape != answers.shape:
            raise InputError(f"{self.who}: limit did not return {answers.shape} answers")
        return made.astype(np.float32, copy=False)

    def release(self, values: Floats, keys: Keys, rng: np.random.Generator) -> Release:
        return self._drawn("release", values, keys, rng)


def sent(scheme: Scheme) -> dict[str, Any]:
    """A scheme as ``served.scheme_of`` builds it again: its name, parameters, public arrays."""
    return {**registry.describe(scheme, "scheme"), "public": dict(scheme.public)}


class Inequalities:
    """Of a scheme apart: the slack's values and gradients cross as arrays."""

    def slack(self: Any, templates: Release) -> Slack:
        return _slack(self, "slack", templates)


class Unprotect:
    """Of a scheme apart."""

    @property
    def unprotectable(self: Any) -> bool:
        return bool(self._facts.get("unprotectable", True))

    def unprotect(self: Any, templates: Release) -> Floats:
        made: Floats = self._floats("unprotect", (len(templates), -1), templates)
        return made


class Guessable:
    """Of a scheme apart."""

    def guess(self: Any, templates: Release, first: int, count: int) -> Ids:
        made = self.worker().ask("call", "guess", templates, first, count)
        if not isinstance(made, np.ndarray) or made.shape != (len(templates),):
            raise InputError(f"{self.who}: guess did not return a number for each template")
        numbers: Ids = made.astype(np.int64)
        return numbers

    def opened(self: Any, templates: Release, numbers: Ids) -> Slack:
        return _slack(self, "opened", templates, numbers)


def _slack(scheme: Apart, name: str, *given: Any) -> Slack:
    """A function of tensors whose values and gradients another process computes."""
    from fowh.isolation.crossing import Far

    worker = scheme.worker()
    return Far(worker, worker.ask("slack", name, *given))


OFFERS: dict[str, type] = {each.__name__: each for each in (Inequalities, Unprotect, Guessable)}
BASES: dict[str, type[Apart]] = {
    "TemplateScheme": TemplatesApart,
    "OutputScheme": OutputsApart,
    "Scheme": Apart,
}
