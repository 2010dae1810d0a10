"""The contract catches datasets, targets, leaks, protocols and modalities with one fault each."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fowh.checks import world
from fowh.core import registry
from fowh.core.cache import digest
from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.leak import Leak, Setting, System
from fowh.core.modality import Columns, Modality, Shown
from fowh.core.protocol import Fold
from fowh.core.release import Floats
from fowh.core.target import Lessons, Prepared, Progress, Target
from fowh.core.threat import Threat
from fowh.core.trust import PACKAGES
from fowh.leaks.outputs import Outputs
from fowh.leaks.templates import Templates
from fowh.modalities.vector import Vector
from fowh.protocols.standard import Standard
from tests.checks.findings import assert_caught, broken

COUNTER = itertools.count()


def variant(base: type[Any], name: str, **changes: Any) -> Any:
    """An object of a class that differs from its base in these attributes, not in its name."""
    return type(name, (base,), {"__module__": base.__module__, **changes})()


@pytest.fixture(autouse=True)
def named_as_their_base(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variant is in no file: by its file it would be a third party's, of another name."""

    def ours(found: type, kind: str) -> bool:
        return found.__module__.startswith(f"{PACKAGES[kind]}.")

    monkeypatch.setattr(registry, "ours", ours)


# -- datasets


@dataclass(frozen=True)
class Drawn(Dataset):
    """A sound dataset."""

    people: int = 4

    def load(self) -> Samples:
        if self.people < 2:
            raise InputError(f"drawn: people={self.people}; give at least 2")
        values, subjects = world.vectors(self.people), world.subjects(self.people)
        names = tuple(f"p{number}" for number in range(self.people))
        return Samples(subjects, names, digest(names, subjects, values), values, "vector")


def loads(name: str, **changes: Any) -> Dataset:
    """A dataset whose samples have other attributes; a function is given the samples."""

    def load(self: Drawn) -> Samples:
        made = Drawn.load(self)
        return replace(made, **{k: v(made) if callable(v) else v for k, v in changes.items()})

    dataset: Dataset = variant(Drawn, name, load=load)
    return dataset


KEPT = Drawn().load()

DATASETS = [
    (loads("Backwards", subjects=lambda s: s.subjects[::-1].copy()), "Samples are ordered"),
    (loads("Wide", subjects=lambda s: s.subjects.astype(np.int32)), "Samples are ordered"),
    (loads("Gaps", subjects=lambda s: 2 * s.subjects), "Samples are ordered"),
    (loads("Nameless", names=("a", "b")), "Every subject has a name"),
    (loads("Namesakes", names=lambda s: ("a",) * len(s.names)), "Every subject has a name"),
    (loads("Strange", modality="smell"), "Samples are of a known modality"),
    (loads("Doubles", values=lambda s: s.values.astype(np.float64)), "Samples are of a known"),
    (loads("Holes", values=lambda s: s.values * np.nan), "Samples are of a known"),
    (loads("Short", values=lambda s: s.values[:-1]), "Samples are ordered"),
    (loads("Drifts", values=lambda s: s.values + next(COUNTER)), "Loaded again"),
    (loads("Shares", values=KEPT.values, sha256=KEPT.sha256), "Loaded again"),
    (loads("Fixed", sha256="0" * 64), "The digest is that of the content"),
    (loads("Named", sha256="mine"), "The digest is that of the content"),
    (loads("Blind", traits={"left": np.array([True])}), "What else is known"),
    (
        loads("Lonely", subjects=np.arange(4), values=lambda s: s.values[:4]),
        "There are two subjects",
    ),
    (
        variant(Drawn, "Crashes", load=lambda self: Drawn.load(self) if self.people else 1 / 0),
        "Absurd parameters",
    ),
]


# -- targets


@dataclass(frozen=True)
class Linear(Target):
    """A sound target: a projection of pixels."""

    modality = "image"
    strength: float = 1.0

    def prepare(self, samples: NDArray[Any]) -> Prepared:
        return Prepared(samples.copy(), np.ones(len(samples), dtype=np.bool_))

    def embed(self, samples: NDArray[Any], device: str = "cpu") -> Floats:
        return world.embed(samples) * np.float32(self.strength)

    @property
    def sha256(self) -> str:
        return digest("linear", self.strength)


