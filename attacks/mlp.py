"""A perceptron that refines closed-form estimates, or reads the release where there are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks._even import TRIED, Moments, both_signs, facing, is_even
from attacks._features import PLAIN, Features
from attacks._own import groups
from attacks._readout import Population, blocks, lessons, release_lessons, with_token
from attacks._revealed import read, revealed
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.memory import fits
from fowh.core.release import Floats
from fowh.core.view import View

if TYPE_CHECKING:
    import torch

Rows = NDArray[np.intp]

KEYS = 16  # stolen keys that what he trains on is released under
HELD_OUT = 0.2  # part of the attacker's groups of samples that decides when to stop
BATCH, VALIDATE_EVERY, PATIENCE = 256, 20, 5  # rows, steps, validations without progress


@dataclass(frozen=True)
class Mlp(Attack):
    """A network with a linear shortcut and one hidden layer, from release to embedding.

    One network serves all keys: where the keys leaked and the scheme can be un-protected or implies
    inequalities, its input is the estimate that one matrix product gives under the row's own key,
    and the network learns what the population makes of such an estimate. Otherwise its input is
    ``scheme.features``, under the stolen keys, or under random ones where none leaked; beside both,
    stored columns that tell more. It trains on own samples and on draws from a Gaussian of them.

    Of a code that is even about the mean, and not un-protected, it learns embeddings up to their
    sign: that of the estimate, or products of coordinates (``Moments``) where there is none. It
    returns two candidates then.

    Attributes:
        synthetic: how many embeddings are drawn.
        hidden: units of the hidden layer.
        steps: at most so many batches of 256.
        rate: Adam's step size at the start.
    """

    learned: ClassVar[bool] = True
    candidates: ClassVar[int] = 2
    quick: ClassVar[Mapping[str, Any]] = {"synthetic": 64, "hidden": 32, "steps": 2}
    synthetic: int = 4000
    hidden: int = 512
    steps: int = 300
    rate: float = 3e-3

    def __post_init__(self) -> None:
        if self.synthetic < 0 or self.hidden < 1 or self.steps < 1 or not self.rate > 0:
            raise InputError(
                f"mlp: synthetic={self.synthetic}, hidden={self.hidden}, steps={self.steps}, "
                f"rate={self.rate}; give synthetic >= 0, the others > 0"
            )
        fits("mlp: hidden, synthetic", (self.hidden, max(self.hidden, self.synthetic)))

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        import torch

        population = Population.of(view.embeddings)
        known = lessons(view, population, self.synthetic, rng)
        stolen = with_token(view)
        keys = None if stolen.token is None else np.unique(stolen.token)
        if keys is not None and len(keys) > KEYS:
            keys = rng.choice(keys, KEYS, replace=False)
        view.progress("releasing the attacker's own samples", 0.0)
        way = revealed(view, population, rng)
        even = way != "unprotect" and is_even(view, population, rng)
        estimated = even and way == "slack"
        starts = population.draw(TRIED, rng) if estimated else None
        mine = release_lessons(view, known, keys, rng)
        seen = Features.of(view, mine, known, partial(read, view, way, population, starts))
        if seen.share >= PLAIN:  # something beside the code tells the sign
            even = estimated = False
        inputs = seen(mine)
        moments = Moments(view, population) if even and not estimated else None
        level, unit = population.mean, np.float32(population.norm / known.shape[1] ** 0.5)
        if estimated:  # up to the sign, as the estimate is
            known = facing(known, inputs, population)
        if moments is not None:
            known = moments.of(known)
            level, unit = known.mean(axis=0), np.float32(1)
        people = np.unique(whose := groups(view))
        held = rng.choice(people, max(1, round(HELD_OUT * len(people))), replace=False)
        validate = np.flatnonzero(np.isin(whose, held))
        centre, scale = inputs.mean(axis=0), float(inputs.std()) or 1.0
        targets = (known - level) / unit
        learned = np.setdiff1d(np.arange(len(known)), validate)
        parts = self._train((inputs - centre) / scale, targets, learned, validate, view, rng)
        out = np.empty((len(stolen), targets.shape[1]), dtype=np.float32)
        for rows in blocks(stolen, 4096):
            asked = torch.from_numpy((seen(stolen[rows]) - centre) / scale)
            out[rows] = level + unit * _forward(asked.to(view.device), *parts).cpu().numpy()
        if moments is not None:
            return moments.candidates(out)
        return both_signs(out, view.embeddings, population) if estimated else out

    def _train(
        self,
        inputs: Floats,
        targets: Floats,
        learned: Rows,
        validate: Rows,
        view: View,
        rng: np.random.Generator,
    ) -> list[torch.Tensor]:
        """The network's weights where the error on the rows ``validate`` was least."""
        import torch
        from torch.nn.functional import mse_loss

        from fowh.kit.training import Best, loop

        seeded = torch.Generator().manual_seed(int(rng.integers(2**63)))
        f, d, hidden = inputs.shape[1], targets.shape[1], self.hidden
        first = torch.randn(f, hidden, generator=seeded) * f**-0.5
        second = torch.randn(hidden, d, generator=seeded) * 0.1 * hidden**-0.5
        parts = [torch.zeros(f, d), first, torch.zeros(hidden), second]
        parts = [part.to(view.device).requires_grad_() for part in parts]
        x, y = (torch.from_numpy(column).to(view.device) for column in (inputs, targets))
        best: Best[list[torch.Tensor]] = Best(PATIENCE)
        adam = torch.optim.Adam(parts, lr=self.rate)

        def look(done: int) -> bool:
            with torch.no_grad():
                error = float(mse_loss(_forward(x[validate], *parts), y[validate]))
            best.see(error, lambda: [part.detach().clone() for part in parts])
            view.progress("training the perceptron", done / self.steps)
            return best.settled

        def update(step: int) -> None:
            rows = rng.choice(learned, BATCH)
            loss = mse_loss(_forward(x[rows], *parts), y[rows])
            for part, gradient in zip(parts, torch.autograd.grad(loss, parts), strict=True):
                part.grad = gradient
            adam.param_groups[0]["lr"] = self.rate * (1 - step / self.steps)
            adam.step()

        loop(self.steps, update, look, range(0, self.steps, VALIDATE_EVERY))
        return best.state or parts


def _forward(x: torch.Tensor, *parts: torch.Tensor) -> torch.Tensor:
    from torch.nn.functional import silu

    shortcut, first, bias, second = parts
    return x @ shortcut + silu(x @ first + bias) @ second
