"""Targets that are trained here, on a protocol's private samples, and that keep their versions."""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import cached, digest, source_digest
from fowh.core.errors import InputError
from fowh.core.target import Lessons, Prepared, Progress, Target
from fowh.kit import images
from fowh.kit.images import as_tensor, resize
from fowh.targets._trainable import SHARES, UPDATE_EPOCHS, Schedule, Weights

if TYPE_CHECKING:
    from torch import nn

BATCH = 256
WIDEST, LARGEST = 65_536, 1024  # of embeddings, and of a picture's side
HEAD = 4  # layers after the last map: pool, flatten, fully connected, normalisation


@dataclass(frozen=True)
class TrainedTarget(Target):
    """A recogniser of the paper's kind (sec. 5.1): trunk, fully connected layer, angular margin.

    It embeds (f_E: unit vectors of the fully connected layer, compared in L2); its ``classifier``
    answers (f_C: probabilities of the subjects that it was trained on).

    Attributes:
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

    modality: ClassVar[str] = "image"
    quick: ClassVar[Mapping[str, Any]] = {"epochs": 1}
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
        if self.dimension > WIDEST or self.side > LARGEST:
            raise InputError(
                f"{name}: dimension={self.dimension}, side={self.side}; give dimension <= {WIDEST},"
                f" side <= {LARGEST}: layers and pictures have to fit into memory"
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

    def notes(self) -> dict[str, Any]:
        return {"initial_weights": self.origin()}

    def prepare(self, samples: NDArray[np.uint8]) -> Prepared:
        """Centre square, resized; nothing is detected, so everything is found."""
        height, width = samples.shape[1:3]
        edge = min(height, width)
        top, left = (height - edge) // 2, (width - edge) // 2
        squares = samples[:, top : top + edge, left : left + edge]
        return Prepared(resize(squares, self.side), np.ones(len(samples), dtype=np.bool_))

    def fit(
        self, lessons: Lessons | None, device: str = "cpu", progress: Progress | None = None
    ) -> Target:
        """Train, once: the versions are cached by everything that they depend on.

        Raises:
            InputError: nothing or fewer than two subjects to learn from, or nobody who joins later
                where the schedule is about that.
        """
        from fowh.targets._learn import learn

        name = type(self).__name__.lower()
        if lessons is None:
            raise InputError(
                f"target {name} is trained here, and this protocol has nothing that it may learn "
                "from: name one that has, such as --protocol afm_iris or --protocol afm_face"
            )
        if self.schedule == "update" and lessons.later is None:
            raise InputError(
                f"target {name}: schedule update needs a subject who joins later, and there is "
                "none: name another schedule"
            )
        people = len(np.unique(lessons.subjects))
        if people < 2:
            raise InputError(
                f"target: {people} private subjects to learn from, expected at least 2: "
                "the dataset is too small for its protocol"
            )
        key = digest(self.sha256, lessons.samples, lessons.subjects, lessons.later)
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

    def classifier(self) -> Target:
        """The same model, of which the probabilities of known subjects are shown.

        Raises:
            RuntimeError: not fitted.
        """
        public = dataclasses.replace(self._public(), answers=True)
        return dataclasses.replace(self, public=public)

    def embed(self, samples: NDArray[np.uint8], device: str = "cpu") -> NDArray[np.float32]:
        import torch

        network = self.module(device)
        parts = []
        with torch.inference_mode():
            for begin in range(0, len(samples), BATCH):
                batch = as_tensor(samples[begin : begin + BATCH], device)
                parts.append(network(batch).cpu().numpy())
        return np.concatenate(parts) if parts else np.empty((0, self.width), dtype=np.float32)

    @property
    def width(self) -> int:
        """Length of what ``embed`` returns."""
        public = self._public()
        return public.classes if public.answers else self.dimension

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
            shown = "answers" if self.public.answers else "embeddings"
            about = (shown, self.side, self.loss, self.public.classes, self._code())
            return digest(*about, *(part for pair in state.items() for part in pair))
        recipe = {
            item.name: getattr(self, item.name)
            for item in dataclasses.fields(self)
            if item.name != "public"
        }
        return digest(type(self).__name__, recipe, self.origin(), self._code())

    @property
    def preparation(self) -> str:
        """Digest of what determines the prepared squares."""
        return digest(self.side, source_digest(__file__, images.__file__))

    def appearance(self, samples: NDArray[np.uint8], device: str = "cpu") -> NDArray[np.float32]:
        """The last map before the fully connected layer, averaged over the picture.

        The embedding would not do: it spreads unknown subjects so widely that half of the real
        pictures lie outside.
        """
        import torch

        layers = self.module(device).get_submodule("features")
        assert isinstance(layers, torch.nn.Sequential)
        trunk, parts = layers[:-HEAD], []
        squares = images.resize(samples, self.side)
        with torch.inference_mode():
            for begin in range(0, len(squares), BATCH):
                batch = as_tensor(squares[begin : begin + BATCH], device).expand(-1, 3, -1, -1)
                parts.append(trunk(batch).mean(dim=(2, 3)).cpu().numpy())
        return np.concatenate(parts)

    def _code(self) -> str:
        """Digest of the code that trains and runs the network."""
        from fowh.kit import fabric, training
        from fowh.targets import _learn, _margin, _trainable

        parts = (images, fabric, training, _learn, _margin, _trainable)
        files = [part.__file__ or "" for part in parts]
        return source_digest(__file__, *files, _file(type(self)))

    def _public(self) -> Weights:
        if self.public is None:
            raise RuntimeError("this target is trained by a protocol; call fit first")
        return self.public


def _file(found: type) -> str:
    import inspect

    return inspect.getsourcefile(found) or ""
