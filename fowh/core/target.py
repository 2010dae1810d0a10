"""What a target model is: the function from a sample to what a system knows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
from fowh.core.release import Floats

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, float], None]  # (what is going on, fraction done)


def quiet(text: str, fraction: float) -> None:
    """Progress nobody listens to."""


def embedded(target: Target, values: NDArray[Any], count: int) -> Floats:
    """What a target said of so many samples, if it can be that.

    Raises:
        InputError: other rows than as many, no finite numbers, or the same of every sample.
    """
    wrong = None
    if values.ndim != 2 or len(values) != count or values.dtype.kind not in "fiu":
        wrong = f"{values.dtype} {values.shape}, expected numbers ({count:,}, d)"
    elif not np.isfinite(values).all():
        wrong = f"NaN or infinity of {int((~np.isfinite(values)).any(axis=1).sum()):,} samples"
    elif count > 1 and (values == values[0]).all():
        wrong = f"the same of all {count:,} samples, which recognises nobody"
    if wrong:
        raise InputError(
            f"target {type(target).__name__} embeds {wrong}: mend it, or give another --target"
        )
    numbers: Floats = values.astype(np.float32, copy=False)
    return numbers


@dataclass(frozen=True, eq=False)
class Prepared:
    """Samples in the target's canonical form (of photographs: detected, aligned, resized).

    Attributes:
        samples: (n, ...) as ``embed`` takes them.
        found: (n,) bool; False where detection failed and a fallback was used.
    """

    samples: NDArray[Any]
    found: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lessons:
    """What a target that is trained here learns from; it is private, the attacker never has it.

    Attributes:
        samples: (n, ...) prepared samples.
        subjects: (n,) int64 codes of any values.
        later: (k, ...) samples of one more subject, who joins when the training is over; None
            where nobody does.
    """

    samples: NDArray[Any]
    subjects: NDArray[np.int64]
    later: NDArray[Any] | None = None


class Target(ABC):
    """A target model: a frozen dataclass whose fields are its parameters.

    Attributes:
        modality: of the samples that it takes.
        quick: parameters that make it cheap, for tests and checks.
        batch: samples that it is given at a time, so that progress can be told in between; a
            multiple of what its network takes at once.
    """

    modality: ClassVar[str]
    batch: ClassVar[int] = 256
    quick: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def prepare(self, samples: NDArray[Any]) -> Prepared:
        """Bring samples of the dataset into the canonical form that ``embed`` takes."""

    @abstractmethod
    def embed(self, samples: NDArray[Any], device: str = "cpu") -> Floats:
        """Embed prepared samples, batched.

        Args:
            samples: (n, ...); images are (n, h, w) or (n, h, w, 3) uint8 of any square size,
                resized as needed.
            device: where the network runs ("cpu", "cuda", ...).

        Returns:
            (n, d) float32.
        """

    @property
    def frame(self) -> str:
        """How a face lies in what ``prepare`` makes: an alignment's name; empty without one."""
        return ""

    def beside(self, target: Target) -> Target:
        """Itself as a witness, which embeds what ``target`` has prepared, in that one's frame.

        Raises:
            InputError: faces lie otherwise there than it can read them.
        """
        if self.frame and target.frame and self.frame != target.frame:
            raise InputError(
                f"the witness reads faces aligned as {self.frame} does it, the target prepares "
                f"them as {target.frame} does: name another witness, or another align of the target"
            )
        return self

    def module(self, device: str = "cpu") -> torch.nn.Module | None:
        """The network itself, for a white-box view; for images (n, 1 or 3, h, w) float in 0..1.

        Differentiable, resizes its input itself, in eval mode with frozen weights; None when there
        is none.
        """
        return None

    def fit(
        self, lessons: Lessons | None, device: str = "cpu", progress: Progress | None = None
    ) -> Target:
        """The target after training on private samples; itself where it came trained.

        Args:
            lessons: what the protocol lets it learn from; None where that is nothing.
            device: torch device name.
            progress: is told how training goes.

        Raises:
            InputError: it must be trained and there is nothing to learn from.
        """
        return self

    def versions(self) -> dict[str, Target]:
        """The models that an attacker may query, oldest first, the one in use last; by name."""
        return {"final": self}

    def appearance(self, samples: NDArray[Any], device: str = "cpu") -> Floats:
        """Features (n, f) that say what samples look like, not whose they are.

        A witness judges realism by them. Where a target knows no better, its embedding stands in.
        """
        return self.embed(samples, device)

    def notes(self) -> dict[str, Any]:
        """What a record says of it beside its parameters, as JSON values."""
        return {}

    @property
    @abstractmethod
    def sha256(self) -> str:
        """Digest of the weights and of everything else that determines the embedding."""

    @property
    def preparation(self) -> str:
        """Digest of what determines ``prepare``; default: of everything."""
        return self.sha256


@runtime_checkable
class Classifier(Protocol):
    """A target that can also name the subjects it was trained on."""

    def classifier(self) -> Target:
        """The same model as a target whose ``embed`` and ``module`` give its answers.

        An answer is a row (c,) of probabilities of the subjects that it learned from, in the order
        of their codes.
        """
        ...


@runtime_checkable
class Learner(Protocol):
    """A target that clients train together: a network of so many classes, before it learnt.

    ``network`` takes (n, 1 or 3, side, side) floats in 0..1 to logits (n, classes); every weight is
    drawn from ``generator``. One sample's output must not depend on what stands beside it, except
    where ``alone`` is False (batch normalisation in train mode): then gradients exist of a whole
    batch only.
    """

    @property
    def alone(self) -> bool: ...

    @property
    def seed(self) -> int:
        """Of the initial weights, and of who takes part in which round."""
        ...

    @property
    def rate(self) -> float:
        """Step of plain gradient descent."""
        ...

    def network(self, classes: int, channels: int, generator: torch.Generator) -> torch.nn.Module:
        """A new network, in the mode in which it is trained."""
        ...
