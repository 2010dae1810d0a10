"""The contract of a modality, on stand-ins for samples: vectors, pictures, text or sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import contract, world
from fowh.checks.contract import Broken, Claims, Finding, ensure
from fowh.core.modality import Modality
from fowh.core.registry import attribute, describe
from fowh.metrics import BY_NAME, learn

PNG = b"\x89PNG\r\n\x1a\n"
claims = Claims()


def check(modality: Modality, samples: tuple[NDArray[Any], ...] = ()) -> Iterator[Finding]:
    """Run every check that applies.

    Args:
        modality: what is checked.
        samples: arrays (n, ...) of samples, n at least 4; by default the stand-ins that it takes.
    """
    learn(modality.metrics)
    return claims.run(Case(modality, samples))


@dataclass(frozen=True)
class Case:
    """A modality and samples of it."""

    modality: Modality
    own: tuple[NDArray[Any], ...] = ()

    @cached_property
    def _given(self) -> list[NDArray[Any]]:
        found = list(self.own) or world.of_modality(self.modality)
        ensure(found, "it takes neither vectors nor pictures, text or sound: give samples")
        return found

    @property  # not cached: a modality that changes what it is given must not hide it
    def kinds(self) -> list[NDArray[Any]]:
        """Samples of every form that it has (grey, RGB); (n, ...) each."""
        return [values.copy() for values in self._given]


@claims
def _takes(case: Case) -> str:
    """Usable samples are returned as they are."""
    for values in case.kinds:
        made = case.modality.check(values.copy(), len(values), values)
        ensure(np.array_equal(made, values), "usable samples come back changed")
    return "; ".join(f"{values.dtype} {values.shape[1:]}" for values in case.kinds)


@claims
def _refuses(case: Case) -> str:
    """What is no sample is refused with a ValueError that says what was expected."""
    values = case.kinds[0]
    wrong: dict[str, NDArray[Any]] = {
        "a row too few": values[:-1],
        "none at all": values[:0],
        "Python objects": np.array([object()] * len(values)),
        "another shape": np.repeat(values[:, None], 2, axis=1),
    }
    if values.dtype.kind == "f":
        wrong["NaN"] = np.full_like(values, np.nan)
    elif values.dtype.kind in "iu":
        wrong["fractions"] = values.astype(np.float64) + 0.5
    for name, made in wrong.items():
        try:
            case.modality.check(made, len(values), values)
        except ValueError as error:
            contract.one_line(error, name)
        except Exception as error:
            raise Broken(f"{name}: {type(error).__name__}, not ValueError") from error
        else:
            raise Broken(f"{name}: taken")
    return ", ".join(wrong)


@claims
def _likeness(case: Case) -> str:
    """Nothing is more like a sample than itself."""
    seen: dict[str, None] = {}
    for values in case.kinds:
        same = case.modality.likeness(values, values)
        other = case.modality.likeness(np.roll(values, world.READINGS, axis=0), values)
        ensure(set(same) == set(other), "other metrics for other samples")
        for name, most in same.items():
            ensure(name in BY_NAME, f"{name!r} is not in the table of metrics, nobody reports it")
            fits = most.shape == (len(values),) and most.dtype == np.float64
            ensure(fits, f"{name}: {most.dtype} {most.shape}, not float64 (n,)")
            sign = 1 if BY_NAME[name].attacker_prefers == "higher" else -1
            ensure((sign * most >= sign * other[name] - 1e-9).all(), f"{name}: another is liker")
            ensure((most != other[name]).any(), f"{name}: it is the same for all")
            seen[name] = None
    ensure(seen, "it measures nothing")
    return ", ".join(seen)


@claims
def _alone(case: Case) -> str:
    """Every sample is compared with its own original only."""
    for values in case.kinds:
        made = np.roll(values, 1, axis=0)
        all_at_once = case.modality.likeness(made, values)
        for name, found in case.modality.likeness(made[1:3], values[1:3]).items():
            same = np.allclose(found, all_at_once[name][1:3], rtol=1e-6, equal_nan=True)
            ensure(same, f"{name}: rows depend on each other")
    return "row by row"


@claims
def _untouched(case: Case) -> str:
    """Samples are left as they were."""
    for values in case.kinds:
        made, true = np.roll(values, 1, axis=0), values.copy()
        case.modality.likeness(made, true)
        case.modality.conform(made, true)
        case.modality.show(true[0])
        kept = np.array_equal(true, values) and np.array_equal(made, np.roll(values, 1, axis=0))
        ensure(kept, "it changes them in place")
    return f"{sum(map(len, case.kinds))} samples"


@claims
def _conforms(case: Case) -> str:
    """Samples of one form can be brought into that of others."""
    for values in case.kinds:
        for like in case.kinds:
            made = case.modality.conform(values, like)
            ensure(
                made.shape == like.shape, f"{values.shape} becomes {made.shape}, not {like.shape}"
            )
            case.modality.check(made, len(like), like)
    return f"{len(case.kinds)} forms"


@claims
def _shows(case: Case) -> str:
    """A sample can be shown, as text or as a picture."""
    shown = [case.modality.show(values[0]) for values in case.kinds]
    for one in shown:
        ensure(isinstance(one.text, str), f"text is {type(one.text).__name__}")
        ensure(one.png is None or one.png.startswith(PNG), "the picture is no PNG")
        ensure(one.text or one.png, "it shows nothing")
    return f"a picture of {len(shown[0].png)} bytes" if shown[0].png else shown[0].text[:40]


@claims
def _usual(case: Case) -> str | None:
    """Its usual target takes such samples."""
    usual = case.modality.target
    if case.modality.embedded:
        ensure(not usual, f"samples are what a target says already, and it names {usual!r}")
        first = case.kinds[0]
        ensure(first.ndim == 2 and first.dtype.kind == "f", "vectors (n, d) are what is embedded")
    if not usual:
        return None
    contract.ensure_there("target", usual)
    name = describe(case.modality, "modality")["name"]
    takes = attribute("target", usual, "modality")
    ensure(takes == name, f"{usual} takes samples of kind {takes!r}, not {name!r}")
    return usual


@claims
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.modality, "modality")
