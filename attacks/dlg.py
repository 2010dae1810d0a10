"""Deep leakage from gradients: a picture and a label whose gradient is the one that was sent."""

from __future__ import annotations

import math
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

CHUNK = 2**24  # numbers of the gradients that are held at a time, in double precision 128 MB


@dataclass(frozen=True)
class Dlg(Attack):
    """L-BFGS on the squared distance between gradients (Zhu, Liu and Han, NeurIPS 2019).

    Pictures start as Gaussian noise and are not kept in 0..1, labels are logits that are optimised
    beside them (algorithm 1), in double precision. Unlike the published code each step is shortened
    until the distance falls, so that no restart diverges, and ends where it falls no more. All rows
    run at once; those whose update is not explained yet (``solved``) are started again, and of a
    row's restarts that of least distance is handed in.

    Attributes:
        steps: of L-BFGS at most.
        restarts: from other noise.
        label: joint: logits are optimised too, as published. analytic: read off the last layer,
            of single samples without noise by the sign of its bias (Zhao et al. 2020, iDLG).
        solved: distance over the update's own square from which on a row is not started again.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    quick: ClassVar[Mapping[str, Any]] = {"steps": 4, "restarts": 1}
    steps: int = 300
    restarts: int = 4
    label: Literal["joint", "analytic"] = "joint"
    solved: float = 1e-9

    def __post_init__(self) -> None:
        if self.steps < 1 or self.restarts < 1 or not 0 < self.solved < math.inf:
            raise InputError(
                f"dlg: steps={self.steps}, restarts={self.restarts}, solved={self.solved}; "
                "give steps and restarts >= 1, solved > 0 and finite"
            )
        if self.label not in ("joint", "analytic"):
            raise InputError(f"dlg: label={self.label!r}; give joint or analytic")

    def unsupported(self, view: View) -> str | None:
        from attacks._guessed import unfit_for_guessing
        from attacks._labels import unlabelled

        return unfit_for_guessing(view) if self.label == "joint" else unlabelled(view)

    @training_threads()  # a descent makes a difference in rounding grow, as a training does
    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._guessed import as_samples, picture_shape

        rows, width = view.release.code.shape
        each, shape = view.release.each, picture_shape(view)
        pixels = each * int(np.prod(shape))
        logits = each * view.embeddings.shape[1] if self.label == "joint" else 0
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        kept = torch.zeros(rows, pixels, dtype=torch.float64)
        least = np.full(rows, np.inf)
        power = np.square(view.release.code, dtype=np.float64).sum(axis=1)
        step = max(1, CHUNK // width)
        for restart in range(self.restarts):
            noise = torch.randn(rows, pixels + logits, generator=draw, dtype=torch.float64)
            left = np.flatnonzero(least > self.solved * power)
            for start in range(0, len(left), step):
                view.progress("dlg", (restart + start / len(left)) / self.restarts)
                part = left[start : start + step]
                found, value = self._solve(view, part, noise[part].to(view.device))
                better = value < least[part]
                least[part[better]] = value[better]
                kept[part[better]] = found[better, :pixels]
        return as_samples(kept.reshape(rows, each, *shape), view)

    def _solve(
        self, view: View, part: NDArray[np.intp], starts: Tensor
    ) -> tuple[Tensor, NDArray[np.float64]]:
        """Rows of the release from starts (k, d): where they end, and their distances there."""
        import torch

        from attacks._guessed import Guesses, picture_shape
        from attacks._labels import labels_of
        from attacks._lbfgs import Lbfgs

        guesses = Guesses(view, apart=False)
        guesses.network.double()
        shape, each = picture_shape(view), view.release.each
        pixels = each * int(np.prod(shape))
        seen = torch.from_numpy(view.release.code[part]).to(view.device).double()
        known = None
        if self.label == "analytic":
            known = torch.from_numpy(labels_of(view)[part]).to(view.device)

        def distance(x: Tensor, rows: Tensor) -> Tensor:
            pictures = x[:, :pixels].reshape(-1, each, *shape)
            if known is None:
                labels = x[:, pixels:].reshape(len(x), each, -1).softmax(dim=2)
            else:
                labels = known[rows]
            found = guesses.gradients(pictures, labels).mean(dim=1)
            return (found - seen[rows]).square().sum(dim=1)

        search = Lbfgs(distance, starts)
        for _ in range(self.steps):
            search.step()
            if not search.running.any():
                break
        return search.x.cpu(), search.value.cpu().numpy()
