"""Many networks of one recipe, each trained on samples of its own, all at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.functional import cross_entropy

from fowh.core.release import Floats
from fowh.core.target import Progress
from fowh.kit.federated import ROUNDS
from fowh.kit.parallel import training_threads
from fowh.kit.rounds import SHARE


@training_threads()
def answers(
    networks: list[nn.Module],
    samples: Tensor,
    labels: Tensor,
    taken: NDArray[np.bool_],
    rate: float,
    rng: np.random.Generator,
    rounds: int = ROUNDS,
    progress: Progress | None = None,
) -> Floats:
    """Train networks as ``federated.train`` does without a scheme, and ask them about all samples.

    Args:
        networks: m, alike, untrained; they are left as they were.
        samples: (n, c, h, w) floats in 0..1.
        labels: (n,) classes.
        taken: (m, n) which samples each of them learns from.
        rate: step of plain gradient descent.
        rng: which of those take part in each round.
        rounds: how many.
        progress: is told how it goes.

    Returns:
        (m, n, classes) float32 probabilities.
    """
    weights, buffers = stack_module_state(networks)
    weights = {name: value.detach().clone() for name, value in weights.items()}
    run = _runner(networks[0])
    expected = torch.from_numpy(np.maximum(1, (SHARE * taken.sum(axis=1)).round()))
    expected = expected.to(samples.device, torch.float32)

    def loss(own: dict[str, Tensor], kept: dict[str, Tensor], rows: Tensor, use: Tensor) -> Tensor:
        each = cross_entropy(run(own, kept, samples[rows]), labels[rows], reduction="none")
        return (each * use).sum()

    slope = vmap(grad(loss))
    for number in range(rounds):
        drawn = taken & (rng.random(taken.shape) < SHARE)
        widest = max(1, int(drawn.sum(axis=1).max()))
        rows = np.argsort(~drawn, axis=1, kind="stable")[:, :widest]  # who takes part comes first
        use = torch.from_numpy(np.take_along_axis(drawn, rows, axis=1)).to(samples.device)
        part = use / expected[:, None]
        found = slope(weights, buffers, torch.from_numpy(rows).to(samples.device), part)
        for name, value in weights.items():
            value.sub_(found[name], alpha=rate)
        if progress is not None and number % 20 == 0:
            progress(f"shadow models: round {number} of {rounds}", number / rounds)
    with torch.no_grad():
        said: Floats = (
            vmap(run, in_dims=(0, 0, None))(weights, buffers, samples).softmax(-1).cpu().numpy()
        )
    return said


def _runner(
    network: nn.Module,
) -> Callable[[dict[str, Tensor], dict[str, Tensor], Tensor], Tensor]:
    def run(own: dict[str, Tensor], kept: dict[str, Tensor], x: Tensor) -> Tensor:
        said: Tensor = functional_call(network, (own, kept), (x,))
        return said

    return run
