"""Targets that clients train together: face classifiers whose updates a server sees."""

from __future__ import annotations

import dataclasses
import inspect
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import Arrays, cached, digest, source_digest
from fowh.core.errors import InputError
from fowh.core.randomness import stream
from fowh.core.registry import load
from fowh.core.release import Floats
from fowh.core.target import Lessons, Prepared, Progress, Target
from fowh.kit import images
from fowh.kit.images import as_tensor, resize

if TYPE_CHECKING:
    import torch
    from torch import nn

SIDES = (32, 64)
BATCH = 256
ALIGNER = "dlib"  # the target whose aligned chips are the samples


@dataclass(frozen=True, eq=False)
class Learnt:
    """What training left behind.

    Attributes:
        arrays: the network's weights, by name.
        classes: subjects that it tells apart.
        channels: of its samples, 1 or 3.
    """

    arrays: Arrays
    classes: int
    channels: int


@dataclass(frozen=True)
class FederatedTarget(Target):
    """A classifier of aligned faces, trained in rounds (McMahan et al. 2017, FederatedSGD).

    A subclass gives ``network`` and ``rate``. What it says of a face are the probabilities of the
    subjects that it was trained on, in the order of their codes: as a recogniser of others it is
    no good.

    Attributes:
        side: samples are squares of 32 or 64 pixels.
        seed: of the initial weights, and of who takes part in which round.
        public: what ``fit`` learned; never given on the command line.
    """

    modality: ClassVar[str] = "image"
    side: int = 32
    seed: int = 0
    public: Learnt | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.side not in SIDES or self.seed < 0:
            raise InputError(
                f"{self.name}: side={self.side}, seed={self.seed}; give side 32 or 64, seed >= 0"
            )

    @property
    def name(self) -> str:
        """Of the plug-in."""
        return type(self).__name__.lower()

    @abstractmethod
    def network(self, classes: int, channels: int, generator: torch.Generator) -> nn.Module:
        """A new network in the mode in which it is trained; see ``Learner``."""

    @property
    @abstractmethod
    def rate(self) -> float:
        """Step of plain gradient descent."""

    @property
    def alone(self) -> bool:
        """Whether gradients of single samples exist."""
        return True

    @property
    def frame(self) -> str:
        made: str = load("target", ALIGNER).frame
        return made

    def prepare(self, samples: NDArray[np.uint8]) -> Prepared:
        """Faces that dlib finds and turns upright, as squares of ``side`` pixels."""
        made = load("target", ALIGNER).prepare(samples)
        return Prepared(resize(made.samples, self.side), made.found)

    def fit(
        self, lessons: Lessons | None, device: str = "cpu", progress: Progress | None = None
    ) -> Target:
        """Train in the open for ``federated.ROUNDS`` rounds, once: the weights are cached.

        Initial weights and rounds are those of leak ``gradients`` for the same seed.

        Raises:
            InputError: nothing, or fewer than two subjects, to learn from.
        """
        if lessons is None:
            raise InputError(
                f"target {self.name} is trained here, and this protocol has nothing that it may "
                "learn from: name one that has, such as --protocol federated"
            )
        people, labels = np.unique(lessons.subjects, return_inverse=True)
        if len(people) < 2:
            raise InputError(
                f"target {self.name}: {len(people)} subjects to learn from, expected at least 2"
            )
        channels = 1 if lessons.samples.ndim == 3 else 3

        def build() -> Arrays:
            return self._train(lessons.samples, labels, channels, device, progress)

        key = digest(self.sha256, lessons.samples, lessons.subjects, device.partition(":")[0])
        learnt = Learnt(cached("target", key, build), len(people), channels)
        return dataclasses.replace(self, public=learnt)

    def _train(
        self,
        samples: NDArray[np.uint8],
        labels: NDArray[np.intp],
        channels: int,
        device: str,
        progress: Progress | None,
    ) -> Arrays:
        """Weights after the training."""
        import torch

        from fowh.core.updates import UpdateScheme
        from fowh.kit import federated
        from fowh.kit.training import state_of

        first = int(stream(self.seed, "federated", "weights").integers(2**62))
        network = self.network(
            int(labels.max()) + 1, channels, torch.Generator().manual_seed(first)
        ).to(device)
        federated.train(
            *(network, as_tensor(samples, device), torch.from_numpy(labels).to(device)),
            *(UpdateScheme(), federated.ROUNDS, self.rate),
            stream(self.seed, "federated", "rounds"),
            alone=self.alone,
            progress=progress,
        )
        return state_of(network)

    def classifier(self) -> Target:
        """Itself: it does nothing but name those whom it knows."""
        return self

    def embed(self, samples: NDArray[np.uint8], device: str = "cpu") -> Floats:
        """Answers (n, classes) float32: the probability of each subject.

        Raises:
            InputError: not trained.
        """
        import torch

        network = self.module(device)
        parts = [np.empty((0, self._public().classes), dtype=np.float32)]
        with torch.inference_mode():
            for begin in range(0, len(samples), BATCH):
                batch = as_tensor(samples[begin : begin + BATCH], device)
                parts.append(network(batch).cpu().numpy())
        return np.concatenate(parts)

    def module(self, device: str = "cpu") -> nn.Module:
        """The network as ``embed`` uses it: resized pictures to probabilities, frozen.

        Raises:
            InputError: not trained.
        """
        import torch

        from fowh.kit.training import restore
        from fowh.targets._answering import Answering

        public = self._public()
        network = self.network(public.classes, public.channels, torch.Generator())
        made = Answering(restore(network, public.arrays), self.side, public.channels)
        return made.to(device).eval().requires_grad_(False)

    @property
    def sha256(self) -> str:
        """Digest of parameters, code, and weights, once there are some."""
        recipe = {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.name != "public"
        }
        known = [] if self.public is None else sorted(self.public.arrays.items())
        about = (self.name, recipe, self.rate, self.preparation, self._code())
        return digest(*about, *(part for pair in known for part in pair))

    @property
    def preparation(self) -> str:
        """Digest of what determines the prepared squares."""
        code = source_digest(__file__, images.__file__)
        return digest(self.side, load("target", ALIGNER).preparation, code)

    def _code(self) -> str:
        """Digest of the code that trains and runs the network."""
        from fowh.core import updates
        from fowh.kit import federated, rounds, training
        from fowh.targets import _answering

        parts = (updates, federated, rounds, training, _answering)
        files = [part.__file__ or "" for part in parts]
        return source_digest(*files, inspect.getsourcefile(type(self)) or "")

    def _public(self) -> Learnt:
        if self.public is None:
            raise InputError(
                f"target {self.name} is not trained: it answers after fit, which a protocol such "
                "as --protocol federated calls"
            )
        return self.public
