"""A network whose first layer is fully connected: what its gradient holds, what he knows of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import cross_entropy

from fowh.core.updates import TINY
from fowh.core.view import View
from fowh.kit.images import as_tensor

FIXED = 1e-5  # how much what is taken off pixels may vary from picture to picture


@dataclass(frozen=True, eq=False)
class First:
    """The first layer, and what it reads of a picture.

    Attributes:
        layer: fully connected, its weight (m, d) and bias the first two parameters.
        offset: (d,) what the layer reads minus the pixels in 0..1, the same for all pictures.
    """

    layer: nn.Linear
    offset: Tensor


def first_layer(view: View) -> First | None:
    """The first layer, where it is fully connected with a bias and reads pixels; None elsewhere."""
    assert view.module is not None and view.samples is not None
    leaves = [
        layer for layer in view.module.modules() if next(layer.parameters(False), None) is not None
    ]
    if not leaves or not isinstance(first := leaves[0], nn.Linear) or first.bias is None:
        return None
    order = list(view.module.parameters())
    if len(order) < 2 or order[0] is not first.weight or order[1] is not first.bias:
        return None
    read: list[Tensor] = []
    pixels = as_tensor(view.samples[:8], view.device)
    hook = first.register_forward_pre_hook(lambda _, given: read.append(given[0].detach()))
    with torch.no_grad():
        view.module(pixels)
    hook.remove()
    if len(read) != 1 or read[0].shape != (flat := pixels.flatten(1)).shape:
        return None
    apart = read[0] - flat
    if float((apart - apart[:1]).abs().max()) > FIXED:
        return None
    return First(first, apart.mean(dim=0))


class Signals:
    """The derivative of the loss by the first layer's outputs, as a client computed it.

    It is what its bias gradient holds; of a guessed picture the shared network tells it.
    """

    def __init__(self, view: View, first: First) -> None:
        assert view.module is not None
        names = {id(value): name for name, value in view.module.named_parameters()}
        weights = {name: value.detach() for name, value in view.module.named_parameters()}
        buffers = {name: value.detach() for name, value in view.module.named_buffers()}
        bias, module = names[id(first.layer.bias)], view.module
        fixed = {name: value for name, value in weights.items() if name != bias}

        def loss(shift: Tensor, picture: Tensor, label: Tensor) -> Tensor:
            said = functional_call(module, ({**fixed, bias: shift}, buffers), (picture[None],))
            return cross_entropy(said, label[None])

        self._of = vmap(grad(loss), in_dims=(None, 0, 0))
        self._bias, self._offset = weights[bias], first.offset
        assert view.samples is not None
        self._shape = as_tensor(view.samples[:1], view.device).shape[1:]

    def __call__(self, read: Tensor, labels: Tensor) -> Tensor:
        """Of what the layer reads (..., d) under labels (...), (..., m)."""
        pixels = (read - self._offset).reshape(-1, *self._shape)
        found: Tensor = self._of(self._bias, pixels, labels.reshape(-1))
        return found.reshape(*labels.shape, -1)


@dataclass(frozen=True, eq=False)
class Prior:
    """A Gaussian of what the layer reads, from own pictures: a few directions, and the rest.

    Attributes:
        mean: (d,).
        axes: (k, d) orthonormal.
        spread: (k,) variances along them.
        rest: variance across all others.
    """

    mean: Tensor
    axes: Tensor
    spread: Tensor
    rest: float

    @classmethod
    def of(cls, view: View, first: First, most: int) -> Prior:
        """Half as many directions as there are pictures, ``most`` at most.

        How far a stranger is off them is seen on one half of the people, by those of the other.
        """
        assert view.samples is not None
        x = as_tensor(view.samples, view.device).flatten(1) + first.offset
        mean = x.mean(dim=0)
        _, scale, axes = torch.linalg.svd(x - mean, full_matrices=False)
        count = min(most, len(x) // 2, x.shape[1] - 1)
        power = scale.square() / max(1, len(x) - 1)
        people, whose = np.unique(view.subjects, return_inverse=True)
        out = torch.from_numpy(whose % 2 == 1).to(x.device)
        apart = x[~out] - mean if len(people) > 1 else x - mean
        theirs = x[out] - mean if len(people) > 1 else x - mean
        _, _, some = torch.linalg.svd(apart, full_matrices=False)
        some = some[:count]
        off = theirs.square().sum() - (theirs @ some.T).square().sum()
        rest = float(off) / (len(theirs) * (x.shape[1] - len(some))) + TINY
        return cls(mean, axes[:count], power[:count].clamp_min(rest), rest)

    def unlikely(self, x: Tensor) -> Tensor:
        """Minus log-density of (..., d), but for constants."""
        gap = x - self.mean
        along = gap @ self.axes.T
        off = gap.square().sum(dim=-1) - along.square().sum(dim=-1)
        lost: Tensor = (along.square() / self.spread).sum(dim=-1) / 2 + off / (2 * self.rest)
        return lost

    def of_one(self, sums: Tensor, power: Tensor, noise: Tensor) -> Tensor:
        """Likeliest x (n, d) where ``sums`` (n, d) is power x + noise of variance power noise.

        Args:
            sums: each coordinate's observations, weighted by signal.
            power: (n, d) sum of the squared signals; 0 where nothing was seen.
            noise: (n, 1) variance of one observation.
        """
        worth = power / (self.rest * power + noise)  # inverse variance of what a pixel shows
        gap = (sums - power * self.mean) / (self.rest * power + noise)  # worth times difference
        inner = torch.einsum("kd,nd,ld->nkl", self.axes, worth, self.axes)
        inner = inner + torch.diag(1 / (self.spread - self.rest).clamp_min(TINY))
        along = torch.linalg.solve(inner, gap @ self.axes.T) @ self.axes
        made: Tensor = self.mean + along + self.rest * (gap - worth * along)
        return made

    def of_many(self, signal: Tensor, seen: Tensor, noise: Tensor) -> Tensor:
        """Likeliest x (n, s, d) where ``seen`` (n, m, d) is signal (n, s, m) times x, and noise.

        Args:
            signal: of the samples behind each row.
            seen: gradients of the weights.
            noise: (n,) variance of an entry.
        """
        power, turn = torch.linalg.eigh(signal @ signal.transpose(1, 2))
        gap = signal @ seen - (signal @ signal.sum(dim=1)[:, :, None]) * self.mean
        gap = turn.transpose(1, 2) @ gap
        power, noise = power.clamp_min(0)[:, :, None], noise[:, None, None] + TINY**2
        along = gap @ self.axes.T
        off = (gap - along @ self.axes) / (power + noise / self.rest)
        made = (along / (power + noise / self.spread)) @ self.axes + off
        found: Tensor = self.mean + turn @ made
        return found


def as_rows(view: View, first: First) -> tuple[Tensor, Tensor, Tensor]:
    """Weight gradients (u, m, d), bias gradients (u, m), and where the weights' are revealed."""
    m, d = first.layer.weight.shape
    rows = view.release.code
    known: NDArray[np.bool_] = view.scheme.revealed(rows)  # type: ignore[attr-defined]
    seen = torch.from_numpy(rows[:, : m * d + m]).to(view.device)
    there = torch.from_numpy(known[:, : m * d]).to(view.device)
    return seen[:, : m * d].reshape(-1, m, d), seen[:, m * d :], there.reshape(-1, m, d)
