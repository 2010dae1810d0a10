"""Training in rounds: gradients of single samples, and a scheme between clients and server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn.functional import batch_norm, cross_entropy

from fowh.core.release import Floats
from fowh.core.target import Progress
from fowh.core.updates import UpdateScheme
from fowh.kit.parallel import training_threads
from fowh.kit.rounds import SHARE, clients_of, taking_part

ROUNDS = 200
BLOCK = 2**26  # numbers in a block of gradients of single samples: 256 MB
MIDDLE = 0.5  # grey that a learner's network sees as 0
SETTLED = 256  # samples that are normalised together when statistics are settled


class Centre(nn.Module):
    """The first layer of a learner: pixels in 0..1 minus ``MIDDLE``; without it, it learns slowly.

    Whoever reads pixels off a gradient must add it again.
    """

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels - MIDDLE


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that changes nothing while it trains, as ``torch.func`` wants it.

    In train mode it normalises by the batch's own statistics; those that it stores, for eval mode,
    are set by ``settle`` alone.
    """

    def forward(self, maps: Tensor) -> Tensor:
        if not self.training:
            return super().forward(maps)
        return batch_norm(maps, None, None, self.weight, self.bias, True, 0.0, self.eps)


def settle(network: nn.Module, samples: Tensor) -> None:
    """Store the statistics that batch normalisations have of samples (n, c, h, w), in train mode.

    Mean and biased variance, averaged over blocks of ``SETTLED`` samples. Networks without batch
    normalisation, or with one that is not in train mode, stay as they are.
    """
    layers = [m for m in network.modules() if isinstance(m, BatchNorm) and m.training]
    seen: dict[nn.Module, list[Tensor]] = {layer: [] for layer in layers}

    def look(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        spread, mean = torch.var_mean(given[0], dim=(0, 2, 3), correction=0)
        seen[layer].append(torch.stack([mean, spread]))

    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    with torch.no_grad():
        for block in torch.split(samples, SETTLED) if layers else ():
            network(block)
        for layer in layers:
            mean, spread = torch.stack(seen[layer]).mean(dim=0)
            assert layer.running_mean is not None and layer.running_var is not None
            layer.running_mean.copy_(mean)
            layer.running_var.copy_(spread)
    for hook in hooks:
        hook.remove()


def size_of(network: nn.Module) -> int:
    """How many coordinates an update of a network has."""
    return sum(weights.numel() for weights in network.parameters())


def flat(parts: dict[str, Tensor] | list[Tensor], lead: int = 1) -> Tensor:
    """Gradients by parameter as rows (..., p), in the order of ``network.parameters()``.

    Args:
        parts: each (..., *shape of the parameter).
        lead: how many dimensions come before the parameter's own.
    """
    each = parts.values() if isinstance(parts, dict) else parts
    return torch.cat([part.flatten(lead) for part in each], dim=-1)


def loss_gradient(network: nn.Module) -> Callable[[Tensor, Tensor], Tensor]:
    """The function from a batch to the gradient of its mean cross-entropy, differentiable.

    Samples (b, c, h, w), labels (b,) of classes, or (b, classes) of probabilities, to (p,).
    For ``torch.func``: vmap it for many batches at once.
    """
    weights = {name: value.detach() for name, value in network.named_parameters()}
    buffers = {name: value.detach() for name, value in network.named_buffers()}

    def loss(parameters: dict[str, Tensor], samples: Tensor, labels: Tensor) -> Tensor:
        said = functional_call(network, (parameters, buffers), (samples,))
        return cross_entropy(said, labels)

    def gradient(samples: Tensor, labels: Tensor) -> Tensor:
        return flat(grad(loss)(weights, samples, labels), 0)

    return gradient


def per_sample(network: nn.Module, samples: Tensor, labels: Tensor) -> Tensor:
    """Gradients (n, p) of the loss of every sample (n, c, h, w) by itself."""
    one = loss_gradient(network)
    found: Tensor = vmap(lambda x, y: one(x[None], y[None]))(samples, labels)
    return found


def blocks(count: int, size: int) -> list[slice]:
    """Slices of so many rows of ``size`` numbers that fit into memory together."""
    step = max(1, BLOCK // max(1, size))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]


def of_batches(network: nn.Module, samples: Tensor, labels: Tensor) -> Tensor:
    """Gradients (u, p) of the mean loss of batches (u, b, c, h, w) with labels (u, b)."""
    found: Tensor = vmap(loss_gradient(network))(samples, labels)
    return found


def local_steps(
    network: nn.Module, samples: Tensor, labels: Tensor, steps: int, rate: float
) -> Tensor:
    """What clients hand in after some steps of their own (McMahan et al. 2017, FederatedAveraging).

    Args:
        network: that the server sent out.
        samples: (u, b, c, h, w) of each client, all of which are used in every step.
        labels: (u, b).
        steps: of plain gradient descent.
        rate: their length.

    Returns:
        (u, p): the weights' difference, divided by rate and steps: with one step the gradient.
    """
    start = {name: value.detach() for name, value in network.named_parameters()}
    buffers = {name: value.detach() for name, value in network.named_buffers()}

    def loss(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return cross_entropy(functional_call(network, (weights, buffers), (x,)), y)

    def client(x: Tensor, y: Tensor) -> Tensor:
        weights = dict(start)
        for _ in range(steps):
            found = grad(loss)(weights, x, y)
            weights = {name: value - rate * found[name] for name, value in weights.items()}
        return flat({name: start[name] - weights[name] for name in start}, 0) / (rate * steps)

    made: Tensor = vmap(client)(samples, labels)
    return made


def gradients_of(
    network: nn.Module, samples: Tensor, labels: Tensor, alone: bool, steps: int, rate: float
) -> Tensor:
    """What clients with samples (u, s, c, h, w) and labels (u, s) have to send, before any scheme.

    Arguments as of ``train``. (u, s, p) gradients of each sample where they exist and there is one
    step, else (u, 1, p), what all samples of a client make together.
    """
    if steps > 1:
        return local_steps(network, samples, labels, steps, rate)[:, None]
    if not alone:
        return of_batches(network, samples, labels)[:, None]
    each = per_sample(network, samples.flatten(0, 1), labels.flatten())
    return each.view(*labels.shape, -1)


@training_threads()
def train(
    network: nn.Module,
    samples: Tensor,
    labels: Tensor,
    scheme: UpdateScheme,
    rounds: int,
    rate: float,
    rng: np.random.Generator,
    alone: bool = True,
    progress: Progress | None = None,
    size: int | None = None,
    steps: int = 1,
) -> None:
    """Train a network in place by what the server sees of each round.

    ``taking_part`` says who does in a round. Either one party holds them, and what the server sees
    is one release of the scheme: noise is added once to the sum over those who take part (Abadi et
    al. 2016, algorithm 1; the sum is divided by their expected number). Or each client of ``size``
    samples sends an update of its own, and the server steps by their mean. After several local
    steps that is the mean of the clients' weights (McMahan et al. 2017). What batch normalisations
    in train mode need for answers is settled at the end.

    Args:
        network: in train mode.
        samples: (n, c, h, w) of the members.
        labels: (n,).
        scheme: between them and the server.
        rounds: how many.
        rate: step of plain gradient descent, of the server before the scheme's ``pace``, and of
            clients who take several.
        rng: who takes part; a child of it is the scheme's own randomness.
        alone: whether gradients of single samples exist.
        progress: is told how it goes.
        size: samples of each client; None: one party holds all.
        steps: of each client's own, before it sends how far it went.
    """
    clients, expected = clients_of(len(samples), size), max(1, round(SHARE * len(samples)))
    weights, pace = list(network.parameters()), rate * steps * scheme.pace(clients)
    (own,) = rng.spawn(1)  # so that who takes part depends on nothing else
    for number in range(rounds):
        rows = taking_part(len(samples), size, rng)
        x, y = samples[rows], labels[rows]
        if size is None:
            seen = _together(network, x[0], y[0], scheme, own, alone, expected)
        else:
            seen = _apart(network, x, y, scheme, own, alone, steps, rate)
        step = torch.from_numpy(seen)
        with torch.no_grad():
            torch.nn.utils.vector_to_parameters(
                torch.nn.utils.parameters_to_vector(weights) - pace * step.to(device_of(network)),
                weights,
            )
        if progress is not None and number % 20 == 0:
            progress(f"round {number} of {rounds}", number / rounds)
    settle(network, samples)


def _together(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    scheme: UpdateScheme,
    rng: np.random.Generator,
    alone: bool,
    expected: int,
) -> Floats:
    """(p,) the release of one party whose members (n, ...) take part, of so many as expected."""
    if len(x) < (1 if alone else 2):
        mean = np.zeros((1, size_of(network)), dtype=np.float32)
    elif alone and type(scheme).each is UpdateScheme.each:  # one gradient holds their sum
        one = loss_gradient(network)(x, y)[None].cpu().numpy()
        mean = one * np.float32(len(x) / expected)
    elif alone:
        sums = [
            scheme.each(per_sample(network, x[part], y[part]).cpu().numpy()).sum(axis=0)
            for part in blocks(len(x), size_of(network))
        ]
        mean = np.sum(sums, axis=0)[None] / expected
    else:
        mean = scheme.each(loss_gradient(network)(x, y)[None].cpu().numpy())
    seen: Floats = scheme.update(mean.astype(np.float32), expected, rng)[0]
    return seen


def _apart(
    network: nn.Module,
    x: Tensor,
    y: Tensor,
    scheme: UpdateScheme,
    rng: np.random.Generator,
    alone: bool,
    steps: int,
    rate: float,
) -> Floats:
    """(p,) mean of the updates of clients who hold samples (u, s, ...) with labels (u, s)."""
    (count, size), kind = y.shape, type(scheme)
    total = np.zeros(size_of(network), dtype=np.float32)
    if not count:
        return total
    passes = kind.each is UpdateScheme.each and kind.update is UpdateScheme.update
    if passes and alone and steps == 1:  # one gradient holds their mean
        return np.asarray(loss_gradient(network)(x.flatten(0, 1), y.flatten()).cpu().numpy())
    for part in blocks(count, size_of(network) * size):
        each = gradients_of(network, x[part], y[part], alone, steps, rate)
        means = scheme.each(each.cpu().numpy()).mean(axis=1)
        total += scheme.mean(means, size, rng) * np.float32(len(means) / count)
    return total


def device_of(network: nn.Module) -> torch.device:
    """Where a network is."""
    return next(network.parameters()).device


def named(network: nn.Module, samples: Tensor) -> NDArray[Any]:
    """Answers (n, classes) float32: the probabilities that a network gives to each class."""
    with torch.no_grad():
        answers: Floats = network(samples).softmax(dim=1).cpu().numpy()
    return answers
