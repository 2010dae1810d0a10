"""Descent in the span of the attacker's faces: only pictures that could be faces are guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks._own import held_out
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.kit.parallel import training_threads

if TYPE_CHECKING:
    from torch import Tensor

    from attacks._guessed import Guesses

RATE = 0.1  # of Adam, in standard deviations of the prior
COUNTS = (8, 16, 32, 64, 128, 256)  # principal components that are tried
HELD = 0.2  # of his samples, on which they are tried
CHUNK = 2**23  # numbers of the gradients that are held at a time


@dataclass(frozen=True)
class Generative(Attack):
    """Pictures as the mean face and its principal components, fitted to the update.

    The likelihood of the scheme and a Gaussian of faces (the components of the attacker's own, as
    many as reconstruct held-out ones best) are all that counts: with noise this is the likeliest
    face in that span. After Jeon et al. (2021, "Gradient Inversion with Generative Image Prior"),
    whose generator is here a linear one, which needs no more faces than he has.

    Attributes:
        steps: of Adam.
        restarts: from other faces; each row keeps the one that explains it best.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    learned: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"steps": 4}
    steps: int = 300
    restarts: int = 1

    def __post_init__(self) -> None:
        if self.steps < 1 or self.restarts < 1:
            raise InputError(
                f"generative: steps={self.steps}, restarts={self.restarts}; give 1 or more"
            )

    def unsupported(self, view: View) -> str | None:
        from attacks._labels import unlabelled

        return unlabelled(view)

    @training_threads()  # a descent makes a difference in rounding grow, as a training does
    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._guessed import Guesses, as_samples, picture_shape
        from attacks._labels import labels_of

        scheme, release = view.scheme, view.release
        assert isinstance(scheme, UpdateScheme)
        guesses = Guesses(view, type(scheme).each is not UpdateScheme.each)
        mean, axes = _faces(view, rng)
        rows, width = release.code.shape
        labels = torch.from_numpy(labels_of(view)).to(view.device)
        seen = torch.from_numpy(release.code).to(view.device)
        start = rng.standard_normal((rows, self.restarts, release.each, len(axes)))
        starts = 0.1 * torch.from_numpy(start).to(mean)
        made = torch.empty(rows, release.each, len(mean))
        step = max(1, CHUNK // (width * guesses.parts * self.restarts))
        for at in range(0, rows, step):
            part = slice(at, at + step)
            z = starts[part].flatten(0, 1).requires_grad_()
            y, s = (of[part].repeat_interleave(self.restarts, dim=0) for of in (labels, seen))
            draw = partial(_drawn, mean, axes, picture_shape(view))
            loss = partial(_loss, guesses, scheme, release.each // scheme.summed, y, s, draw)
            final = self._descend(
                z,
                loss,
                lambda share, at=at: view.progress(  # type: ignore[misc]
                    "generative", (at + step * share) / rows
                ),
            )
            best = final.reshape(-1, self.restarts).nan_to_num(torch.inf).argmin(dim=1)
            pictures = (
                draw(z.detach()).flatten(2).reshape(-1, self.restarts, release.each, len(mean))
            )
            made[part] = pictures[torch.arange(len(best)), best.cpu()].cpu()
        return as_samples(made.reshape(-1, *picture_shape(view)), view)

    def _descend(self, z: Tensor, loss: Any, told: Any) -> Tensor:
        """Change (n, each, k) in place; the last losses (n,)."""
        import torch

        adam = torch.optim.Adam([z], lr=RATE)
        ease = torch.optim.lr_scheduler.CosineAnnealingLR(adam, self.steps, RATE / 100)
        for number in range(self.steps):
            adam.zero_grad()
            loss(z).sum().backward()
            adam.step()
            ease.step()
            if number % 20 == 0:
                told(number / self.steps)
        return loss(z).detach()  # type: ignore[no-any-return]


def _faces(view: View, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Mean (d,) and components (k, d), each as long as one standard deviation."""
    import torch

    from fowh.kit.images import as_tensor

    assert view.samples is not None
    own = as_tensor(view.samples, view.device).flatten(1)
    out = torch.from_numpy(held_out(view, HELD, 1, rng)).to(own.device)
    learned, tried = own[~out], own[out]
    most = min(*own.shape, len(learned)) - 1
    counts = [count for count in COUNTS if count < most] or [max(1, most)]
    if len(learned) > 1:
        mean = learned.mean(dim=0)
        _, scale, axes = torch.linalg.svd(learned - mean, full_matrices=False)
        errors = []
        for count in counts:
            power = scale[:count].square() / (len(learned) - 1)
            rest = scale[count:].square().sum() / (len(learned) - 1) / (own.shape[1] - count)
            gap = tried - mean
            along = gap @ axes[:count].T  # what a prior that is too narrow would shrink
            kept = (along * power / (power + rest)) @ axes[:count]
            errors.append(float((gap - kept).square().mean()))
        counts = [counts[int(np.argmin(errors))]]
    mean = own.mean(dim=0)
    _, scale, axes = torch.linalg.svd(own - mean, full_matrices=False)
    count = counts[0]
    return mean, axes[:count] * (scale[:count, None] / max(1, len(own) - 1) ** 0.5)


def _drawn(mean: Tensor, axes: Tensor, shape: tuple[int, int, int], z: Tensor) -> Tensor:
    return (mean + z @ axes).reshape(*z.shape[:2], *shape)


def _loss(
    guesses: Guesses, scheme: UpdateScheme, size: int, y: Tensor, seen: Tensor, draw: Any, z: Tensor
) -> Tensor:
    """Minus log-posterior of (n, each, k), (n,)."""
    found = guesses.gradients(draw(z), y)
    return scheme.misfit(found, seen, size) + z.square().sum(dim=(1, 2)) / 2
