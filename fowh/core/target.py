"""What a target model is: the function from a sample to an embedding that the attacker inverts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import cached, digest
from fowh.core.dataset import Samples
from fowh.core.errors import InputError

if TYPE_CHECKING:
    import torch

    from fowh.core.attack import Progress


@dataclass(frozen=True, eq=False)
class Prepared:
    """Images in the target's canonical form (detected, aligned, resized).

    Attributes:
        images: (n, size, size) uint8 grey or (n, size, size, 3) uint8 RGB.
        found: (n,) bool; False where detection failed and the fallback was used.
    """

    images: NDArray[np.uint8]
    found: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Lessons:
    """What a target that is trained here learns from; it is private, the attacker never has it.

    Attributes:
        images: (n, h, w[, 3]) uint8 prepared images.
        subjects: (n,) int64 codes of any values.
        newcomer: (k, h, w[, 3]) uint8, a subject enrolled later (schedule update); None otherwise.
    """

    images: NDArray[np.uint8]
    subjects: NDArray[np.int64]
    newcomer: NDArray[np.uint8] | None = None


class Target(ABC):
    """A target model: a frozen dataclass whose fields are its parameters.

    Attributes:
        classifies: True when ``embed`` gives probabilities of the subjects it was trained on.
    """

    classifies: ClassVar[bool] = False

    @abstractmethod
    def prepare(self, images: NDArray[np.uint8]) -> Prepared:
        """Bring photographs into the canonical form that ``embed`` takes."""

    @abstractmethod
    def embed(self, images: NDArray[np.uint8], device: str = "cpu") -> NDArray[np.float32]:
        """Embed prepared images, batched.

        Args:
            images: (n, h, w) or (n, h, w, 3) uint8, any square size: resized as needed.
            device: where the network runs ("cpu", "cuda", ...).

        Returns:
            (n, d) float32.
        """

    def module(self, device: str = "cpu") -> torch.nn.Module | None:
        """The network itself, for a white-box view: (n, 1 or 3, h, w) float in 0..1 -> (n, d).

        Differentiable, resizes its input itself, in eval mode with frozen weights; None when there
        is none.
        """
        return None

    def fit(
        self, lessons: Lessons, device: str = "cpu", progress: Progress | None = None
    ) -> Target:
        """The target after training on private samples; itself where it came trained."""
        return self

    def versions(self) -> dict[str, Target]:
        """The models that an attacker may query, oldest first, the one in use last; by name."""
        return {"final": self}

    @property
    @abstractmethod
    def sha256(self) -> str:
        """Digest of the weights and of everything else that determines the embedding."""


@dataclass(frozen=True, eq=False)
class Embedded:
    """A dataset under a target.

    Attributes:
        embeddings: (n, d) float32.
        images: the prepared images, (n, size, size[, 3]) uint8; None for ready embeddings.
        not_found: how many samples the detector missed (the fallback was used); None likewise.
    """

    embeddings: NDArray[np.float32]
    images: NDArray[np.uint8] | None = None
    not_found: int | None = None


def embed_samples(samples: Samples, target: Target | None, device: str = "cpu") -> Embedded:
    """Prepare and embed a dataset, once: the result is cached by the content of both.

    Raises:
        InputError: images without a target.
    """
    if samples.embeddings is not None:
        return Embedded(samples.embeddings)
    if target is None or samples.images is None:
        raise InputError("this dataset holds images: name a target model with --target")
    images = samples.images

    def build() -> dict[str, NDArray[Any]]:
        prepared = target.prepare(images)
        embeddings = target.embed(prepared.images, device)
        return {"embeddings": embeddings, "images": prepared.images, "found": prepared.found}

    stored = cached("embeddings", digest(samples.sha256, target.sha256), build)
    return Embedded(stored["embeddings"], stored["images"], int((~stored["found"]).sum()))


def resize(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Images (n, h, w[, 3]) uint8 as squares of ``size`` pixels, antialiased."""
    from PIL import Image

    if images.shape[1:3] == (size, size):
        return images
    shrunk = [
        np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS))
        for image in images
    ]
    return np.stack(shrunk)


def alike(images: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images as grey or as RGB, whichever the others are."""
    if images.ndim == others.ndim:
        return images
    if images.ndim == 3:
        return np.repeat(images[..., None], 3, axis=-1)
    luma = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601
    return (images @ luma).round().astype(np.uint8)
