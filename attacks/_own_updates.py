"""Updates of the attacker's own samples: what he tries an attack on before he uses it."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from attacks._guessed import Guesses, clients
from attacks._labels import own_classes
from fowh.core.attack import Attack
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.kit.images import as_tensor


def best_of(attacks: list[Attack], view: View, rows: int, rng: np.random.Generator) -> int:
    """Which attack gives most of so many own updates back, by PSNR; the first of equals."""
    own, truth = tried(view, rows, rng)
    found = [attack.run(own, np.random.default_rng(0)) for attack in attacks]
    return int(np.argmax([likeness(made, truth, own.release.each) for made in found]))


def tried(view: View, rows: int, rng: np.random.Generator) -> tuple[View, NDArray[np.uint8]]:
    """A view of updates that the attacker made himself, and the samples behind them.

    Clients' gradients on samples of his own, under the scheme, with the network that everybody
    holds. Several local steps are taken for one.

    Args:
        view: of updates.
        rows: how many updates, as far as he has samples for them.
        rng: draws samples, and what the scheme adds.

    Returns:
        The view, and (rows * each, h, w[, 3]) uint8. It names no classes of his own people: nobody
        of his is behind a stolen row, and everybody is behind these.
    """
    scheme, each = view.scheme, view.release.each
    assert view.samples is not None and isinstance(scheme, UpdateScheme)
    rows = max(1, min(rows, len(view.samples) // each))
    behind = rng.choice(len(view.samples), rows * each, replace=len(view.samples) < each)
    samples = np.ascontiguousarray(view.samples[behind])
    guesses = Guesses(view, apart=True)
    pictures = as_tensor(samples, view.device)
    pictures = pictures.reshape(rows, each, *pictures.shape[1:])
    labels = torch.from_numpy(own_classes(view)[behind]).to(view.device).reshape(rows, each)
    with torch.no_grad():
        found = guesses.gradients(pictures, labels).cpu().numpy()
    sent = rows * clients(view)
    values = found.reshape(sent, -1, found.shape[-1])
    keys = np.zeros(sent, dtype=np.uint64)
    release = scheme.release(values, keys, rng, each // clients(view))
    return dataclasses.replace(view, release=release, classes=None, remarks=[]), samples


def likeness(made: NDArray[np.uint8], truth: NDArray[np.uint8], each: int) -> float:
    """Mean PSNR in dB of pictures behind updates, those of one paired one to one for the best.

    An error is at least that of rounding, so that one perfect picture does not outweigh the others.
    """
    one, other = (of.reshape(-1, each, truth[0].size).astype(np.float64) for of in (made, truth))
    error = np.square(one[:, :, None] - other[:, None]).mean(axis=3)
    ratio = 20 * np.log10(255) - 10 * np.log10(np.maximum(error, 1 / 12))
    pairs = [linear_sum_assignment(-row) for row in ratio]
    return float(np.mean([row[at].mean() for row, at in zip(ratio, pairs, strict=True)]))
