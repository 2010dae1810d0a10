"""Inverting gradients: pictures whose gradient points where the update does (Geiping et al.)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.updates import TINY, UpdateScheme
from fowh.core.view import View
from fowh.kit.parallel import training_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Loss = Callable[[Tensor], Tensor]

RATE = 0.1
MILESTONES = (3 / 8, 5 / 8, 7 / 8)  # of the steps; from each on, a tenth of the rate
WEIGHTS = (0.003, 0.03, 0.1, 0.3)  # of the total variation, of which one is chosen
TRIED = 6  # updates of his own that they are tried on
CHUNK = 2**23  # numbers of the gradients that are held at a time, 32 MB; of each ten copies or so


@dataclass(frozen=True)
class InvertGradients(Attack):
    """Descent on the cosine distance between gradients, with total variation as the prior.

    Geiping et al. (NeurIPS 2020, "Inverting Gradients", section 5): Adam on the sign of the
    derivative, pictures kept in 0..1, the rate divided by ten at 3/8, 5/8 and 7/8 of the steps.
    Labels come from the last layer first. Of several restarts each row keeps that of the nearest
    gradient. Theirs start at normal noise, these at uniform noise in the box. How much total
    variation helps is tried on updates of the attacker's own (docs/gradients.md).

    Attributes:
        steps: of Adam.
        restarts: from other noise.
        tv: weight of the total variation, a mean over pixels, against the distance; None for that
            of ``WEIGHTS`` which gives ``TRIED`` updates of his own back best, in half the steps.
        adaptive: knows the scheme: guesses pass what it does to single gradients, only coordinates
            that it reveals count, and where it adds noise or keeps signs the distance gives way to
            its likelihood; labels are those of ``filter``. False is the published attack, which
            knows of no scheme: the distance to what was sent, and labels by the bias.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    quick: ClassVar[Mapping[str, Any]] = {"steps": 4}
    steps: int = 600
    restarts: int = 1
    tv: float | None = None
    adaptive: bool = True

    def __post_init__(self) -> None:
        if self.steps < 1 or self.restarts < 1 or not 0 <= (self.tv or 0) < math.inf:
            raise InputError(
                f"invert_gradients: steps={self.steps}, restarts={self.restarts}, tv={self.tv}; "
                "give steps and restarts >= 1, tv >= 0 and finite"
            )

    def unsupported(self, view: View) -> str | None:
        from attacks._labels import unlabelled

        return unlabelled(view)

    @training_threads()  # a descent makes a difference in rounding grow, as a training does
    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._guessed import Guesses, as_samples, picture_shape
        from attacks._labels import labels_of

        if self.tv is None:
            return self._tuned(view, rng).run(view, rng)
        scheme, release = view.scheme, view.release
        assert isinstance(scheme, UpdateScheme)
        apart = self.adaptive and type(scheme).each is not UpdateScheme.each
        guesses = Guesses(view, apart)
        rows, width = release.code.shape
        labels = torch.from_numpy(labels_of(view, "filter" if self.adaptive else "bias"))
        labels = labels.to(view.device)
        seen = torch.from_numpy(release.code).to(view.device)
        shape = (rows, self.restarts, release.each, *picture_shape(view))
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        noise = torch.rand(shape, generator=draw).to(view.device)
        kept = torch.empty(rows, *shape[2:])
        step = max(1, CHUNK // (width * guesses.parts * self.restarts))
        for start in range(0, rows, step):
            part = slice(start, start + step)
            x = noise[part].flatten(0, 1)
            y = labels[part].repeat_interleave(self.restarts, dim=0)
            loss = self.distance(scheme, seen[part].repeat_interleave(self.restarts, dim=0), view)

            def told(done: float, at: int = start) -> None:
                view.progress("invert_gradients", (at + step * done) / rows)

            final = self._descend(x, lambda p, y=y, of=loss: of(guesses.gradients(p, y)), told)  # type: ignore[misc]
            best = final.reshape(-1, self.restarts).nan_to_num(torch.inf).argmin(dim=1)
            made = x.reshape(-1, *shape[1:])
            kept[part] = made[torch.arange(len(made)), best.cpu()].cpu()
        return as_samples(kept, view)

    def _tuned(self, view: View, rng: np.random.Generator) -> InvertGradients:
        from attacks._own_updates import best_of

        few = replace(self, steps=-(-self.steps // 2), restarts=1)
        chosen = WEIGHTS[best_of([replace(few, tv=tv) for tv in WEIGHTS], view, TRIED, rng)]
        view.remarks.append(f"total variation weighs {chosen}, chosen on own updates")
        return replace(self, tv=chosen)

    def _descend(self, x: Tensor, loss: Loss, told: Callable[[float], None]) -> Tensor:
        """Change pictures (n, each, c, h, w) in place; how far their gradients then are, (n,)."""
        import torch

        from attacks._guessed import variation

        assert self.tv is not None
        x.requires_grad_()
        adam = torch.optim.Adam([x], lr=RATE)
        marks = {round(share * self.steps) for share in MILESTONES}
        for number in range(self.steps):
            value = loss(x) + self.tv * variation(x)
            (slope,) = torch.autograd.grad(value.sum(), x)
            x.grad = slope.sign()
            if number in marks:
                adam.param_groups[0]["lr"] /= 10
            adam.step()
            with torch.no_grad():
                x.clamp_(0, 1)
            if number % 20 == 0:
                told(number / self.steps)
        x.requires_grad_(False)
        return loss(x).detach()

    def distance(self, scheme: UpdateScheme, seen: Tensor, view: View) -> Loss:
        """From gradients (n, parts, p) to how far they are from the rows that were seen, (n,)."""
        import torch

        from attacks._guessed import cosine

        size = view.release.each // scheme.summed
        if not self.adaptive:
            return lambda found: 1 - cosine(found.mean(dim=1), seen)
        rows = seen.cpu().numpy()
        if scheme.deviation(rows, size).any() or type(scheme).unlike is not UpdateScheme.unlike:
            # Against what no gradient at all would explain: both terms keep their proportion.
            with torch.no_grad():
                nothing = scheme.misfit(torch.zeros_like(seen)[:, None], seen, size).abs()
            return lambda found: scheme.misfit(found, seen, size) / nothing.clamp_min(TINY)
        known = torch.from_numpy(scheme.revealed(rows)).to(seen)
        there = seen * known
        return lambda found: 1 - cosine(scheme.each(found).mean(dim=1) * known, there)
