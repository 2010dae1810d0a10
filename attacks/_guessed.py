"""Guessed pictures through the shared network: their gradients, and what is handed in."""

from __future__ import annotations

import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fowh.core.updates import TINY, UpdateScheme
from fowh.core.view import View
from fowh.kit.federated import of_batches


class Guesses:
    """What an attacker computes on pictures that he guesses, as the clients did on theirs.

    Attributes:
        network: a copy of the shared one. Batch normalisation in train mode reads its batch and
            keeps no running statistics, which ``torch.func`` could not update.
        parts: into which the samples behind a row fall whose gradients are told apart.
        each: samples behind a row.
        width: numbers in the gradients of all of these.
    """

    def __init__(self, view: View, apart: bool) -> None:
        """Args: the view, and whether single samples' gradients are wanted, where there are any."""
        assert view.module is not None  # everybody who takes part holds it
        self.network, together = copy.deepcopy(view.module).to(view.device), False
        for layer in self.network.modules():
            if isinstance(layer, nn.modules.batchnorm._BatchNorm) and layer.training:
                layer.running_mean = layer.running_var = layer.num_batches_tracked = None
                layer.track_running_stats, together = False, True
        self.each = view.release.each
        self.width = sum(weights.numel() for weights in self.network.parameters()) * self.each
        if together:
            self.parts = clients(view)
        else:
            self.parts = self.each if apart else 1

    def gradients(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """Gradients (n, parts, p) of pictures (n, each, c, h, w), differentiable.

        Args:
            pictures: those behind each row.
            labels: (n, each) numbers of classes, or (n, each, classes) probabilities.
        """
        count, size = len(pictures), self.each // self.parts
        x = pictures.reshape(count * self.parts, size, *pictures.shape[2:])
        y = labels.reshape(count * self.parts, size, *labels.shape[2:])
        return of_batches(self.network, x, y).reshape(count, self.parts, -1)


def clients(view: View) -> int:
    """How many clients' updates are behind a row."""
    return view.scheme.summed if isinstance(view.scheme, UpdateScheme) else 1


def picture_shape(view: View) -> tuple[int, int, int]:
    """Channels, height and width of a sample as the network takes it."""
    assert view.samples is not None
    shape = view.samples.shape[1:]
    return (1, *shape) if len(shape) == 2 else (shape[2], *shape[:2])


def as_samples(pictures: Tensor, view: View) -> NDArray[np.uint8]:
    """Pictures (..., c, h, w) as samples (n, h, w[, 3]) uint8."""
    assert view.samples is not None
    flat = pictures.detach().reshape(-1, *pictures.shape[-3:]).nan_to_num(0.5).clamp(0, 1)
    whole = (flat * 255).round().to(torch.uint8).cpu().numpy()
    return (
        whole[:, 0] if view.samples.ndim == 3 else np.ascontiguousarray(whole.transpose(0, 2, 3, 1))
    )


def unfit_for_guessing(view: View) -> str | None:
    """Why no pictures can be guessed; None where they can."""
    if not isinstance(view.scheme, UpdateScheme) or view.module is None:
        return "it reads updates of a network that all who take part hold"
    if view.release.code.shape[1:] != (sum(w.numel() for w in view.module.parameters()),):
        return "the rows are not as long as the network has weights"
    return None


def cosine(one: Tensor, other: Tensor) -> Tensor:
    """Of rows (n, p), (n,)."""
    lengths: Tensor = one.norm(dim=1) * other.norm(dim=1)
    return (one * other).sum(dim=1) / lengths.clamp_min(TINY)


def variation(pictures: Tensor) -> Tensor:
    """Anisotropic total variation (n,) of pictures (n, each, c, h, w), mean over their pixels."""
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).abs()
    across = (pictures[..., 1:] - pictures[..., :-1]).abs()
    return down.flatten(1).mean(dim=1) + across.flatten(1).mean(dim=1)
