"""L-BFGS for many problems at once, each with its own history and its own end."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

HISTORY = 100
SHRINK, SLOPE, HALVINGS = 0.5, 1e-4, 20  # Armijo's rule (Nocedal and Wright 2006, section 3.1)

Objective = Callable[[Tensor, Tensor], Tensor]


class Lbfgs:
    """Minimise many functions of ``d`` numbers (Nocedal and Wright 2006, algorithms 7.4 and 7.5).

    A step is shortened until the function falls enough, so that none diverges; one along which it
    does not fall ends its problem, as does one that makes no difference any more.

    Attributes:
        x: (n, d) where each is.
        value: (n,) there.
        running: (n,) bool, those that have not ended.
    """

    def __init__(self, objective: Objective, x: Tensor) -> None:
        """Args: from points (k, d) and the numbers (k,) of their problems to values (k,)."""
        self.objective, self.x = objective, x
        self.running = torch.ones(len(x), dtype=torch.bool, device=x.device)
        self.value, self.slope = self._look(x, torch.arange(len(x), device=x.device))
        self._moves: list[Tensor] = []
        self._turns: list[Tensor] = []
        self._stop(~self.value.isfinite())

    def _look(self, x: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Values (k,) and derivatives (k, d)."""
        x = x.detach().requires_grad_()
        value = self.objective(x, rows)
        (slope,) = torch.autograd.grad(value.sum(), x)
        return value.detach(), slope

    def _stop(self, which: Tensor) -> None:
        self.running &= ~which

    def _direction(self, rows: Tensor) -> Tensor:
        """Two loops over the history; pairs of no curvature count nothing."""
        q, kept = -self.slope[rows], []
        scale = q.abs().sum(dim=1, keepdim=True).clamp_min(1).reciprocal()
        for move, turn in zip(reversed(self._moves), reversed(self._turns), strict=True):
            s, y = move[rows], turn[rows]
            curve = (s * y).sum(dim=1, keepdim=True)
            rho = torch.where(curve > 0, 1 / curve, 0)
            alpha = rho * (s * q).sum(dim=1, keepdim=True)
            q = q - alpha * y
            kept.append((s, y, rho, alpha))
        if kept:
            s, y, rho, _ = kept[0]
            length = y.square().sum(dim=1, keepdim=True)
            scale = torch.where(rho > 0, 1 / (rho * length), scale)
        q = q * scale
        for s, y, rho, alpha in reversed(kept):
            q = q + s * (alpha - rho * (y * q).sum(dim=1, keepdim=True))
        return q

    def step(self) -> None:
        """One step of every problem that has not ended."""
        rows = self.running.nonzero()[:, 0]
        if not len(rows):
            return
        way = self._direction(rows)
        fall = (way * self.slope[rows]).sum(dim=1)
        way = torch.where((fall < 0)[:, None], way, -self.slope[rows])  # history led uphill
        fall = (way * self.slope[rows]).sum(dim=1)
        x, value, slope = self.x[rows], self.value[rows], self.slope[rows]
        length, left = torch.ones_like(value), torch.arange(len(rows), device=x.device)
        new, at, turned = x.clone(), value.clone(), slope.clone()
        for _ in range(HALVINGS):
            tried = x[left] + length[left, None] * way[left]
            found, slopes = self._look(tried, rows[left])
            good = found <= value[left] + SLOPE * length[left] * fall[left]
            taken = left[good]
            new[taken], at[taken], turned[taken] = tried[good], found[good], slopes[good]
            left = left[~good]
            if not len(left):
                break
            length[left] *= SHRINK
        move, turn = torch.zeros_like(self.x), torch.zeros_like(self.x)
        move[rows], turn[rows] = new - x, turned - slope
        bad = (move * turn).sum(dim=1) <= 1e-12 * turn.square().sum(dim=1)
        move[bad] = turn[bad] = 0
        self._moves = [*self._moves, move][-HISTORY:]
        self._turns = [*self._turns, turn][-HISTORY:]
        self.x[rows], self.value[rows], self.slope[rows] = new, at, turned
        ended = torch.zeros_like(self.running)
        ended[rows] = (value - at <= 1e-9 * value) & (length < 1) | (at < 1e-24)
        self._stop(ended)