def embeds(name: str, change: Callable[[Floats], Any]) -> Target:
    """A target that says something else."""
    target: Target = variant(
        Linear, name, embed=lambda self, samples, device="cpu": change(Linear.embed(self, samples))
    )
    return target


def prepares(name: str, change: Callable[[Prepared], Prepared]) -> Target:
    """A target that prepares in another way."""
    target: Target = variant(
        Linear, name, prepare=lambda self, samples: change(Linear.prepare(self, samples))
    )
    return target


def scribbles(self: Linear, samples: NDArray[Any], device: str = "cpu") -> Floats:
    samples[:1] = 0
    return Linear.embed(self, samples)


def needs_lessons(
    self: Linear, lessons: Lessons | None, device: str = "cpu", progress: Progress | None = None
) -> Target:
    if lessons is None:
        raise InputError("there is\nnothing to learn from")
    return self


def network(self: Linear, device: str = "cpu") -> Any:
    """Another function than the one that embeds."""
    import torch

    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(world.SIDE**2, world.DIMENSION, generator=generator)
    layer = torch.nn.Linear(world.SIDE**2, world.DIMENSION, device="meta")
    layer.weight = torch.nn.Parameter(weights.T.contiguous(), requires_grad=False)
    layer.bias = torch.nn.Parameter(torch.zeros(world.DIMENSION), requires_grad=False)
    return torch.nn.Sequential(torch.nn.Flatten(), layer).eval()


HALF = embeds("Half", lambda e: e / 2)  # says half as much, under the same digest
TARGETS = [
    (prepares("Loses", lambda p: Prepared(p.samples[1:], p.found)), "Every sample is prepared"),
    (prepares("Counts", lambda p: Prepared(p.samples, p.found.astype(int))), "Every sample is"),
    (
        prepares("Levels", lambda p: Prepared(p.samples - p.samples.min(), p.found)),
        "Every sample is prepared",
    ),
    (embeds("Doubles", lambda e: e.astype(np.float64)), "Every prepared sample"),
    (embeds("Flat", lambda e: e[:, 0]), "Every prepared sample"),
    (embeds("Constant", np.zeros_like), "Every prepared sample"),
    (embeds("Centres", lambda e: e - e.mean(axis=0) if len(e) else e), "What else is in a batch"),
    (embeds("Drifts", lambda e: e + np.float32(next(COUNTER))), "Asked again"),
    (variant(Linear, "Scribbles", embed=scribbles), "Every prepared sample"),
    (variant(Linear, "Wordy", fit=needs_lessons), "With nothing to learn from"),
    (variant(Linear, "Other", module=network), "The network for a white box"),
    (
        variant(Linear, "Rusty", versions=lambda self: {"now": self, "old": Linear(0.5)}),
        "The last of its versions",
    ),
    (
        variant(Linear, "Twins", versions=lambda self: {"old": HALF, "now": Linear()}),
        "The last of its versions",
    ),
    (variant(Linear, "Fixed", sha256=property(lambda self: "0" * 64)), "The digest is that of"),
    (variant(Linear, "Secret", notes=lambda self: {"at": {1, 2}}), "What samples look like"),
    (
        variant(Linear, "Shapeless", appearance=lambda self, samples, device="cpu": samples),
        "What samples look like",
    ),
    (
        variant(Linear, "Sure", classifier=lambda self: self),
        "A classifier's answers",
    ),
]


# -- leaks


@dataclass(frozen=True, eq=False)
class Changed(System):
    """A system of which one thing is different."""

    inner: System
    changes: dict[str, Any]

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "changes")
        if name in own:
            change = own[name]
            return partial(change, object.__getattribute__(self, "inner"))
        return getattr(object.__getattribute__(self, "inner"), name)

    def utility(self) -> dict[str, Columns]:
        raise NotImplementedError

    def judge(self, made: Floats) -> Columns:
        raise NotImplementedError


def deploys(name: str, base: type[Leak] = Templates, **changes: Any) -> Leak:
    """A leak whose system differs in methods, which are given the sound system first."""
    leak: Leak = variant(
        base, name, deploy=lambda self, setting: Changed(base.deploy(self, setting), changes)
    )
    return leak


def other_rows(self: Leak, setting: Setting) -> System:
    system = Templates.deploy(self, setting)  # type: ignore[arg-type]
    return replace(system, release=system.release[::-1])


