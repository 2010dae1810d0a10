"""A little world of updates: smooth pictures, a smooth network, and schemes by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fowh.core.release import Floats, Release
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.kit import federated
from fowh.kit.images import as_tensor

SIDE, CLASSES = 8, 4


@dataclass(frozen=True)
class Largest(UpdateScheme):
    """A tenth of the coordinates; of the others nothing is said."""

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        limit = np.quantile(np.abs(means), 0.9, axis=1, keepdims=True)
        return np.where(np.abs(means) >= limit, means, 0).astype(np.float32)

    def revealed(self, released: Floats) -> NDArray[np.bool_]:
        return released != 0


@dataclass(frozen=True)
class Clipped(UpdateScheme):
    """Single gradients no longer than 0.05: of a batch, each counts alike."""

    def each(self, gradients: Any) -> Any:
        length = (gradients**2).sum(-1)[..., None] ** 0.5
        return gradients * 0.05 / (length + 1e-12)


@dataclass(frozen=True)
class Noisy(UpdateScheme):
    """Gaussian noise of 0.05 on every coordinate."""

    def update(self, means: Floats, size: int, rng: np.random.Generator) -> Floats:
        return means + 0.05 * rng.standard_normal(means.shape, dtype=np.float32)

    def deviation(self, released: Floats, size: int) -> Floats:
        return np.full(len(released), 0.05, np.float32)


def network(norm: bool = False) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(1, 8, 3, padding=1)]
    layers += [federated.BatchNorm(8)] if norm else []
    layers += [nn.Sigmoid(), nn.Flatten(), nn.Linear(8 * SIDE**2, CLASSES)]
    made = nn.Sequential(*layers)
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for layer in made:
            if isinstance(layer, nn.Conv2d | nn.Linear):
                for weights in layer.parameters():
                    weights.uniform_(-0.5, 0.5, generator=draw)
    return made


def pictures(count: int, seed: int = 0) -> NDArray[np.uint8]:
    """Slopes of grey with a bright square, another of each."""
    rng = np.random.default_rng(seed)
    across = np.linspace(0, 1, SIDE)
    tilt = rng.uniform(-60, 60, (2, count, 1, 1))
    made = 110 + tilt[0] * across[:, None] + tilt[1] * across
    for picture, (y, x) in zip(made, rng.integers(0, SIDE - 3, (count, 2)), strict=True):
        picture[y : y + 3, x : x + 3] += 60
    return made.clip(0, 255).round().astype(np.uint8)


def stolen(
    scheme: UpdateScheme | None = None, rows: int = 3, each: int = 1, norm: bool = False
) -> tuple[View, NDArray[np.uint8]]:
    """A view of updates of ``rows`` clients, and the samples behind them, those of a row first."""
    scheme, shared = scheme or UpdateScheme(), network(norm)
    truth, own = pictures(rows * each), pictures(12, seed=9)
    labels = torch.arange(rows * each) % CLASSES
    x, rng = as_tensor(truth, "cpu"), np.random.default_rng(2)
    if norm:
        parts = zip(x.split(each), labels.split(each), strict=True)
        found = torch.stack([federated.loss_gradient(shared)(*part) for part in parts])
        values = found[:, None].detach().numpy()
    else:
        found = federated.per_sample(shared, x, labels).detach()
        values = found.numpy().reshape(rows, each, -1)
    released = scheme.release(values, np.zeros(rows, np.uint64), rng, each)
    answers = federated.named(shared.eval(), as_tensor(own, "cpu"))
    whose = np.arange(12) % CLASSES
    view = View(scheme, released, answers, whose, own, module=shared.train(), modality="image")
    return view, truth


def another(view: View) -> View:
    """The same with every row in another's place."""
    rows = np.roll(np.arange(len(view.release)), 1)
    release = Release(view.release.code[rows], each=view.release.each)
    return View(
        *(view.scheme, release, view.embeddings, view.subjects, view.samples),
        module=view.module,
        modality="image",
    )


def psnr(made: NDArray[np.uint8], truth: NDArray[np.uint8]) -> NDArray[np.float64]:
    error = np.square(made.astype(float) - truth).reshape(len(made), -1).mean(axis=1)
    return np.asarray(10 * np.log10(255**2 / np.maximum(error, 1e-9)))
