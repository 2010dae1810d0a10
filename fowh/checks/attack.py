"""The contract of an attack, on a small world of samples under a linear recogniser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import contract, updates, world
from fowh.checks.contract import Claims, Finding, ensure
from fowh.core.attack import Attack, Renderer, unfit
from fowh.core.registry import load
from fowh.core.release import Floats, Release
from fowh.core.updates import UpdateScheme
from fowh.core.view import Query, View
from fowh.engine.cell import source_of

SCHEMES = ("raw", "lsh:bits=64", "iom:hashes=32,group=4")
OF_ANSWERS = "full_scores"
WHITE = "full_scores, white box"  # answers to labelled samples, with the network that gave them
OF_UPDATES = "plain"  # these two for attacks that run on none of the others
COMMITMENT = "fuzzy_commitment:length=31,message=6"
STOLEN, BUDGET = 6, 5000
claims = Claims()


def check(attack: Attack) -> Iterator[Finding]:
    """Run every check that applies, with the cheap parameters that the attack declares."""
    return claims.run(Case(attack))


@dataclass(frozen=True)
class Case:
    """An attack and views for it; each view is drawn anew from fixed seeds."""

    given: Attack
    _first: dict[str, tuple[View, NDArray[Any]]] = field(default_factory=dict, compare=False)

    @cached_property
    def attack(self) -> Attack:
        """The attack that is run."""
        made: Attack = contract.quick(self.given)
        return made

    @property
    def modality(self) -> str:
        """What kind of samples there are: pictures, unless it is for others."""
        return self.given.modality or "image"

    @cached_property
    def source(self) -> str:
        """Digest of its code: what another version of it trained answers for nothing here."""
        return source_of(self.given)

    def view(self, name: str, budget: int = BUDGET, steal: int = STOLEN, fresh: str = "") -> View:
        """A black-box view with leaked keys; three rows share each key.

        Args:
            name: of the scheme.
            budget: of queries.
            steal: rows.
            fresh: anything: what was trained for another word is not remembered.
        """
        if name == WHITE:
            return updates.answered(steal, self.source + fresh)
        rng = np.random.default_rng(1)
        scheme = load("scheme", name)
        if isinstance(scheme, UpdateScheme):
            return updates.view(self.attack, scheme, steal, self.source + fresh, self.modality)
        closed = scheme.protects == "outputs"
        own, others, asked = self._world(closed, max(STOLEN, steal))
        known = asked(own)
        fitted = scheme.fit(known)
        keys = np.arange(steal, dtype=np.uint64) // 3
        return View(
            scheme=fitted,
            release=fitted.release(asked(others[:: world.READINGS][:steal]), keys, rng),
            embeddings=known,
            subjects=world.subjects(),
            samples=own,
            modality=self.modality,
            as_released=closed,
            query=Query(asked, budget),
            closed_set=closed,
            source=self.source + fresh,
        )

    def _world(
        self, closed: bool, people: int
    ) -> tuple[NDArray[Any], NDArray[Any], Callable[[NDArray[Any]], Floats]]:
        """The attacker's samples, those of others, and what the system says of samples."""
        if self.modality == "image":
            asked = world.answer if closed else world.embed
            return world.pictures(), world.pictures(people, seed=8), asked
        found = world.of_modality(load("modality", self.modality))
        ensure(found, f"no stand-ins for samples of kind {self.modality!r}")
        return found[0], found[0][::-1].copy(), world.embed_any

    def run(self, view: View) -> NDArray[Any]:
        """What the attack makes of a view, always with the same randomness."""
        return self.attack.run(view, np.random.default_rng(5))

    def first(self, name: str) -> tuple[View, NDArray[Any]]:
        """A view as the attack left it, and what it made; run once for all checks."""
        if name not in self._first:
            view = self.view(name)
            self._first[name] = view, self.run(view)
        return self._first[name]

    @cached_property
    def schemes(self) -> tuple[str, ...]:
        """What it is tried on; the stand-in of a classifier knows pictures only."""
        usual = (*SCHEMES, OF_ANSWERS) if self.modality == "image" else SCHEMES
        runs = any(unfit(self.attack, self.view(name)) is None for name in usual)
        more = (OF_UPDATES, WHITE, COMMITMENT) if self.modality == "image" else (COMMITMENT,)
        return usual if runs else (*usual, *more)

    @cached_property
    def supported(self) -> list[str]:
        """The schemes, of these, that the attack runs on."""
        return [name for name in self.schemes if unfit(self.attack, self.view(name)) is None]

    def use(self, attack: Attack) -> object:
        """Put an attack of other parameters to use."""
        view = self.view(self.supported[0])
        return unfit(attack, view) or attack.run(view, np.random.default_rng(5))

    def ensure_usable(self, made: NDArray[Any], view: View) -> None:
        """Break unless there is one usable reconstruction of each stolen row."""
        count, width = len(view.release), view.embeddings.shape[1]
        ensure(len(made) == count, f"{len(made)} reconstructions of {count} rows")
        if self.attack.yields == "claims":
            ensure(made.shape == (view.release.samples,), f"shape {made.shape}, not ({count},)")
            ensure(np.isfinite(made).all(), "a claim is not finite")
            return
        if self.attack.yields == "samples":
            ensure(view.samples is not None, "it made samples although it has seen none")
            try:
                load("modality", view.modality).check(made, count, view.samples)
            except ValueError as error:
                raise contract.Broken(str(error)) from error
            return
        most = self.attack.candidates
        if made.ndim == 3:
            few = made.shape[0] == count and 1 <= made.shape[1] <= most and made.shape[2] == width
            ensure(few, f"shape {made.shape}, not ({count}, at most {most} candidates, {width})")
        else:
            ensure(made.shape == (count, width), f"shape {made.shape}, not {(count, width)}")
        ensure(made.dtype == np.float32, f"dtype {made.dtype}, not float32")
        ensure(np.isfinite(made).all(), "a reconstruction is not finite")


