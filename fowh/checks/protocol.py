"""The contract of a protocol, on stand-ins for datasets that it may or may not fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fowh.checks import contract, world
from fowh.checks.contract import Broken, Claims, Finding, ensure
from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.protocol import Fold, Indices, Protocol
from fowh.core.registry import load
from fowh.core.target import Target
from fowh.core.threat import Threat

PEOPLE = 24
TRAINED = "densenet"  # a target that learns from what a protocol gives it; it is not trained here
PARTS = ("development", "attacker", "victims", "stolen", "gallery", "bystanders", "witness")
STATED = ("max_own", "max_stolen")
claims = Claims()


def check(protocol: Protocol) -> Iterator[Finding]:
    """Run every check that applies."""
    return claims.run(Case(protocol))


@dataclass(frozen=True, eq=False)
class World:
    """A dataset, what looks at it, and whether the system knows those who are attacked."""

    called: str
    samples: Samples
    target: Target | None
    closed_set: bool

    def share(self, one: Indices, other: Indices) -> int:
        """How many subjects two parts have in common."""
        whose = self.samples.subjects
        return len(np.intersect1d(whose[one], whose[other]))


@dataclass(frozen=True)
class Case:
    """A protocol, and the worlds that it fits."""

    protocol: Protocol

    @cached_property
    def refused(self) -> dict[str, str]:
        """Why it does not fit the others, in words."""
        return {}

    @cached_property
    def worlds(self) -> list[World]:
        """Those that it fits."""
        images, trained = world.image_samples(PEOPLE), load("target", TRAINED)
        kinds = [
            World("vectors", world.vector_samples(PEOPLE), None, False),
            World("pictures", images, trained, False),
            World("pictures of known people", images, trained, True),
        ]
        fits = []
        for kind in kinds:
            try:
                self.folds(kind)
            except InputError as error:
                contract.one_line(error, kind.called)
                self.refused[kind.called] = str(error)
            else:
                fits.append(kind)
        ensure(fits, f"it fits no stand-in: {'; '.join(self.refused.values())}")
        return fits

    def folds(self, on: World, seed: int = 0, samples: int = 2000) -> list[Fold]:
        """Its folds of a world."""
        threat = Threat(samples=samples)
        return self.protocol.folds(on.samples, on.target, on.closed_set, threat, seed)

    def each(self) -> Iterator[tuple[World, Fold]]:
        """All folds of all worlds."""
        for on in self.worlds:
            for fold in self.folds(on):
                yield on, fold


@claims
def _fits(case: Case) -> str:
    """What it does not fit it refuses in one line."""
    words = [f"{on.called}: {len(case.folds(on))} folds" for on in case.worlds]
    return "; ".join([*words, *(f"{on}: refused" for on in case.refused)])


@claims
def _rows(case: Case) -> str:
    """Parts are rows of the dataset, sorted, each once; folds are numbered."""
    for on, fold in case.each():
        for name in PARTS:
            rows: NDArray[np.intp] = getattr(fold, name)
            ensure(rows.ndim == 1 and rows.dtype.kind == "i", f"{name} is {rows.dtype}")
            ensure((np.diff(rows) > 0).all(), f"{name} is not sorted, or has a row twice")
            inside = not len(rows) or (rows[0] >= 0 and rows[-1] < len(on.samples))
            ensure(inside, f"{name} has rows that the dataset has not")
        for name in ("development", "attacker", "victims", "stolen", "gallery"):
            ensure(len(getattr(fold, name)), f"{on.called}: nobody in {name}")
    for on in case.worlds:
        numbers = [fold.number for fold in case.folds(on)]
        ensure(numbers == list(range(len(numbers))), f"folds are numbered {numbers}")
    return ", ".join(PARTS)


@claims
def _victims(case: Case) -> str:
    """What is attacked is the victims', enrolled, and seen by nobody who develops or attacks."""
    words = []
    for on, fold in case.each():
        for name in ("victims", "gallery"):
            alien = np.setdiff1d(fold.stolen, getattr(fold, name))
            ensure(not len(alien), f"{len(alien)} stolen rows are not in {name}")
        for name in ("development", "attacker", "witness"):
            common = np.intersect1d(fold.victims, getattr(fold, name))
            ensure(not len(common), f"{on.called}: {name} has {len(common)} of the victims' rows")
        if fold.number == 0:
            both = on.share(fold.attacker, fold.victims)
            words.append(f"{on.called}: attacker and victims share {both} subjects")
    return "; ".join(words)


@claims
def _bystanders(case: Case) -> str:
    """Bystanders are in the gallery and nobody else's."""
    count = 0
    for on, fold in case.each():
        alien = np.setdiff1d(fold.bystanders, fold.gallery)
        ensure(not len(alien), f"{len(alien)} bystanders are not in the gallery")
        for name in ("victims", "development", "attacker"):
            both = on.share(fold.bystanders, getattr(fold, name))
            ensure(not both, f"{on.called}: {both} bystanders are subjects of {name}")
        count += len(fold.bystanders)
    return f"{count} rows"


