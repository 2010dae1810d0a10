"""Differentiable functions across processes: values there as arrays, gradients back as arrays."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.autograd.function import once_differentiable

from fowh.isolation.host import Worker


class Far:
    """A function of a tensor that another process computes.

    Its first derivative is there, by one product of a vector with the Jacobian for each call; the
    second is not.
    """

    def __init__(self, worker: Worker, number: int) -> None:
        self._worker, self._number = worker, number
        weakref.finalize(self, worker.later, "forget", number)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = _Crossing.apply(x, self)  # type: ignore[no-untyped-call]
        return made


class _Crossing(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, far: Far) -> torch.Tensor:
        followed = ctx.needs_input_grad[0]
        given = x.detach().cpu().contiguous().numpy()
        ctx.far = far
        ctx.graph, values = far._worker.ask("forward", far._number, given, followed)
        return torch.from_numpy(values).to(x.device)

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, weights: torch.Tensor) -> tuple[torch.Tensor, None]:
        given = weights.detach().cpu().contiguous().numpy()
        made = ctx.far._worker.ask("backward", ctx.graph, given)
        return torch.from_numpy(made).to(weights.device), None