@claims
def _declared(case: Case) -> str:
    """It says what it is."""
    attack, words = case.attack, []
    ensure(attack.yields in ("embeddings", "samples", "claims"), f"it yields {attack.yields!r}")
    ensure(attack.candidates >= 1, f"it has {attack.candidates} candidates for a row")
    for name in ("blind", "learned", "closed_form", "informed"):
        ensure(isinstance(getattr(attack, name), bool), f"{name} is {getattr(attack, name)!r}")
        words += [name.replace("_", " ")] * getattr(attack, name)
    ensure(not (attack.blind and attack.closed_form), "a blind attack solves nothing")
    return ", ".join([f"yields {attack.yields}", *words])


@claims
def _reasons(case: Case) -> str:
    """What it cannot run on it says in words."""
    reasons = {name: unfit(case.attack, case.view(name)) for name in case.schemes}
    for name, reason in reasons.items():
        ensure(reason is None or (isinstance(reason, str) and reason), f"{name}: {reason!r}")
    ensure(case.supported, f"it runs on none of {', '.join(case.schemes)}")
    return "; ".join(f"{name}: {reason or 'runs'}" for name, reason in reasons.items())


@claims
def _shape(case: Case) -> str:
    """It returns one reconstruction for each stolen row."""
    for name in case.supported:
        view, made = case.first(name)
        case.ensure_usable(made, view)
    return f"{STOLEN} {case.attack.yields} on {', '.join(case.supported)}"


@claims
def _one(case: Case) -> str:
    """A single row is no special case."""
    for name in case.supported:
        view = case.view(name, steal=1)
        case.ensure_usable(case.run(view), view)
    return f"on {', '.join(case.supported)}"


@claims
def _repeatable(case: Case) -> str:
    """Equal generators give equal reconstructions."""
    for name in case.supported:
        one, made = case.first(name)
        two = case.view(name, fresh="again")
        ensure(np.array_equal(made, case.run(two)), f"{name}: two runs differ")
        used = [view.query.used for view in (one, two) if view.query]
        ensure(len(set(used)) < 2, f"{name}: queries {used}")
    return f"on {', '.join(case.supported)}"


@claims
def _untouched(case: Case) -> str:
    """The view is left as it was."""
    for name in case.supported:
        (view, _), kept = case.first(name), case.view(name)
        for column in ("embeddings", "subjects", "samples"):
            same = np.array_equal(getattr(view, column), getattr(kept, column))
            ensure(same, f"{name}: {column} change")
        ensure(_equal(view.release, kept.release), f"{name}: the release changes")
    return "samples and release"


@claims
def _reads(case: Case) -> str:
    """It reads the release, or declares that it is blind."""
    _, made = case.first(case.supported[0])
    view = case.view(case.supported[0])
    other = replace(view, release=view.release[np.arange(STOLEN)[::-1]])
    same = np.array_equal(made, case.run(other))
    ensure(
        same == case.attack.blind, "a blind attack reads the rows" if not same else "it is blind"
    )
    return "blind, as declared" if case.attack.blind else "other rows, other reconstructions"


@claims
def _keyless(case: Case) -> str:
    """Without the keys it runs or says why not."""
    seen = []
    for name in case.schemes:
        view = case.view(name)
        view = replace(view, release=view.release.without_token())
        seen.append(f"{name}: {_runs_or_says_why(case, view)}")
    return "; ".join(seen)


@claims
def _budget(case: Case) -> str:
    """An exhausted query budget and missing samples do not stop it without a word."""
    name, seen = case.supported[0], []
    for text, view in (
        ("no queries", case.view(name, budget=0)),
        ("no samples", replace(case.view(name), samples=None, query=None)),
    ):
        seen.append(f"{text}: {_runs_or_says_why(case, view)}")
    return "; ".join(seen)


@claims
def _renders(case: Case) -> str | None:
    """A renderer turns embeddings into samples."""
    if not isinstance(case.attack, Renderer):
        return None
    view = case.view("raw")
    made = case.attack.render(view, view.embeddings[:3], np.random.default_rng(6))
    ensure(len(made) == 3, f"{len(made)} samples of 3 embeddings")
    load("modality", view.modality).check(made, 3, view.samples)
    return f"{made.dtype} {made.shape[1:]}"


@claims
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.given, "attack")


@claims
def _nonsense(case: Case) -> str | None:
    """Absurd parameters work or are refused in one line."""
    return contract.nonsense_is_refused_in_one_line(case.attack, "attack", case.use)


def _runs_or_says_why(case: Case, view: View) -> str:
    reason = unfit(case.attack, view)
    if reason is None:
        case.ensure_usable(case.run(view), view)
    return reason or "runs"


def _equal(left: Release, right: Release) -> bool:
    columns = zip(left.aux.values(), right.aux.values(), strict=True)
    return np.array_equal(left.code, right.code) and all(np.array_equal(a, b) for a, b in columns)