@claims
def _limits(case: Case) -> str:
    """The attacker has no more samples than the threat grants, and attacks no more than stated."""
    for on in case.worlds:
        for granted in (4, 2000):
            most = min(granted, case.protocol.max_own)
            for fold in case.folds(on, samples=granted):
                ensure(len(fold.attacker) <= most, f"{len(fold.attacker)} samples of {most}")
                stolen, limit = len(fold.stolen), case.protocol.max_stolen
                ensure(stolen <= limit, f"{stolen} rows are attacked, {limit} are stated")
    return f"{case.protocol.max_own} samples, {case.protocol.max_stolen} rows"


@claims
def _lessons(case: Case) -> str | None:
    """What the target learns from is neither the attacker's nor the victims', or all train it."""
    words = []
    for on in case.worlds:
        given = case.protocol.lessons(on.samples, on.target, on.closed_set)
        if given is None:
            continue
        private, later = given
        ensure(not len(np.intersect1d(private, later)), "who joins later is there from the start")
        for fold in case.folds(on):
            if case.protocol.together:
                alien = np.setdiff1d(fold.stolen, private)
                fits = len(alien) in (0, len(fold.stolen) / 2)  # half: whether they are is asked
                ensure(fits, f"{on.called}: {len(alien)} stolen rows are no lessons")
                searched = np.setdiff1d(fold.gallery, fold.stolen)
                common = np.intersect1d(np.union1d(private, later), searched)
                ensure(not len(common), f"{on.called}: {len(common)} lessons are searched")
                learned = np.unique(on.samples.subjects[private])
                ensure(np.isin(on.samples.subjects, learned).all(), "somebody takes no part")
                continue
            for name in ("attacker", "victims"):
                common = np.intersect1d(np.union1d(private, later), getattr(fold, name))
                ensure(not len(common), f"{on.called}: {len(common)} lessons are {name}' rows")
        words.append(f"{on.called}: {len(private)} lessons")
    return "; ".join(words) or None


@claims
def _repeatable(case: Case) -> str:
    """The same seed gives the same folds, another one others."""
    for on in case.worlds:
        one, two, other = (case.folds(on, seed, samples=4) for seed in (0, 0, 1))
        ensure(_same(one, two), f"{on.called}: two splits of one seed differ")
        ensure(not _same(one, other), f"{on.called}: the seed changes nothing")
    return ", ".join(on.called for on in case.worlds)


@claims
def _stated(case: Case) -> str:
    """Every number is stated in the record."""
    protocol, stated = case.protocol, case.protocol.numbers()
    contract.ensure_json(stated)
    expected = {name: getattr(protocol, name) for name in STATED}
    expected |= {"controls": list(protocol.controls)}
    for name, value in expected.items():
        ensure(stated.get(name) == value, f"{name}: {value}, stated is {stated.get(name)}")
    if "folds" in stated:
        for on in case.worlds:
            count = len(case.folds(on))
            ensure(count == stated["folds"], f"{count} folds, stated are {stated['folds']}")
    return ", ".join(stated)


@claims
def _numbers(case: Case) -> str:
    """Its controls are blind attacks."""
    protocol = case.protocol
    for name in protocol.controls:
        ensure(load("attack", name).blind, f"control {name} reads what is stolen")
    alien = set(protocol.rendered) - set(protocol.controls)
    ensure(not alien, f"{', '.join(alien)} is rendered and no control")
    return ", ".join(protocol.controls)


@claims
def _small(case: Case) -> str:
    """A dataset that is too small is refused in one line."""
    seen = []
    for on in case.worlds:
        tiny = world.vector_samples(2) if on.target is None else world.image_samples(2)
        try:
            case.folds(replace(on, samples=tiny))
        except InputError as error:
            contract.one_line(error, on.called)
            seen.append(str(error))
        except Exception as error:
            raise Broken(f"{on.called}: {type(error).__name__}, not InputError") from error
        else:
            seen.append(f"{on.called}: two subjects are enough")
    return "; ".join(seen)


@claims
def _knobs(case: Case) -> str:
    """It has no parameters: another number is another protocol."""
    said = contract.parameters_survive_the_command_line(case.protocol, "protocol")
    ensure(said.startswith("0 "), said)
    return "none"


def _same(one: list[Fold], other: list[Fold]) -> bool:
    pairs = zip(one, other, strict=False)
    return len(one) == len(other) and all(
        np.array_equal(getattr(left, name), getattr(right, name))
        for left, right in pairs
        for name in PARTS
    )
