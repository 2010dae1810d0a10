"""Schemes for updates, one after another: ``chain:of=dp_sgd:sigma=0.1+top_k:share=0.1``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme


@dataclass(frozen=True)
class Chain(UpdateScheme):
    """What each stage does, in their order: clipping, then noise and compression, then sums.

    A stage that clips single samples stands first, since later ones see the mean. A guarantee of
    the first stage holds for what later ones make of it (post-processing).

    Attributes:
        of: schemes as on the command line, joined by "+"; their parameters by ";" where one has
            several.
    """

    of: str = "dp_sgd+top_k"

    def __post_init__(self) -> None:
        found = self.stages
        names = " + ".join(type(stage).__name__ for stage in found)
        if len(found) < 2 or any(isinstance(stage, Chain) for stage in found):
            raise InputError(
                f"chain: {self.of!r}; expected at least two schemes joined by +, none a chain"
            )
        if any(_does(stage, "each") for stage in found[1:]):
            raise InputError(f"chain: {names}: a scheme that clips single samples stands first")
        if any(stage.summed > 1 for stage in found[:-1]):
            raise InputError(f"chain: {names}: a sum over clients stands last")
        if any(_signs(stage) for stage in found[:-1]):
            raise InputError(f"chain: {names}: what leaves no magnitudes stands last")
        if any(map(_scaled, found[:-1])):
            raise InputError(
                f"chain: {names}: what rounds in steps of a row's own scale stands last, since the "
                "scale is read off what leaves"
            )
        if _signs(found[-1]) and any(_does(stage, "revealed") for stage in found):
            raise InputError(f"chain: {names}: signs of what was not sent are drawn by lot")
        if found[-1].summed > 1 and any(_does(stage, "revealed") for stage in found):
            raise InputError(
                f"chain: {names}: a sum of what shows other coordinates of each client has no "
                "likelihood here"
            )

    @cached_property
    def stages(self) -> tuple[UpdateScheme, ...]:
        """The schemes."""
        made = [load("scheme", part.replace(";", ",")) for part in self.of.split("+")]
        for stage in made:
            if not isinstance(stage, UpdateScheme):
                raise InputError(f"chain: {type(stage).__name__} protects no updates")
        return tuple(made)

    @property
    def parts(self) -> tuple[UpdateScheme, ...]:
        return self.stages

    @property
    def summed(self) -> int:
        return self.stages[-1].summed

    def pace(self, clients: int) -> float:
        return self.stages[0].pace(clients)

    def each(self, gradients: Any) -> Any:
        return self.stages[0].each(gradients)

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        for stage in self.stages:
            means = stage.update(means, size, rng)
        return means

    def deviation(self, released: Floats, size: int) -> Floats:
        parts = [np.square(stage.deviation(released, size)) for stage in self.stages]
        return np.asarray(np.sqrt(np.sum(parts, axis=0) / self.summed), dtype=np.float32)

    def revealed(self, released: Floats) -> NDArray[np.bool_]:
        for stage in self.stages:
            if _does(stage, "revealed"):
                return stage.revealed(released)  # two that drop see the same zeros
        return super().revealed(released)

    def bound(self, released: Floats) -> Floats:
        if any(map(_signs, self.stages)):
            return super().bound(released)  # no magnitude is left that says what was dropped
        bounds = [stage.bound(released) for stage in self.stages]
        return np.asarray(np.minimum.reduce(bounds))

    def unlike(self, means: Any, released: Any, spread: Any, known: Any) -> Any:
        """That of signs; else of the only stage that adds; several together are near Gaussian."""
        for stage in [*filter(_signs, self.stages), *self._only]:
            return stage.unlike(means, released, spread, known)
        return super().unlike(means, released, spread, known)

    def unsent(self, means: Any, released: Any, spread: Any, known: Any, bound: Any) -> Any:
        """As ``unlike``; what rounds after a choice blurs its bound as well as the values."""
        for stage in self._only:
            return stage.unsent(means, released, spread, known, bound)
        return super().unsent(means, released, spread, known, bound)

    @property
    def _only(self) -> list[UpdateScheme]:
        """The stage that adds noise, where there is one and no sum over clients."""
        adding = [stage for stage in self.stages if _does(stage, "deviation")]
        return adding if len(adding) == self.summed == 1 else []

    def bits(self, coordinates: int) -> float:
        return min(stage.bits(coordinates) for stage in self.stages)

    def spent(self, rounds: int, share: float, delta: float) -> float | None:
        return self.stages[0].spent(rounds, share, delta)


def _does(stage: UpdateScheme, what: str) -> bool:
    """Whether a scheme has its own idea of that method."""
    return getattr(type(stage), what) is not getattr(UpdateScheme, what)


def _scaled(stage: UpdateScheme) -> bool:
    """Whether its noise is as large as the row: ten times the row has ten times of it."""
    row = np.linspace(1, 2, 8, dtype=np.float32)[None]
    return bool((stage.deviation(10 * row, 1) > stage.deviation(row, 1)).any())


def _signs(stage: UpdateScheme) -> bool:
    """Whether what leaves can no longer be compared with a gradient: a likelihood of its own."""
    return _does(stage, "unlike") and not _does(stage, "deviation")