def crashes(self: Leak, setting: Setting) -> System:
    assert setting.scheme.protects == "templates"
    return Templates.deploy(self, setting)  # type: ignore[arg-type]


def fresh_keys(self: Leak, setting: Setting) -> System:
    system = Templates.deploy(self, setting)  # type: ignore[arg-type]
    keys = system.keys + np.uint64(next(COUNTER))
    return replace(system, keys=keys, release=replace(system.release, token=keys))


def bare(self: Leak, observed: Any) -> dict[str, Any]:
    made = Outputs.summary(self, observed)  # type: ignore[arg-type]
    for metrics in made["utility"].values():
        metrics["accuracy"] = {"value": metrics["accuracy"]["value"]}
    return made


def shuffled(system: System, made: Floats) -> Columns:
    return {name: column[::-1] for name, column in system.judge(made).items()}


LEAKS = [
    (variant(Templates, "Elsewhere", reference="full_scores"), "Its reference scheme"),
    (variant(Templates, "Unattacked", suite=()), "Its reference scheme"),
    (variant(Templates, "Unknown", suite=("teleport",)), "Its reference scheme"),
    (
        variant(Templates, "Odd", headline=replace(Templates.headline, utility="beauty")),
        "Its reference scheme",
    ),
    (variant(Templates, "Turns", deploy=other_rows), "What leaves are the stolen rows"),
    (variant(Templates, "Crashes", deploy=crashes), "A scheme that protects something else"),
    (variant(Templates, "Rekeys", deploy=fresh_keys), "The same randomness"),
    (deploys("Generous", Outputs, judge=lambda s, made: s.judge(0 * made + 1)), "The truth itself"),
    (deploys("Shuffled", Outputs, judge=shuffled), "The truth itself"),
    (deploys("Halves", judge=lambda s, made: {"rank": s.judge(made)["rank"][:3]}), "Every recon"),
    (deploys("Mute", says=lambda s: lambda values: values[:, :1]), "Whoever asks"),
    (deploys("Leads", says=lambda s: lambda values: s and values), "Whoever asks"),
    (deploys("Idle", utility=lambda s: {}), "How well the system does its job"),
    (variant(Templates, "Wordless", scenarios={}), "How well the system does its job"),
    (variant(Outputs, "Bare", summary=bare), "What a record says"),
    (variant(Outputs, "Deaf", observed=lambda self, target: None), "What it observes"),
]


# -- protocols


def folds(name: str, change: Callable[[Fold], Any], **declared: Any) -> Standard:
    """A protocol whose folds are changed."""

    def made(self: Standard, *arguments: Any) -> list[Fold]:
        return [replace(fold, **change(fold)) for fold in Standard.folds(self, *arguments)]

    protocol: Standard = variant(Standard, name, folds=made, **declared)
    return protocol


def seedless(self: Standard, samples: Any, target: Any, closed: bool, threat: Threat, seed: int):  # type: ignore[no-untyped-def]
    return Standard.folds(self, samples, target, closed, threat, 0)


def crash(self: Standard, samples: Samples, *rest: Any) -> list[Fold]:
    assert len(samples) > 8
    return Standard.folds(self, samples, *rest)


@dataclass(frozen=True)
class Adjustable(Standard):
    """A protocol with a knob."""

    folds_wanted: int = 5


PROTOCOLS = [
    (folds("Unsorted", lambda f: {"victims": f.victims[::-1]}), "Parts are rows"),
    (folds("Beyond", lambda f: {"gallery": f.gallery + 1}), "Parts are rows"),
    (folds("Numbered", lambda f: {"number": 0}), "Parts are rows"),
    (folds("Insider", lambda f: {"attacker": f.victims[:4]}), "What is attacked is the victims'"),
    (folds("Learns", lambda f: {"development": f.gallery}), "What is attacked is the victims'"),
    (folds("Witness", lambda f: {"witness": f.gallery}), "What is attacked is the victims'"),
    (folds("Hidden", lambda f: {"gallery": f.development}), "What is attacked is the victims'"),
    (folds("Known", lambda f: {"bystanders": f.development[:2]}), "Bystanders"),
    (folds("Greedy", lambda f: {"attacker": f.development}), "The attacker has no more"),
    (folds("Many", lambda f: {}, max_stolen=3, numbers=lambda self: {}), "Every number"),
    (folds("Teaches", lambda f: {}, lessons=lambda self, samples, target, closed: (
        np.arange(len(samples)), np.arange(0))), "What the target learns"),
    (variant(Standard, "Seedless", folds=seedless), "The same seed"),
    (variant(Standard, "Silent", numbers=lambda self: {"folds": 5}), "Every number is stated"),
    (variant(Standard, "Sighted", controls=("ridge",)), "Its controls are blind"),
    (variant(Standard, "Crashes", folds=crash), "A dataset that is too small"),
    (Adjustable(), "It has no parameters"),
]  # fmt: skip


