"""The contract of an attack, on a small world of random images under a linear target."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import suite as contract
from fowh.checks.suite import Finding, Suite, ensure
from fowh.core.attack import Attack
from fowh.core.registry import load
from fowh.core.release import Floats, Release
from fowh.core.view import Query, View
from fowh.kit.images import resize

SCHEMES = ("raw", "lsh:bits=64", "iom:hashes=32,group=4")
DIMENSION, SIDE, PEOPLE, READINGS, STOLEN = 32, 32, 10, 4, 6
BUDGET = 5000
CHEAP = {"steps": 2, "synthetic": 64, "queries": 100, "channels": 4}  # where it has such a field
suite = Suite()


def check_attack(attack: Attack) -> Iterator[Finding]:
    """Run every check that applies, with the attack's effort turned down where it has a knob."""
    return suite.run(Case(attack))


@dataclass(frozen=True)
class Case:
    """An attack and views for it; each view is drawn anew from fixed seeds."""

    given: Attack

    @cached_property
    def attack(self) -> Attack:
        effort: dict[str, Any] = {
            field.name: CHEAP[field.name]
            for field in dataclasses.fields(self.given)  # type: ignore[arg-type]
            if field.name in CHEAP
        }
        return replace(self.given, **effort)  # type: ignore[type-var]

    def view(self, scheme: str, budget: int = BUDGET, steal: int = STOLEN) -> View:
        """A black-box view with leaked keys; three templates share each key."""
        rng = np.random.default_rng(1)
        projection = rng.standard_normal((SIDE * SIDE, DIMENSION), dtype=np.float32)
        projection /= SIDE * 255

        def embed(asked: NDArray[np.uint8]) -> Floats:
            grey = asked if asked.ndim == 3 else asked.mean(axis=3).astype(np.uint8)
            pixels = resize(grey, SIDE).reshape(-1, SIDE * SIDE).astype(np.float32)
            return ((pixels - 100) @ projection).astype(np.float32)

        people = rng.integers(60, 190, (PEOPLE + steal, 1, 4, 4))
        patterns = np.repeat(np.repeat(people, SIDE // 4, axis=2), SIDE // 4, axis=3)
        noise = rng.integers(-20, 20, (PEOPLE + steal, READINGS, SIDE, SIDE))
        images = (patterns + noise).astype(np.uint8)
        own = images[:PEOPLE].reshape(-1, SIDE, SIDE)
        fitted = load("scheme", scheme).fit(embed(own))
        keys = np.arange(steal, dtype=np.uint64) // 3
        return View(
            scheme=fitted,
            templates=fitted.enroll(embed(images[PEOPLE:, 0]), keys, rng),
            embeddings=embed(own),
            subjects=np.repeat(np.arange(PEOPLE, dtype=np.int64), READINGS),
            images=own,
            query=Query(embed, budget),
        )

    def run(self, view: View) -> NDArray[Any]:
        return self.attack.run(view, np.random.default_rng(5))

    @cached_property
    def supported(self) -> list[str]:
        """The schemes, of three, that the attack runs on."""
        return [name for name in SCHEMES if self.attack.unsupported(self.view(name)) is None]


@suite
def _reasons(case: Case) -> str:
    """What it cannot run on it says in words."""
    reasons = {name: case.attack.unsupported(case.view(name)) for name in SCHEMES}
    for name, reason in reasons.items():
        ensure(reason is None or (isinstance(reason, str) and reason), f"{name}: {reason!r}")
    ensure(case.supported, f"it runs on none of {', '.join(SCHEMES)}")
    return "; ".join(f"{name}: {reason or 'runs'}" for name, reason in reasons.items())


@suite
def _shape(case: Case) -> str:
    """It returns one reconstruction for each template."""
    for name in case.supported:
        _ensure_reconstructions(case.attack.yields, case.run(case.view(name)))
    return f"{STOLEN} {case.attack.yields} on {', '.join(case.supported)}"


@suite
def _one(case: Case) -> str:
    """A single template is no special case."""
    for name in case.supported:
        _ensure_reconstructions(case.attack.yields, case.run(case.view(name, steal=1)), 1)
    return f"on {', '.join(case.supported)}"


@suite
def _repeatable(case: Case) -> str:
    """Equal generators give equal reconstructions."""
    for name in case.supported:
        same = np.array_equal(case.run(case.view(name)), case.run(case.view(name)))
        ensure(same, f"{name}: two runs differ")
    return f"on {', '.join(case.supported)}"


@suite
def _untouched(case: Case) -> str:
    """The view is left as it was."""
    for name in case.supported:
        view, kept = case.view(name), case.view(name)
        case.run(view)
        for column in ("embeddings", "subjects", "images"):
            same = np.array_equal(getattr(view, column), getattr(kept, column))
            ensure(same, f"{name}: {column} change")
        ensure(_equal(view.release, kept.templates), f"{name}: the templates change")
    return "samples and templates"


@suite
def _reads(case: Case) -> str:
    """It reads the templates, or declares that it is blind."""
    name = case.supported[0]
    view = case.view(name)
    other = replace(view, templates=view.release[np.arange(STOLEN)[::-1]])
    same = np.array_equal(case.run(view), case.run(other))
    ensure(same == case.attack.blind, "blind attacks read templates" if not same else "it is blind")
    return "blind, as declared" if case.attack.blind else "other templates, other reconstructions"


@suite
def _keyless(case: Case) -> str:
    """Without the keys it runs or says why not."""
    seen = []
    for name in SCHEMES:
        view = case.view(name)
        view = replace(view, templates=view.release.without_token())
        reason = case.attack.unsupported(view)
        if reason is None:
            _ensure_reconstructions(case.attack.yields, case.run(view))
        seen.append(f"{name}: {reason or 'runs'}")
    return "; ".join(seen)


@suite
def _budget(case: Case) -> str:
    """An exhausted query budget and missing images do not stop it without a word."""
    seen = []
    for text, view in (
        ("no queries", case.view(case.supported[0], budget=0)),
        ("no images", replace(case.view(case.supported[0]), images=None, query=None)),
    ):
        reason = case.attack.unsupported(view)
        if reason is None:
            _ensure_reconstructions(case.attack.yields, case.run(view))
        seen.append(f"{text}: {reason or 'runs'}")
    return "; ".join(seen)


@suite
def _inverter(case: Case) -> str | None:
    """An image inverter turns embeddings into images."""
    if not isinstance(case.attack, Renderer):
        return None
    view = case.view("raw")
    made = case.attack.invert(view, view.embeddings[:3], np.random.default_rng(6))
    _ensure_reconstructions("images", made, 3)
    return f"{made.shape[1]} pixels square"


@suite
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.given, "attack")


@suite
def _nonsense(case: Case) -> str | None:
    """Absurd parameters work or are refused in one line."""
    return contract.nonsense_is_refused_in_one_line(
        case.attack, "attack", lambda attack: attack.run(case.view("raw"), np.random.default_rng(5))
    )


def _ensure_reconstructions(yields: str, made: NDArray[Any], count: int = STOLEN) -> None:
    ensure(len(made) == count, f"{len(made)} reconstructions of {count} templates")
    if yields == "embeddings":
        ensure(made.ndim == 2 and made.shape[1] == DIMENSION, f"shape {made.shape}")
        ensure(made.dtype == np.float32, f"dtype {made.dtype}, not float32")
        ensure(np.isfinite(made).all(), "a reconstruction is not finite")
    else:
        ensure(made.ndim in (3, 4) and made.shape[1] == made.shape[2], f"shape {made.shape}")
        ensure(made.dtype == np.uint8, f"dtype {made.dtype}, not uint8")


def _equal(left: Release, right: Release) -> bool:
    columns = zip(left.aux.values(), right.aux.values(), strict=True)
    return np.array_equal(left.code, right.code) and all(np.array_equal(a, b) for a, b in columns)
