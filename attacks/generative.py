"""Generative: the picture in the span of the attacker's own that explains the update best."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.updates import UpdateScheme
from fowh.core.view import View

CHUNK = 2**23  # numbers of the gradients that are held at a time


@dataclass(frozen=True)
class Generative(Attack):
    """Principal pictures as the prior, the scheme's likelihood as the evidence.

    The family's image inverters know what faces are from the attacker's samples; here that
    knowledge is linear: a mean, axes and variances (Turk and Pentland 1991). Descent by Adam on
    the distance that ``invert_gradients`` has, in whitened coordinates with a Gaussian prior, where
    noise that covers the whole space is averaged out over the few axes.

    Attributes:
        steps: of Adam.
        axes: of the span, at most.
        prior: weight of half the mean squared whitened coordinate.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    learned: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"steps": 4}
    steps: int = 200
    axes: int = 100
    prior: float = 0.01

    def __post_init__(self) -> None:
        if self.steps < 1 or self.axes < 1 or not self.prior >= 0:
            raise InputError(
                f"generative: steps={self.steps}, axes={self.axes}, prior={self.prior}; give "
                "steps and axes >= 1, prior >= 0"
            )

    def unsupported(self, view: View) -> str | None:
        from attacks._guessed import unfit_for_guessing

        return unfit_for_guessing(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._counted import labels_of
        from attacks._guessed import Guesses, as_samples, picture_shape
        from attacks.invert_gradients import InvertGradients
        from fowh.kit.images import as_tensor

        scheme, release = view.scheme, view.release
        assert isinstance(scheme, UpdateScheme) and view.samples is not None
        own = as_tensor(view.samples, view.device).flatten(1)
        mean = own.mean(dim=0)
        _, spread, basis = torch.linalg.svd(own - mean, full_matrices=False)
        scaled = (spread[: self.axes] / len(own) ** 0.5)[:, None] * basis[: self.axes]
        guesses = Guesses(view, type(scheme).each is not UpdateScheme.each)
        labels = torch.from_numpy(labels_of(view)).to(view.device)
        rows, width = release.code.shape
        kept = torch.empty(rows, release.each, *picture_shape(view))
        step = max(1, CHUNK // (width * guesses.parts))
        for start in range(0, rows, step):
            part = slice(start, start + step)
            seen = torch.from_numpy(release.code[part]).to(view.device)
            distance = InvertGradients().distance(scheme, seen, view)
            # Members of a batch begin apart: from one point all would move alike.
            draws = rng.standard_normal((len(seen), release.each, len(scaled)))
            z = torch.from_numpy(0.1 * draws).to(seen).requires_grad_()
            adam = torch.optim.Adam([z], lr=0.1)
            for number in range(self.steps):
                adam.param_groups[0]["lr"] = 0.1 * (1 - number / self.steps)
                made = (mean + z @ scaled).unflatten(-1, picture_shape(view))
                found = guesses.gradients(made, labels[part])
                loss = distance(found) + self.prior * z.square().mean(dim=(1, 2)) / 2
                (z.grad,) = torch.autograd.grad(loss.sum(), z)
                adam.step()
                if number % 20 == 0:
                    view.progress("generative", (start + step * number / self.steps) / rows)
            final = (mean + z.detach() @ scaled).unflatten(-1, picture_shape(view))
            kept[part] = final.cpu()
        return as_samples(kept, view)
