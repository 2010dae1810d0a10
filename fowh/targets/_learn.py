"""Training a recogniser and keeping its versions (paper, sec. 2.1 and 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import normalize

from fowh.core.cache import Arrays
from fowh.kit.fabric import fabric
from fowh.kit.training import blank, loop, restore, state_of
from fowh.targets import _margin
from fowh.targets._trainable import SHARES, UPDATE_EPOCHS, Trainable, Weights

if TYPE_CHECKING:
    from fowh.core.target import Lessons, Progress

BATCH = 64
RATE = 2e-3
WARM = 50  # steps
BLUR_SIGMA = 0.8  # of the later subject's pictures, 3 x 3 kernel (paper, sec. 2.1)


class Recogniser(nn.Module):
    """Pictures (n, 1 or 3, h, w) in 0..1 to what the target reveals."""

    def __init__(self, target: Trainable, classes: int, shown: int, answers: bool) -> None:
        super().__init__()
        self.features = target.network(classes)
        self.weights = nn.Parameter(torch.empty(classes, target.dimension))
        self.shown = shown  # probabilities revealed; not of who joins later: versions agree
        self.side, self.loss, self.answers = target.side, target.loss, answers

    def forward(self, pictures: Tensor) -> Tensor:
        features = self.encode(pictures)
        if not self.answers:
            return normalize(features)
        whole = _margin.logits(self.loss, features, self.weights).softmax(dim=1)
        return whole[:, : self.shown]

    def encode(self, pictures: Tensor) -> Tensor:
        """Features (n, dimension) of the fully connected layer."""
        if pictures.shape[-1] != self.side:
            size = (self.side, self.side)
            pictures = nn.functional.interpolate(pictures, size, mode="bilinear", antialias=True)
        pictures = pictures.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        features: Tensor = self.features(pictures)
        return features

    @classmethod
    def restore(cls, target: Trainable, weights: Weights, device: str) -> Recogniser:
        """One version, frozen, in eval mode."""
        state = weights.state()
        made = blank(cls, target, len(state["weights"]), weights.classes, weights.answers)
        restore(made, state).to(device).to(memory_format=torch.channels_last)
        return made.eval().requires_grad_(False)


def learn(target: Trainable, lessons: Lessons, device: str, progress: Progress | None) -> Arrays:
    """Weights of every version of the schedule, by "version/parameter"."""
    _, labels = np.unique(lessons.subjects, return_inverse=True)
    people = int(labels.max()) + 1
    generator = torch.Generator().manual_seed(target.seed)
    made = blank(Recogniser, target, people, people, False)
    target.start(made.features, generator)
    with torch.no_grad():
        made.weights.normal_(0, target.dimension**-0.5, generator=generator)
    school = School(target, made, device, generator, progress)
    if target.schedule != "update" or lessons.later is None:
        kept = {name: round(share * target.epochs) for name, share in SHARES.items()}
        return school.teach(lessons.samples, labels, target.epochs, kept)
    school.teach(lessons.samples, labels, target.epochs, {})
    school.admit()
    images = np.concatenate([lessons.samples, blurred(lessons.later)])
    labels = np.concatenate([labels, np.full(len(lessons.later), people)])
    kept = {str(epoch): epoch for epoch in (0, UPDATE_EPOCHS // 2, UPDATE_EPOCHS)}
    return school.teach(images, labels, UPDATE_EPOCHS, kept, rate=RATE / 4)


class School:
    """A recogniser in training."""

    def __init__(
        self,
        target: Trainable,
        made: Recogniser,
        device: str,
        generator: torch.Generator,
        progress: Progress | None,
    ) -> None:
        self.target, self.made, self.generator = target, made, generator
        self.progress = progress or (lambda text, fraction: None)
        self.fabric: Fabric = fabric(device)
        self.order = torch.empty(0)  # of an epoch

    def admit(self) -> None:
        """One subject more in the last layer."""
        fresh = torch.empty(1, self.target.dimension).normal_(
            0, self.target.dimension**-0.5, generator=self.generator
        )
        old = self.made.weights.detach().cpu()
        self.made.weights = nn.Parameter(torch.cat([old, fresh]))

    def teach(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[Any],
        epochs: int,
        kept: dict[str, int],
        rate: float = RATE,
    ) -> Arrays:
        """Train with Adam; by the names in ``kept``, the weights after so many epochs."""
        device = self.fabric.device
        data, wanted = torch.from_numpy(images).to(device), torch.from_numpy(labels).to(device)
        adam = torch.optim.Adam(self.made.parameters(), lr=rate, fused=True)
        made, adam = self.fabric.setup(self.made, adam, move_to_device=True)
        made.mark_forward_method("encode")
        made.to(memory_format=torch.channels_last)
        made.train()
        steps = max(1, len(data) // BATCH)
        arrays: Arrays = {}

        def update(number: int) -> None:
            epoch, step = divmod(number, steps)
            if step == 0:
                self.order = torch.randperm(len(data), generator=self.generator)
            done = (epoch + step / steps) / epochs
            if step % 10 == 0:
                self.progress(f"target: training, epoch {epoch + 1} of {epochs}", done)
            adam.param_groups[0]["lr"] = rate * min(1.0, 1.5 * (1 - done), (number + 1) / WARM)
            rows = self.order[step * BATCH : (step + 1) * BATCH].to(device)
            pictures = data[rows][:, None] if data.ndim == 3 else data[rows].permute(0, 3, 1, 2)
            features = self._dropped(made.encode(pictures.float() / 255).float())
            loss = _margin.loss(self.target.loss, features, self.made.weights, wanted[rows], done)
            adam.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            adam.step()

        def keep(done: int) -> bool:
            due = [name for name, epoch in kept.items() if epoch * steps == done]
            state = state_of(self.made)
            arrays.update({f"{n}/{key}": value for n in due for key, value in state.items()})
            return False

        loop(epochs * steps, update, keep, {epoch * steps for epoch in kept.values()})
        return arrays

    def _dropped(self, features: Tensor) -> Tensor:
        """Dropout with the training's own randomness (paper, sec. 5.1)."""
        share = self.target.dropout
        keep = torch.rand(features.shape, generator=self.generator) >= share
        return features * keep.to(features.device) / (1 - share)


def blurred(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The later subject's pictures after the paper's 3 x 3 Gaussian blur of sigma 0.8."""
    offsets = np.array([-1.0, 0.0, 1.0])
    line = np.exp(-(offsets**2) / (2 * BLUR_SIGMA**2))
    line /= line.sum()
    smooth = images.astype(np.float64)
    for axis in (1, 2):
        padded = np.pad(
            smooth, [(1, 1) if at == axis else (0, 0) for at in range(smooth.ndim)], mode="edge"
        )
        parts = [np.take(padded, range(k, k + smooth.shape[axis]), axis=axis) for k in range(3)]
        smooth = sum(weight * part for weight, part in zip(line, parts, strict=True))
    return smooth.round().astype(np.uint8)
