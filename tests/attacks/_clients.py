"""Clients with a little perceptron: views of their updates, and the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fowh.checks import updates, world
from fowh.core.attack import Attack, Planter
from fowh.core.release import Release
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.kit.federated import named, per_sample
from fowh.kit.images import as_tensor


def stolen(
    attack: Attack, scheme: UpdateScheme | None = None, rows: int = 4, size: int = 1
) -> tuple[View, NDArray[np.uint8], NDArray[np.int64]]:
    """A view, the pictures behind its rows (rows, each, side, side) and their labels."""
    scheme, network = scheme or UpdateScheme(), updates.network()
    clients, each = rows * scheme.summed, size * scheme.summed
    pictures = world.pictures(clients * size, seed=8)[:: world.READINGS]
    labels = np.random.default_rng(3).integers(0, world.PEOPLE, clients * size)
    own = world.pictures()
    view = View(
        *(scheme, Release(np.zeros((0, 0), np.float32))),
        embeddings=named(network, as_tensor(own, "cpu")),
        subjects=world.subjects(),
        samples=own,
        module=network,
        malicious=True,
        candidates=pictures[::-1].copy(),
        candidate_classes=labels[::-1].copy(),
        closed_set=True,
        modality="image",
    )
    shared: nn.Module = network
    if isinstance(attack, Planter):
        shared = attack.plant(view, np.random.default_rng(1))
    found = per_sample(shared, as_tensor(pictures, "cpu"), torch.from_numpy(labels)).detach()
    values = found.numpy().reshape(clients, size, -1)
    left = scheme.release(values, np.zeros(clients, np.uint64), np.random.default_rng(2), size)
    shape = (rows, each, world.SIDE, world.SIDE)
    return (
        replace(view, module=shared, release=left),
        pictures.reshape(shape),
        labels.reshape(rows, each),
    )


def turned(view: View) -> View:
    """The same with every row in another's place."""
    rows = np.roll(np.arange(len(view.release)), 1)
    return replace(view, release=view.release[rows])


def found(made: NDArray[np.uint8], truth: NDArray[np.uint8], levels: float = 1.0) -> float:
    """Share of pictures that one reconstruction of their row shows to so many grey levels."""
    guesses = made.reshape(truth.shape).astype(float)
    gap = np.abs(truth[:, :, None].astype(float) - guesses[:, None]).max(axis=(3, 4))
    return float((gap.min(axis=2) <= levels).mean())
