"""What an attack is, and the view: exactly what the threat model grants it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from fowh.core.scheme import Floats, Scheme, Templates

if TYPE_CHECKING:
    import torch

Progress = Callable[[str, float], None]  # (what is going on, fraction done)


class Query:
    """A counted black-box handle on the target: images in, embeddings out."""

    def __init__(self, embed: Callable[[NDArray[np.uint8]], Floats], budget: int) -> None:
        self._embed = embed
        self._used = 0
        self.budget = budget
        self.bills: dict[str, int] = {}  # paid already, by name: nothing is paid for twice

    @property
    def used(self) -> int:
        """Queries so far."""
        return self._used

    def charge(self, count: int) -> None:
        """Pay for queries whose answers came from a cache."""
        self._used += max(0, count)

    def __call__(self, images: NDArray[np.uint8]) -> Floats:
        """Embed (n, h, w[, 3]) uint8 prepared images; (n, d) float32.

        Raises:
            RuntimeError: the budget would be exceeded; nothing was asked.
        """
        if self.used + len(images) > self.budget:
            raise RuntimeError(f"query budget exhausted: {self.used} of {self.budget} used")
        self._used += len(images)
        return self._embed(images)


def _quiet(text: str, fraction: float) -> None:
    """Progress nobody listens to."""


@dataclass(frozen=True, eq=False)
class Version:
    """What the attacker has of one version of the target.

    Attributes:
        name: of the version.
        scheme: fitted to the system's embeddings under this version.
        embeddings: (n, d) float32, the attacker's own samples under this version.
        templates: the stolen samples' templates under this version, row by row those of the view;
            None where only the final version's leaked.
    """

    name: str
    scheme: Scheme
    embeddings: Floats
    templates: Templates | None = None


@dataclass(frozen=True, eq=False)
class View:
    """All that an attack sees. The truth is not in it.

    Attributes:
        scheme: the fitted scheme (algorithms are public).
        templates: the stolen templates; the token only if it leaked.
        embeddings: (n, d) float32, the attacker's own samples under the target.
        subjects: (n,) int64, whose they are.
        images: (n, h, w[, 3]) uint8, the same samples as prepared images; None without images.
        query: counted black-box handle on the target; None without images.
        module: the target's network, only if white box is granted.
        classifies: whether the embeddings are probabilities of subjects, the attacker's among them.
        versions: of the target, oldest first, the final one last; empty where there is only that.
        device: torch device name.
        progress: callback for long work.
        remarks: what the attack wants the record to say about this run; it may append.
    """

    scheme: Scheme
    templates: Templates
    embeddings: Floats
    subjects: NDArray[np.int64]
    images: NDArray[np.uint8] | None = None
    query: Query | None = None
    module: torch.nn.Module | None = None
    classifies: bool = False
    versions: tuple[Version, ...] = ()
    device: str = "cpu"
    progress: Progress = field(default=_quiet, repr=False)
    remarks: list[str] = field(default_factory=list, repr=False)

    def history(self) -> tuple[Version, ...]:
        """All versions that may be queried; the one in use alone where there are no others."""
        return self.versions or (Version("final", self.scheme, self.embeddings, self.templates),)


class Attack(ABC):
    """An inverter: a frozen dataclass whose fields are its hyper-parameters.

    Attributes:
        yields: what ``run`` returns, "embeddings" (n, d) float32 or "images" (n, s, s) uint8.
        blind: True for a control that never reads the templates.
        learned: True when it trains on the attacker's own samples.
    """

    yields: ClassVar[Literal["embeddings", "images"]] = "embeddings"
    blind: ClassVar[bool] = False
    learned: ClassVar[bool] = False

    def unsupported(self, view: View) -> str | None:
        """Why this attack cannot run on this view, in words; None when it can."""
        return None

    @abstractmethod
    def run(self, view: View, rng: np.random.Generator) -> NDArray[Any]:
        """Reconstruct every stolen template.

        Args:
            view: what the threat model grants.
            rng: the only source of randomness; torch gets its generator from it.

        Returns:
            One reconstruction per template, in order (see ``yields``).
        """


@runtime_checkable
class ImageInverter(Protocol):
    """An attack that can also turn known embeddings into pictures.

    With it every embedding-level reconstruction becomes a face, so that a broken scheme is seen,
    and the true embedding gives the upper bound.
    """

    def invert(self, view: View, embeddings: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
        """(n, d) embeddings to (n, s, s) uint8 images in the target's canonical form."""
        ...
