"""What a scheme for updates is: it stands between clients that train together and their server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats, Keys, Release
from fowh.core.scheme import Scheme

if TYPE_CHECKING:  # torch takes seconds to import; only attacks need it
    import torch

EXACT, TINY = 1e-3, 1e-12  # of a row's root mean square, the deviation of what is not disturbed


@dataclass(frozen=True)
class UpdateScheme(Scheme):
    """What an update passes on its way from a client to the server that collects it.

    First each sample's gradient (``each``), then the client's update, the mean over its samples
    (``update``), then the updates of several clients (``summed``: the server sees their mean
    only). A subclass gives what it does of the three. ``each`` is written for numpy arrays and
    torch tensors alike, since an attacker who knows the scheme puts his guess through it. How the
    rest looks to him is a likelihood: ``misfit``, by default that of ``deviation`` and
    ``revealed``.
    """

    protects: ClassVar[str] = "gradients"
    keyed: ClassVar[bool] = False

    @property
    def summed(self) -> int:
        """Clients whose updates are added before the server sees them; default: 1."""
        return 1

    @property
    def pace(self) -> float:
        """The server's steps against those without the scheme; default: 1.

        Longer ones make up for what clipping shortens, shorter ones bear more noise.
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
        """(n, p) coordinates of which a row says anything; default: all."""
        return np.ones(released.shape, dtype=np.bool_)

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
        return self.unlike(self.each(gradients).mean(dim=1), released, spread[:, None], known)

    def unlike(
        self, means: torch.Tensor, released: torch.Tensor, spread: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """``misfit`` of guessed means; default: Gaussian.

        Where nothing is added, squares are against a thousandth of the row's own size.

        Args:
            means: (n, p) of what ``each`` gave; differentiable.
            released: (n, p).
            spread: (n, 1) the ``deviation``, which may be zero.
            known: (n, p), 1 where the row says anything, else 0.

        Returns:
            (n,).
        """
        least = released.square().mean(dim=1, keepdim=True).sqrt() * EXACT + TINY
        width = spread.maximum(least)
        made: torch.Tensor = ((means - released) * known / width).square().sum(dim=1) / 2
        return made

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
