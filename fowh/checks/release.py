"""The contract of every scheme, whatever it protects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import contract
from fowh.checks.contract import Claims, ensure
from fowh.core.registry import describe
from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import Scheme

DIMENSION = 128
COUNT = 8  # rows; slow hashes take a tenth of a second each
claims = Claims()


@dataclass(frozen=True)
class Case:
    """A scheme with values to let out, drawn anew from fixed seeds."""

    scheme: Scheme

    def values(self, seed: int, count: int) -> Floats:
        """(count, d) embeddings of different people, off centre as those of real models are."""
        rng = np.random.default_rng(seed)
        people = 2 + rng.standard_normal((count, DIMENSION), dtype=np.float32)
        return people / np.float32(DIMENSION**0.5)

    def keys(self, seed: int, count: int = COUNT) -> Keys:
        """Random keys."""
        return np.random.default_rng(seed).integers(2**64, size=count, dtype=np.uint64)

    @cached_property
    def fitted(self) -> Scheme:
        """The scheme, fitted to people who are not those that are let out."""
        return self.scheme.fit(self.values(1, 200))

    @property  # not cached: a scheme that changes what it is given must not hide it
    def given(self) -> Floats:
        """What is let out."""
        return self.values(2, COUNT)

    def let_out(self, seed: int = 3, keys: Keys | None = None) -> Release:
        """What leaves, by default under the same keys and from the same generator."""
        used = self.keys(4) if keys is None else keys
        return self.fitted.release(self.given, used, np.random.default_rng(seed))

    def use(self, scheme: Scheme) -> object:
        """Put a scheme of other parameters to use."""
        values = self.values(1, 3)
        fitted = scheme.fit(values)
        return fitted.features(
            fitted.release(values, self.keys(4, 3), np.random.default_rng(0)).without_token()
        )


def columns(release: Release) -> dict[str, NDArray[Any]]:
    """What a thief holds, by name."""
    return {"code": release.code, **release.aux}


@claims
def _fit(case: Case) -> str:
    """Fitting returns a copy and changes nothing."""
    development = case.values(1, 200)
    kept, before = development.copy(), dict(case.scheme.public)
    fitted = case.scheme.fit(development)
    ensure(np.array_equal(development, kept), "it changes the values it is given")
    ensure(dict(case.scheme.public) == before, "it changes the scheme itself")
    ensure(describe(fitted, "scheme") == describe(case.scheme, "scheme"), "parameters change")
    return f"learnt: {', '.join(fitted.public) or 'nothing'}"


@claims
def _repeatable(case: Case) -> str:
    """Equal keys and an equal generator give equal rows."""
    one, two = columns(case.let_out()), columns(case.let_out())
    for name, column in one.items():
        ensure(np.array_equal(column, two[name]), f"{name} differs with equal keys and generator")
    return "the same from the same keys and generator"


@claims
def _rows(case: Case) -> str:
    """One row leaves for each value."""
    release = case.let_out()
    ensure(len(release) == COUNT, f"{len(release)} rows of {COUNT} values")
    for name, column in columns(release).items():
        ensure(len(column) == COUNT, f"{name} has {len(column)} rows, not {COUNT}")
        ensure(column.dtype != object, f"{name} holds Python objects")
    held = release.token is None or np.array_equal(release.token, case.keys(4))
    ensure(held, "token is not the keys")
    return f"{release.bytes_each:.0f} bytes each"


@claims
def _untouched(case: Case) -> str:
    """Arguments are left as they were."""
    values, keys, release = case.given.copy(), case.keys(4), case.let_out()
    stored = {name: column.copy() for name, column in columns(release).items()}
    for used in (keys, np.full_like(keys, 7)):  # a shared key may save the copy
        case.fitted.release(values, used, np.random.default_rng(0))
    case.fitted.features(release)
    stored |= {"values": case.given, "keys": case.keys(4)}
    for name, column in {**columns(release), "values": values, "keys": keys}.items():
        ensure(np.array_equal(column, stored[name]), f"{name} changes")
    return ", ".join(stored)


@claims
def _features(case: Case) -> str:
    """A thief without keys can read features."""
    features = case.fitted.features(case.let_out().without_token())
    ensure(features.ndim == 2 and len(features) == COUNT, f"shape {features.shape}")
    ensure(features.dtype == np.float32, f"dtype {features.dtype}")
    ensure(np.isfinite(features).all(), "a feature is not finite")
    return f"{features.shape[1]} features"


@claims
def _few(case: Case) -> str:
    """No rows and one row are no special cases."""
    for count in (0, 1):
        values, keys = case.given[:count], case.keys(4)[:count]
        release = case.fitted.release(values, keys, np.random.default_rng(3))
        ensure(len(release) == count, f"{len(release)} rows of {count}")
    return "let out"


@claims
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.scheme, "scheme")


@claims
def _nonsense(case: Case) -> str | None:
    """Absurd parameters work or are refused in one line."""
    return contract.nonsense_is_refused_in_one_line(case.scheme, "scheme", case.use)
