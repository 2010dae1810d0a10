"""Targets that are trained here, on a protocol's private samples, and that keep their versions."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import Arrays, cached, digest, source_digest
from fowh.core.errors import InputError
from fowh.core.target import Lessons, Prepared, Target, resize

if TYPE_CHECKING:
    from torch import Tensor, nn

    from fowh.core.attack import Progress

Schedule = Literal["upslope", "update", "downslope"]
SHARES: dict[str, float] = {"0": 0.0, "25": 0.25, "50": 0.5, "75": 0.75, "100": 1.0}
UPDATE_EPOCHS = 10  # paper, sec. 2.1; versions are kept before, half-way and after
BATCH = 256


@dataclass(frozen=True)
class TrainedTarget(Target):
    """A recogniser of the paper's kind (sec. 5.1): trunk, fully connected layer, angular margin.

    Attributes:
        head: extractor (f_E, unit vectors of the fully connected layer, compared in L2) or
            classifier (f_C, probabilities of the subjects it was trained on).
        schedule: which versions there are. upslope: after 0, 25, 50, 75 and 100 % of the training.
            update: the trained model, and after 5 and 10 epochs more with a newcomer whose pictures
            are blurred. downslope: as upslope, retrained after subjects were removed.
        loss: the margin.
        epochs: of the whole training.
        dimension: of the fully connected layer; the embedding of an extractor.
        dropout: on that layer in training.
        side: prepared images are squares of this many pixels.
        seed: of the private split, the initial weights and the order of samples.
        public: what ``fit`` learned; never given on the command line.
    """

    trained: ClassVar[bool] = True
    head: Literal["extractor", "classifier"] = "extractor"
    schedule: Schedule = "upslope"
    loss: Literal["sphereface", "arcface", "cosface"] = "sphereface"
    epochs: int = 8
    dimension: int = 128
    dropout: float = 0.5
    side: int = 64
    seed: int = 0
    public: Weights | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        name = type(self).__name__.lower()
        if self.epochs < 1 or self.dimension < 2 or self.side < 32 or self.seed < 0:
            raise InputError(
                f"{name}: epochs={self.epochs}, dimension={self.dimension}, side={self.side}, "
                f"seed={self.seed}; give epochs >= 1, dimension >= 2, side >= 32, seed >= 0"
            )
        if not 0 <= self.dropout < 1:
            raise InputError(f"{name}: dropout={self.dropout}; give 0 or more and less than 1")

    @abstractmethod
    def network(self, classes: int) -> nn.Module:
        """A network without weights; its forward gives features (n, dimension) of (n, 3, h, w)."""

    @abstractmethod
    def start(self, network: nn.Module, generator: Any) -> None:
        """Set the initial weights: published ones, or draws from the torch generator."""

    def origin(self) -> str:
        """Where the initial weights come from; with others the training is another one."""
        return "random"

    @property
    def classifies(self) -> bool:  # type: ignore[override]
        """True for f_C."""
        return self.head == "classifier"

    def prepare(self, images: NDArray[np.uint8]) -> Prepared:
        """Centre square, resized; nothing is detected, so everything is found."""
        height, width = images.shape[1:3]
        edge = min(height, width)
        top, left = (height - edge) // 2, (width - edge) // 2
        squares = images[:, top : top + edge, left : left + edge]
        return Prepared(resize(squares, self.side), np.ones(len(images), dtype=np.bool_))

    def fit(
        self, lessons: Lessons, device: str = "cpu", progress: Progress | None = None
    ) -> Target:
        """Train, once: the versions are cached by everything that they depend on.

        Raises:
            InputError: fewer than two subjects to learn from.
        """
        from fowh.targets._learn import learn

        people = len(np.unique(lessons.subjects))
        if people < 2:
            raise InputError(
                f"target: {people} private subjects to learn from, expected at least 2: "
                "the dataset is too small for its protocol"
            )
        key = digest(self.sha256, lessons.images, lessons.subjects, lessons.newcomer)
        arrays = cached("target", key, lambda: learn(self, lessons, device, progress))
        return dataclasses.replace(self, public=Weights(arrays, self.names[-1], people))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the versions of the schedule, oldest first."""
        if self.schedule == "update":
            return tuple(str(epoch) for epoch in (0, UPDATE_EPOCHS // 2, UPDATE_EPOCHS))
        return tuple(SHARES)

    def versions(self) -> dict[str, Target]:
        """The models that were kept while training.

        Raises:
            RuntimeError: not fitted.
        """
        public = self._public()
        return {
            name: dataclasses.replace(self, public=dataclasses.replace(public, version=name))
            for name in self.names
        }

    def embed(self, images: NDArray[np.uint8], device: str = "cpu") -> NDArray[np.float32]:
        import torch

        network = self.module(device)
        parts = []
        with torch.inference_mode():
            for begin in range(0, len(images), BATCH):
                batch = as_tensor(images[begin : begin + BATCH], device)
                parts.append(network(batch).cpu().numpy())
        return np.concatenate(parts) if parts else np.empty((0, self.width), dtype=np.float32)

    @property
    def width(self) -> int:
        """Length of what ``embed`` returns."""
        return self._public().classes if self.classifies else self.dimension

    def module(self, device: str = "cpu") -> nn.Module:
        """The version's network; see ``Target.module``.

        Raises:
            RuntimeError: not fitted.
        """
        from fowh.targets._learn import Recogniser

        return Recogniser.restore(self, self._public(), device)

    @property
    def sha256(self) -> str:
        """Digest of the version's weights; before ``fit``, of the recipe and of its code."""
        if self.public is not None:
            state = self.public.state()
            about = (self.head, self.side, self.loss, self.public.classes, self._code())
            return digest(*about, *(part for pair in state.items() for part in pair))
        recipe = {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.name != "public"
        }
        return digest(type(self).__name__, recipe, self.origin(), self._code())

    def _code(self) -> str:
        """Digest of the code that trains and runs the network."""
        from fowh.targets import _learn, _margin

        return source_digest(__file__, _learn.__file__, _margin.__file__, _file(type(self)))

    def _public(self) -> Weights:
        if self.public is None:
            raise RuntimeError("this target is trained by a protocol; call fit first")
        return self.public


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of all versions, and which of them is meant.

    Attributes:
        arrays: by "version/parameter".
        version: name of the version.
        classes: how many subjects the last version tells apart, the newcomer left out.
    """

    arrays: Arrays
    version: str
    classes: int

    def state(self) -> Arrays:
        """The version's own arrays, by parameter."""
        head = f"{self.version}/"
        return {name[len(head) :]: a for name, a in self.arrays.items() if name.startswith(head)}


def as_tensor(images: NDArray[np.uint8], device: str) -> Tensor:
    """Images (n, h, w[, 3]) uint8 as floats (n, 1 or 3, h, w) in 0..1."""
    import torch

    batch = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    batch = batch[:, None] if batch.ndim == 3 else batch.permute(0, 3, 1, 2)
    return batch.float() / 255


def _file(found: type) -> str:
    import inspect

    return inspect.getsourcefile(found) or ""
