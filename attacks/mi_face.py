"""Model inversion by descent on a class: the picture that the classifier is surest of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.view import View
from fowh.kit.parallel import training_threads

if TYPE_CHECKING:
    from torch import Tensor

SURE = 1e-30  # probability below which the slope of its logarithm is cut off
LEAST = 1e-20  # slope below which there is none


@dataclass(frozen=True)
class MiFace(Attack):
    """Fredrikson, Jha and Ristenpart (2015), algorithm 1: MI-Face.

    Whom a stolen answer names is whom the picture is made of: from the mean of the attacker's own
    pictures down the loss of that class, once for each class. The network is needed, since its
    slopes are. The loss is minus the logarithm of the class's probability. The paper descends on
    one minus that probability, whose slope vanishes where the class is improbable; both fall
    together. Every step is of one length. What is added to the mean picture is kept smooth: by its
    total variation, or, as in the paper (PROCESS), by smoothing it after every step.

    Attributes:
        process: tv, or denoise (each pixel the mean of three by three).
        steps: of descent.
        rate: root mean square of a step, in shares of the range of a pixel.
        weight: of total variation, mean over pixels, against the loss.

    Steps, rate and weight were chosen by ``python -m bench.tuning`` (docs/gradients.md).
    """

    yields: ClassVar[Literal["embeddings", "samples", "claims"]] = "samples"
    modality: ClassVar[str | None] = "image"
    quick: ClassVar[Mapping[str, Any]] = {"steps": 5}
    process: Literal["tv", "denoise"] = "tv"
    steps: int = 25
    rate: float = 0.0025
    weight: float = 30.0

    def __post_init__(self) -> None:
        if self.process not in ("tv", "denoise"):
            raise InputError(f"mi_face: process is {self.process!r}; give tv or denoise")
        if type(self.steps) is not int or self.steps < 1:
            raise InputError(f"mi_face: steps is {self.steps}; give an integer of at least 1")
        for name in ("rate", "weight"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"mi_face: {name} is {getattr(self, name)}; give more than 0")

    def unsupported(self, view: View) -> str | None:
        if not view.as_released:
            return "it descends on a class, and no classifier answered (--leak outputs)"
        if view.module is None:
            return "it needs the network's slopes: give --white-box"
        return None

    @training_threads()  # a descent makes a difference in rounding grow, as a training does
    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        said = view.release.code.reshape(len(view.release), -1)
        labels, rows = np.unique(said.argmax(axis=1), return_inverse=True)
        return self.prototypes(view, labels)[rows]

    def prototypes(self, view: View, labels: NDArray[np.intp]) -> NDArray[np.uint8]:
        """Pictures of classes (k,), shaped like the attacker's own."""
        import torch

        from fowh.kit.images import as_tensor

        assert view.samples is not None and view.module is not None
        module = view.module
        mean = as_tensor(view.samples, view.device).mean(dim=0)
        made = mean.expand(len(labels), *mean.shape).clone()
        wanted = torch.from_numpy(labels).to(view.device)
        for number in range(self.steps):
            made.requires_grad_()
            right = module(made).gather(1, wanted[:, None])
            # A sum: every picture descends on its own, whichever stand beside it.
            loss = -right.clamp_min(SURE).log().sum()
            if self.process == "tv":
                loss = loss + self.weight * _variation(made - mean)
            (slope,) = torch.autograd.grad(loss, made)
            length = slope.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
            made = made.detach() - self.rate * slope / length.clamp_min(LEAST)
            if self.process == "denoise":
                made = mean + _smooth(made - mean)
            made = made.clamp(0, 1)
            if number % 20 == 0:
                view.progress(f"mi_face: step {number}", number / self.steps)
        whole = (made * 255).round().to(torch.uint8).cpu()
        shown = whole.permute(0, 2, 3, 1) if view.samples.ndim == 4 else whole[:, 0]
        return np.ascontiguousarray(shown.numpy())


def _variation(pictures: Tensor) -> Tensor:
    """Mean absolute difference of neighbours, summed over pictures (n, c, h, w)."""
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs().mean(dim=(1, 2, 3))
    right = (pictures[..., 1:] - pictures[..., :-1]).abs().mean(dim=(1, 2, 3))
    return (down + right).sum()


def _smooth(pictures: Tensor) -> Tensor:
    """Each pixel the mean of the nine around it; borders are repeated."""
    from torch.nn.functional import avg_pool2d, pad

    return avg_pool2d(pad(pictures, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
