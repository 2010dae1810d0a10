"""Deep leakage from gradients: a picture and a label whose gradient is the one that was sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.view import View

if TYPE_CHECKING:
    import torch
    from torch import Tensor

CHUNK = 2**24  # numbers of the gradients that are held at a time, in double precision 128 MB
LOOKS = 50  # steps between looks at which restarts go on


@dataclass(frozen=True)
class Dlg(Attack):
    """L-BFGS on the squared distance between gradients (Zhu, Liu and Han, NeurIPS 2019).

    Pictures start as Gaussian noise and are not kept in 0..1, labels are logits that are optimised
    beside them (algorithm 1), in double precision. Unlike the published code each step is shortened
    until the distance falls, so that no restart diverges. All rows and restarts run at once; a
    row's restarts end when one of them explains the update (``solved``), and that of least distance
    is handed in. It wants a network that is twice differentiable.

    Attributes:
        steps: of L-BFGS at most.
        restarts: from other noise.
        label: joint: logits are optimised too, as published. analytic: read off the last layer's
            bias (Zhao et al. 2020, iDLG).
        solved: distance over the update's own square at which a restart has found what there is.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    quick: ClassVar[Mapping[str, Any]] = {"steps": 4, "restarts": 1}
    steps: int = 300
    restarts: int = 4
    label: Literal["joint", "analytic"] = "joint"
    solved: float = 1e-9

    def __post_init__(self) -> None:
        if self.steps < 1 or self.restarts < 1 or not self.solved > 0:
            raise InputError(
                f"dlg: steps={self.steps}, restarts={self.restarts}, solved={self.solved}; "
                "give steps and restarts >= 1, solved > 0"
            )
        if self.label not in ("joint", "analytic"):
            raise InputError(f"dlg: label={self.label!r}; give joint or analytic")

    def unsupported(self, view: View) -> str | None:
        from attacks._guessed import unfit_for_guessing

        return unfit_for_guessing(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._guessed import as_samples, picture_shape

        rows, width = view.release.code.shape
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        pixels = view.release.each * int(np.prod(picture_shape(view)))
        logits = view.release.each * view.embeddings.shape[1] if self.label == "joint" else 0
        starts = torch.randn(
            (rows, self.restarts, pixels + logits), generator=draw, dtype=torch.float64
        )
        kept = torch.empty(rows, pixels, dtype=torch.float64)
        step = max(1, CHUNK // (width * self.restarts))
        for start in range(0, rows, step):
            view.progress("dlg", start / rows)
            part = np.arange(start, min(start + step, rows))
            x, value = self._solve(view, part, starts[part].to(view.device))
            best = value.nan_to_num(torch.inf).argmin(dim=1)
            kept[part] = x[torch.arange(len(part)), best, :pixels].cpu()
        return as_samples(kept.reshape(rows, view.release.each, *picture_shape(view)), view)

    def _solve(
        self, view: View, part: NDArray[np.intp], starts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Rows of the release from starts (k, restarts, d): where they end, and distances there."""
        import torch

        from attacks._counted import labels_of
        from attacks._guessed import Guesses, picture_shape
        from attacks._lbfgs import Lbfgs

        guesses = Guesses(view, apart=False)
        guesses.network.double()
        shape, each = picture_shape(view), view.release.each
        pixels = each * int(np.prod(shape))
        seen = torch.from_numpy(view.release.code[part]).to(view.device).double()
        power = seen.square().sum(dim=1).clamp_min(1e-30)
        known = None
        if self.label == "analytic":
            known = torch.from_numpy(labels_of(view)[part]).to(view.device)

        def distance(x: Tensor, numbers: Tensor) -> Tensor:
            row = numbers // self.restarts
            pictures = x[:, :pixels].reshape(-1, each, *shape)
            if known is None:
                labels = x[:, pixels:].reshape(len(x), each, -1).softmax(dim=2)
            else:
                labels = known[row]
            found = guesses.gradients(pictures, labels).mean(dim=1)
            return (found - seen[row]).square().sum(dim=1)

        search = Lbfgs(distance, starts.flatten(0, 1).clone())
        for number in range(self.steps):
            search.step()
            if number % LOOKS == LOOKS - 1:
                self._narrow(search, power)
            if not search.running.any():
                break
        return search.x.reshape(starts.shape), search.value.reshape(starts.shape[:2])

    def _narrow(self, search: Any, power: Tensor) -> None:
        """End all restarts of rows that are solved."""
        done = search.value.reshape(-1, self.restarts) <= self.solved * power[:, None]
        search.running &= ~done.any(dim=1).repeat_interleave(self.restarts)
