"""What a scheme for updates is: it stands between clients that train together and their server."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import Scheme

if TYPE_CHECKING:  # torch takes seconds to import; only attacks need it
    import torch

    Outside = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]

EXACT, TINY = 1e-3, 1e-12  # of a row's root mean square, the deviation of what is not disturbed
NARROW = 1e-2  # of the noise: an interval that narrow is as good as a point, but for constants
BLOCK = 2**18  # coordinates that a processor's cache holds
HALF = math.sqrt(0.5)


@dataclass(frozen=True)
class UpdateScheme(Scheme):
    """What an update passes on its way from a client to the server that collects it.

    First each sample's gradient (``each``), then the client's update, the mean over its samples
    (``update``), then the updates of several clients (``summed``: the server sees their mean
    only). A subclass gives what it does of the three. ``each`` is written for numpy arrays and
    torch tensors alike, since an attacker who knows the scheme puts his guess through it. How the
    rest looks to him is a likelihood: ``misfit``, by default that of ``deviation``, ``revealed``
    and ``bound``.
    """

    protects: ClassVar[str] = "gradients"
    keyed: ClassVar[bool] = False

    @property
    def summed(self) -> int:
        """Clients whose updates are added before the server sees them; default: 1."""
        return 1

    def pace(self, clients: int) -> float:
        """The server's steps against those without the scheme; default: 1.

        Longer ones make up for what clipping shortens, shorter ones bear more noise.

        Args:
            clients: whose updates the server takes the mean of, each with noise of its own.
        """
        return 1.0

    def each(self, gradients: Any) -> Any:
        """Gradients (..., p) of single samples as they enter the update; default: as they are."""
        return gradients

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        """Clients' updates as they leave; default: as they are.

        Args:
            means: (u, p) float32, a client's mean over what ``each`` gave of its samples.
            size: samples of each client.
            rng: randomness of the scheme (noise, rounding).

        Returns:
            (u, p) float32.
        """
        return means

    def mean(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        """(p,) the mean of what ``update`` gives, which is all that a training needs of a round.

        For a scheme whose noise on a mean can be drawn at once; default: no shortcut.
        """
        found: Floats = self.update(means, size, rng).mean(axis=0)
        return found

    def release(
        self, values: Floats, keys: Keys, rng: np.random.Generator, size: int | None = None
    ) -> Release:
        """What the server sees.

        Args:
            values: (u, b, p) float32 gradients: u clients of b samples each, a multiple of
                ``summed`` clients.
            keys: play no part.
            rng: randomness of the scheme.
            size: samples of each client, where b is not their number (a client that took several
                local steps hands in one difference: b is 1).

        Returns:
            (u / summed, p) float32 rows, each of ``summed`` clients' samples.

        Raises:
            ValueError: some client has too few others to be added to.
        """
        if len(values) % self.summed:
            raise ValueError(f"{len(values)} clients, {self.summed} are added: give a multiple")
        count = values.shape[1] if size is None else size
        left = self.update(self.each(values).mean(axis=1), count, rng)
        shown = left.reshape(-1, self.summed, left.shape[-1]).mean(axis=1)
        return Release(np.ascontiguousarray(shown, dtype=np.float32), each=count * self.summed)

    def deviation(self, released: Floats, size: int) -> Floats:
        """Standard deviation of what ``update`` adds to a coordinate of a row.

        Args:
            released: (n, p) rows as the server sees them.
            size: samples of each client.

        Returns:
            (n,) float32; of a row that is the mean of several clients, that of the mean.
        """
        return np.zeros(len(released), dtype=np.float32)

    def revealed(self, released: Floats) -> NDArray[np.bool_]:
        """(n, p) coordinates whose value a row shows; default: all."""
        return np.ones(released.shape, dtype=np.bool_)

    def bound(self, released: Floats) -> Floats:
        """(n,) what no coordinate exceeds whose value is not shown; default: infinity."""
        return np.full(len(released), np.inf, dtype=np.float32)

    def misfit(self, gradients: torch.Tensor, released: torch.Tensor, size: int) -> torch.Tensor:
        """How badly a guess explains what the server saw: minus log-likelihood, but for constants.

        Args:
            gradients: (n, s, p) of the guessed samples behind each row, not yet through ``each``;
                differentiable.
            released: (n, p) rows as the server sees them.
            size: samples of each client.

        Returns:
            (n,).
        """
        seen = released.detach().cpu().numpy()
        spread = released.new_tensor(self.deviation(seen, size))
        known = released.new_tensor(self.revealed(seen))
        means, bound = self.each(gradients).mean(dim=1), self.bound(seen)
        lost = self.unlike(means, released, spread[:, None], known)
        if np.isinf(bound).all():
            return lost
        limit = released.new_tensor(bound)[:, None]
        return lost + self.unsent(means, released, spread[:, None], known, limit)

    def unlike(
        self, means: torch.Tensor, released: torch.Tensor, spread: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """``misfit`` of guessed means; default: Gaussian.

        Where nothing is added, squares are against a thousandth of the row's own size.

        Args:
            means: (n, p) of what ``each`` gave; differentiable.
            released: (n, p).
            spread: (n, 1) the ``deviation``, which may be zero.
            known: (n, p), 1 where the row shows a value, else 0.

        Returns:
            (n,).
        """
        width = spread.maximum(_least(released))
        made: torch.Tensor = ((means - released) * known / width).square().sum(dim=1) / 2
        return made

    def unsent(
        self,
        means: torch.Tensor,
        released: torch.Tensor,
        spread: torch.Tensor,
        known: torch.Tensor,
        bound: torch.Tensor,
    ) -> torch.Tensor:
        """What ``misfit`` adds for values that are not shown; default: Gaussian.

        They are known to be at most ``bound``, the noise on them included. Without that term what
        is shown would be a selected sample, and the likeliest gradient several times too long.
        Where nothing is added, what exceeds the bound counts as in ``unlike``.

        Args:
            means: (n, p) of what ``each`` gave; differentiable.
            released: (n, p).
            spread: (n, 1) the ``deviation``, which may be zero.
            known: (n, p), 1 where the row shows a value, else 0.
            bound: (n, 1), infinite where nothing is known.

        Returns:
            (n,).
        """
        outside = _outside if bool((spread > 0).any()) else _over
        width = spread.maximum(_least(released))
        return beyond(means, width, 1 - known, bound, outside)

    def bits(self, coordinates: int) -> float:
        """Bits of an update of so many coordinates as a client sends it; default: 32 each."""
        return 32.0 * coordinates

    def spent(self, rounds: int, share: float, delta: float) -> float | None:
        """Epsilon of (epsilon, delta)-differential privacy of single samples.

        Args:
            rounds: of training.
            share: of a client's samples that takes part in a round, drawn independently.
            delta: of the guarantee.

        Returns:
            None (the default) where nothing is guaranteed.
        """
        return None


def _least(released: torch.Tensor) -> torch.Tensor:
    """(n, 1) deviation that stands for none."""
    least: torch.Tensor = released.square().mean(dim=1, keepdim=True).sqrt() * EXACT + TINY
    return least


def beyond(
    means: torch.Tensor,
    width: torch.Tensor,
    rest: torch.Tensor,
    bound: torch.Tensor,
    outside: Outside,
) -> torch.Tensor:
    """What means cost that should lie within a bound, noise on them included.

    The derivative is given, and handed to torch beside the value: so the millions of coordinates
    of a batch are gone through once, in parts that a cache holds, not once for every operation.

    Args:
        means: (n, p), differentiable.
        width: (n, 1) of the noise.
        rest: (n, p), 1 for the means that count, else 0.
        bound: (n, 1).
        outside: from magnitudes (m, p), which it may overwrite, and bounds (m, 1), both in units
            of the width, to costs and their derivatives, (m, p) each; 0 is the derivative at 0.

    Returns:
        (n,) sums over ``rest``.
    """
    import torch

    limit = (bound / width).clamp_min(NARROW)
    cost, slope = means.new_empty(len(means)), torch.empty_like(means)
    step = max(1, BLOCK // means.shape[1])
    with torch.no_grad():
        for start in range(0, len(means), step):
            part = slice(start, start + step)
            size = means[part].abs().mul_(rest[part]).div_(width[part])
            lost, steep = outside(size, limit[part])
            cost[part] = lost.mul_(rest[part]).sum(dim=1)
            torch.copysign(steep.div_(width[part]), means[part], out=slope[part])
    along = (means * slope).sum(dim=1)
    return cost + (along - along.detach())


def _outside(size: torch.Tensor, limit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """-log P(|a + n| <= t) of standard normal n, which is (erf(t - a) + erf(t + a)) / 2, scaled.

    Where a is so far beyond t that this cancels, it is written with the scaled complement erfcx.
    """
    import torch

    limit = limit * HALF
    inner = limit - size.mul_(HALF)
    outer = size.add_(limit)
    inside = inner.erf().add_(outer.erf()).div_(2)
    steep = inner.square().neg_().exp_().sub_(outer.square().neg_().exp_())
    steep.div_(inside).div_(math.sqrt(2 * math.pi))
    lost = inside.log_().neg_()
    if bool(inner.min() < -1):
        at = (inner < -1).nonzero(as_tuple=True)
        low, high = -inner[at], outer[at]
        less = ((low - high) * (low + high)).exp()
        share = torch.special.erfcx(low) - less * torch.special.erfcx(high)
        lost[at] = low.square() - (share / 2).log()
        steep[at] = (1 - less) / share * math.sqrt(2 / math.pi)
    return lost, steep


def _over(size: torch.Tensor, limit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Without noise: half the square of what exceeds the bound."""
    over = size.sub_(limit).clamp_min_(0)
    return over.square().div_(2), over