# -- modalities


@dataclass(frozen=True)
class Text(Modality):
    """A sound modality: lines of text, alike in as many positions as agree."""

    def check(self, made: NDArray[Any], count: int, like: NDArray[Any]) -> NDArray[Any]:
        if made.dtype.kind != "U" or made.shape != (count,) or like.dtype.kind != "U":
            raise ValueError(f"returned {made.shape} {made.dtype}, expected ({count},) texts")
        return made

    def likeness(self, made: NDArray[Any], true: NDArray[Any]) -> Columns:
        pairs = zip(made, true, strict=True)
        return {"purity": np.array([float(np.mean(_codes(a) == _codes(b))) for a, b in pairs])}

    def show(self, sample: NDArray[Any]) -> Shown:
        return Shown(str(sample))


def _codes(text: str) -> NDArray[np.int64]:
    return np.array([ord(sign) for sign in str(text).ljust(40)])


def permissive(self: Modality, made: NDArray[Any], count: int, like: NDArray[Any]) -> NDArray[Any]:
    return made


def wordy(self: Modality, made: NDArray[Any], count: int, like: NDArray[Any]) -> NDArray[Any]:
    assert made.shape == (count, like.shape[1])
    return made


def rounds(self: Modality, made: NDArray[Any], count: int, like: NDArray[Any]) -> NDArray[Any]:
    return Vector().check(made, count, like).round()


def likens(name: str, change: Callable[[Columns, NDArray[Any]], Columns]) -> Modality:
    """A modality that compares in another way."""
    modality: Modality = variant(
        Vector,
        name,
        likeness=lambda self, made, true: change(Vector().likeness(made, true), made),
    )
    return modality


def overwrites(found: Columns, made: NDArray[Any]) -> Columns:
    made[:] = 0
    return found


MODALITIES = [
    (variant(Vector, "Permissive", check=permissive), "What is no sample"),
    (variant(Vector, "Wordy", check=wordy), "What is no sample"),
    (variant(Vector, "Rounds", check=rounds), "Usable samples"),
    (likens("Distance", lambda f, made: {"purity": -f["purity"]}), "Nothing is more like"),
    (likens("Even", lambda f, made: {"purity": 0 * f["purity"]}), "Nothing is more like"),
    (likens("Unlisted", lambda f, made: {"charm": f["purity"]}), "Nothing is more like"),
    (likens("Ranks", lambda f, made: {"purity": f["purity"] / f["purity"].sum()}), "Every sample"),
    (likens("Overwrites", overwrites), "Samples are left"),
    (variant(Vector, "Shy", show=lambda self, sample: Shown("")), "A sample can be shown"),
    (variant(Vector, "Fake", show=lambda self, sample: Shown("", b"GIF")), "A sample can be shown"),
    (variant(Vector, "Redundant", target="dlib"), "Its usual target"),
    (
        variant(Text, "Lost", target="dlib", embedded=False),
        "Its usual target",
    ),
    (variant(Text, "Alien", check=lambda self, m, c, like: 1 / 0), "Usable samples"),
]
FAULTY = [*DATASETS, *TARGETS, *LEAKS, *PROTOCOLS, *MODALITIES]


@pytest.mark.parametrize(
    ("plugin", "claim"), FAULTY, ids=[f"{type(plugin).__name__}" for plugin, _ in FAULTY]
)
def test_a_faulty_plugin_is_caught(plugin: Any, claim: str) -> None:
    assert_caught(plugin, claim)


@pytest.mark.parametrize(
    "plugin",
    [Drawn(), Linear(), Text(), variant(Templates, "Same"), variant(Standard, "Same")],
    ids=lambda plugin: type(plugin).__bases__[0].__name__,
)
def test_the_sound_originals_pass(plugin: Any) -> None:
    """Each faulty one differs from these in one place, so its failure is that of the fault."""
    assert broken(plugin) == {}
