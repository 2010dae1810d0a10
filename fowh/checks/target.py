"""The contract of a target model, on a few stand-ins for samples."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import contract, world
from fowh.checks.contract import Claims, Finding, ensure
from fowh.core.dataset import Samples
from fowh.core.errors import InputError
from fowh.core.registry import describe, load
from fowh.core.release import Floats
from fowh.core.target import Classifier, Lessons, Prepared, Target

PEOPLE = 6  # of them the last joins when the training is over
TOLERANCE = 1e-3  # of embeddings, against their largest entry; other batches round otherwise
claims = Claims()


def check(target: Target, samples: Samples | None = None) -> Iterator[Finding]:
    """Run every check that applies, with the cheap parameters that the target declares, if it does.

    Args:
        target: what is checked; one that is trained here is trained, on very little.
        samples: what it looks at; by default stand-ins of its modality.
    """
    return claims.run(Case(target, samples))


@dataclass(frozen=True, eq=False)
class Case:
    """A target, trained if it must be, and samples that it has prepared."""

    given: Target
    own: Samples | None = None

    @cached_property
    def target(self) -> Target:
        """The target, not yet trained."""
        made: Target = contract.quick(self.given)
        return made

    @cached_property
    def samples(self) -> NDArray[Any]:
        """Samples as a dataset has them."""
        if self.own is not None:
            return self.own.values
        found = world.of_modality(load("modality", self.target.modality))
        ensure(found, f"no stand-ins for samples of kind {self.target.modality!r}: give samples")
        return found[0][: PEOPLE * world.READINGS]

    @cached_property
    def subjects(self) -> NDArray[np.int64]:
        """Whose they are."""
        return self.own.subjects if self.own is not None else world.subjects(PEOPLE)

    @cached_property
    def prepared(self) -> Prepared:
        """The same, as the target takes them."""
        return self.target.prepare(self.samples)

    @cached_property
    def lessons(self) -> Lessons:
        """What it may learn from."""
        last = self.subjects == self.subjects.max()
        made = self.prepared.samples
        return Lessons(made[~last], self.subjects[~last], made[last])

    @cached_property
    def untaught(self) -> Target | InputError:
        """The target after training on nothing, or why that is not possible."""
        try:
            return self.target.fit(None)
        except InputError as error:
            return error

    @cached_property
    def fitted(self) -> Target:
        """The target ready to embed."""
        if isinstance(self.untaught, Target):
            return self.untaught
        return self.target.fit(self.lessons)

    @cached_property
    def embeddings(self) -> Floats:
        """What it says of the samples."""
        return self.fitted.embed(self.prepared.samples)

    def ensure_like(self, found: Floats, rows: Any, text: str) -> None:
        """Break unless these are the embeddings of those rows."""
        expected = self.embeddings[rows]
        ensure(found.shape == expected.shape, f"{text}: {found.shape}, not {expected.shape}")
        off = float(np.abs(found - expected).max(initial=0) / (np.abs(self.embeddings).max() or 1))
        ensure(off < TOLERANCE, f"{text}: off by {off:.2g} of the largest entry")


@claims
def _prepares(case: Case) -> str:
    """Every sample is prepared, each on its own."""
    given, made = case.samples.copy(), case.prepared
    ensure(len(made.samples) == len(given), f"{len(made.samples)} prepared of {len(given)}")
    found = made.found.shape == (len(given),) and made.found.dtype == np.bool_
    ensure(found, f"found is {made.found.dtype} {made.found.shape}, not bool (n,)")
    alone = case.target.prepare(given[2:3])
    ensure(np.array_equal(given, case.samples), "it changes the samples it is given")
    ensure(np.array_equal(alone.samples, made.samples[2:3]), "others change a sample")
    return f"{made.samples.dtype} {made.samples.shape[1:]}, {made.found.sum()} found"


@claims
def _untrained(case: Case) -> str:
    """With nothing to learn from it works, or says in one line why not."""
    if isinstance(case.untaught, InputError):
        contract.one_line(case.untaught, "fit(None)")
        return f"refused: {case.untaught}"
    return "it came trained"


@claims
def _fits(case: Case) -> str:
    """Training changes neither the target nor its lessons."""
    before, lessons = case.target.sha256, case.lessons.samples.copy()
    fitted = case.target.fit(case.lessons, device="cpu", progress=lambda text, done: None)
    ensure(case.target.sha256 == before, "it changes the target itself")
    ensure(np.array_equal(lessons, case.lessons.samples), "it changes its lessons")
    same = describe(fitted, "target") == describe(case.target, "target")
    ensure(same, "a trained target has other parameters")
    return f"{len(lessons)} lessons"


@claims
def _embeds(case: Case) -> str:
    """Every prepared sample has an embedding."""
    given = case.prepared.samples.copy()
    made = case.fitted.embed(given)
    ensure(np.array_equal(given, case.prepared.samples), "it changes the samples it is given")
    ensure(made.ndim == 2 and len(made) == len(given), f"shape {made.shape}")
    ensure(made.dtype == np.float32, f"dtype {made.dtype}, not float32")
    ensure(np.isfinite(made).all(), "an embedding is not finite")
    ensure(len(np.unique(made, axis=0)) > 1, "it says the same of all samples")
    return f"{made.shape[1]} numbers each"


@claims
def _repeatable(case: Case) -> str:
    """Asked again, it says the same."""
    again = dataclasses.replace(case.fitted)  # type: ignore[type-var]
    same = np.array_equal(again.embed(case.prepared.samples), case.embeddings)
    ensure(same, "the same samples, other embeddings")
    return "bit for bit"


@claims
def _alone(case: Case) -> str:
    """What else is in a batch changes no embedding."""
    made = case.prepared.samples
    case.ensure_like(case.fitted.embed(made[:1]), slice(1), "alone")
    case.ensure_like(case.fitted.embed(made[::-1].copy()), slice(None, None, -1), "reversed")
    case.ensure_like(case.fitted.embed(made[:0]), slice(0), "no samples")
    return "alone, in another order, none at all"


@claims
def _devices(case: Case) -> str:
    """It embeds where it is told to."""
    import torch

    places = ["cpu", *["cuda"] * torch.cuda.is_available()]
    for place in places:
        found = case.fitted.embed(case.prepared.samples, device=place)
        case.ensure_like(found, slice(None), place)
    return ", ".join(places)


@claims
def _module(case: Case) -> str | None:
    """The network for a white box is frozen, differentiable, and says what it embeds."""
    import torch

    from fowh.kit.images import as_tensor, resize

    network = case.fitted.module("cpu")
    if network is None or case.fitted.modality != "image":
        return None
    ensure(not network.training, "it is in training mode")
    learns = any(parameter.requires_grad for parameter in network.parameters())
    ensure(not learns, "its weights are not frozen")
    made = case.prepared.samples[:4]
    batch = as_tensor(made, "cpu").requires_grad_()
    said = network(batch)
    case.ensure_like(said.detach().numpy(), slice(4), "module")
    (gradient,) = torch.autograd.grad(said.square().sum(), batch)
    ensure(bool(gradient.abs().sum() > 0), "no gradient reaches the picture")
    other = network(as_tensor(resize(made, made.shape[1] // 2), "cpu"))
    ensure(other.shape == said.shape, "it does not resize its input")
    return f"{sum(parameter.numel() for parameter in network.parameters())} weights"


@claims
def _versions(case: Case) -> str:
    """The last of its versions is the one in use."""
    found = case.fitted.versions()
    ensure(found and all(isinstance(name, str) and name for name in found), "unnamed versions")
    few = case.prepared.samples[:3]
    said = {name: version.embed(few) for name, version in found.items()}
    last = list(said.values())[-1]
    case.ensure_like(last, slice(3), "last version")
    for name, version in found.items():
        ensure(said[name].shape == last.shape, f"{name}: another length")
        equal = np.array_equal(said[name], last)
        ensure(equal or version.sha256 != case.fitted.sha256, f"{name}: the last one's digest")
    return ", ".join(found)


@claims
def _digest(case: Case) -> str:
    """The digest is that of what determines the embedding."""
    for found in (case.target.sha256, case.fitted.sha256, case.fitted.preparation):
        ensure(re.fullmatch("[0-9a-f]{64}", found), f"sha256 is {found!r}")
    again = dataclasses.replace(case.target)  # type: ignore[type-var]
    ensure(again.sha256 == case.target.sha256, "equal targets, other digests")
    tried = []
    for name, other in contract.variants(case.target, "target"):
        ensure(other.sha256 != case.target.sha256, f"another {name}, the same digest")
        tried.append(name)
    return f"another one for another {', '.join(tried)}" if tried else "64 hex digits"


@claims
def _described(case: Case) -> str:
    """What samples look like can be said of each, and what a record says of it is JSON."""
    seen, notes = case.fitted.appearance(case.prepared.samples), case.target.notes()
    fits = seen.ndim == 2 and len(seen) == len(case.samples) and seen.dtype == np.float32
    ensure(fits and np.isfinite(seen).all(), f"{seen.dtype} {seen.shape}, not finite float32")
    return f"{seen.shape[1]} features; notes: {contract.ensure_json(notes)}"


@claims
def _answers(case: Case) -> str | None:
    """A classifier's answers are probabilities of those it learned from."""
    if not isinstance(case.target, Classifier):
        return None
    fitted = case.target.fit(case.lessons)
    assert isinstance(fitted, Classifier)
    said = fitted.classifier().embed(case.prepared.samples)
    people = len(np.unique(case.lessons.subjects))
    ensure(said.shape == (len(case.samples), people), f"shape {said.shape}, {people} people")
    whole = said.sum(axis=1)  # who joined later takes the rest
    ensure((said >= 0).all() and (whole > 0).all() and (whole < 1.001).all(), "no probabilities")
    return f"of {people} people"


@claims
def _parameters(case: Case) -> str:
    """Parameters survive the command line."""
    return contract.parameters_survive_the_command_line(case.given, "target")


@claims
def _nonsense(case: Case) -> str | None:
    """Absurd parameters work or are refused in one line."""
    few = case.samples[:2]
    return contract.nonsense_is_refused_in_one_line(
        case.target, "target", lambda target: target.prepare(few)
    )
