"""Labels behind updates: whose they are, before any picture."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor, nn

from fowh.core.updates import TINY, UpdateScheme
from fowh.core.view import View
from fowh.kit.federated import per_sample
from fowh.kit.images import as_tensor

Rule = Literal["bias", "filter"]
PROBES = 16  # own samples whose gradients tell how much a scheme shortens them


@dataclass(frozen=True, eq=False)
class Last:
    """The last layer of a network, and where its gradient is in an update.

    Attributes:
        layer: with a weight (classes, h) and a bias.
        weight, bias: slices of an update's coordinates.
    """

    layer: nn.Linear
    weight: slice
    bias: slice


def last_layer(network: nn.Module) -> Last | None:
    """The last layer, where it is fully connected and has a bias; None where it is not."""
    layers = [
        layer for layer in network.modules() if next(layer.parameters(False), None) is not None
    ]
    if not layers or not isinstance(last := layers[-1], nn.Linear) or last.bias is None:
        return None
    ends = np.cumsum([weights.numel() for weights in network.parameters()]).tolist()
    starts = [0, *ends]
    order = [id(weights) for weights in network.parameters()]
    at = [order.index(id(weights)) for weights in (last.weight, last.bias)]
    return Last(last, *(slice(starts[n], ends[n]) for n in at))


def unlabelled(view: View) -> str | None:
    """Why labels cannot be read off the rows; None where they can."""
    if not isinstance(view.scheme, UpdateScheme) or view.module is None or view.samples is None:
        return "it reads updates of a network that all who take part hold"
    if view.release.code.shape[1:] != (sum(w.numel() for w in view.module.parameters()),):
        return "the rows are not as long as the network has weights"
    if last_layer(view.module) is None:
        return "the network's last layer is not fully connected with a bias"
    return None


def labels_of(view: View, rule: Rule = "filter") -> NDArray[np.int64]:
    """Classes (u, each) behind every row.

    A sample's gradient of the last layer is (p - y) h^T, and p - y for the bias: p the answer, y
    one at the label, h what the layer reads. Alone, the label's is the only bias entry below zero
    (Zhao et al. 2020, iDLG). Of several, the mean is p - n / each, n the counts of labels (Yin et
    al. 2021, GradInversion; Wainakh et al. 2022, LLG).

    Args:
        view: for which ``unlabelled`` is None.
        rule: bias: the bias alone, p the mean answer to the attacker's own samples. filter: of
            single samples the whole update, of several the whole layer. Of a class it is what his
            own samples would send on average had they that label (matched filter: with noise of
            one size everywhere, that is likelihood); of several samples, their mean h picks p - y
            out of the weights. Answers to strangers leave out what his people are told of
            themselves, and how sure the network is of a sample's own label is the number with
            which the counts add up. Nobody of his is behind a single sample's row: his people's
            classes do not count there, where he knows them.
    """
    assert view.module is not None and isinstance(view.scheme, UpdateScheme)
    last, each = last_layer(view.module), view.release.each
    assert last is not None
    rows = view.release.code
    if rule == "bias":
        seen = rows[:, last.bias].astype(np.float64)
        if each == 1:
            return np.asarray(seen.argmin(axis=1)[:, None])
        return spread(each * (view.embeddings.mean(axis=0) - seen), each)
    clean = not view.scheme.deviation(rows, each // view.scheme.summed).any()
    if clean and each == 1:  # exact, whatever the answers are
        return np.asarray(rows[:, last.bias].argmin(axis=1)[:, None])
    whose = own_classes(view)
    strange = view.embeddings.astype(np.float64).copy()
    known = np.ones_like(strange)
    known[np.arange(len(strange)), whose] = 0
    others = (strange * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    if each == 1:
        rest = others[None] * (1 - np.eye(len(others)))
        want = rest / np.maximum(rest.sum(axis=1, keepdims=True), TINY) - np.eye(len(others))
        found, mine = _matched(view, want), np.unique(whose)
        if view.classes is not None and len(mine) < len(others):
            found[:, mine] = -np.inf
        return np.asarray(found.argmax(axis=1)[:, None])
    return spread(each * _shares(others, _filtered(view, last) / _shortened(view, whose)), each)


def spread(wanted: NDArray[np.float64], each: int) -> NDArray[np.int64]:
    """Labels (u, each) whose counts are next to ``wanted`` (u, classes) and add up to ``each``."""
    left = np.maximum(wanted, 0)
    left *= each / np.maximum(left.sum(axis=1, keepdims=True), TINY)
    counts = np.floor(left).astype(np.int64)
    order = np.argsort(counts - left, axis=1, kind="stable")  # the largest remainders first
    short = each - counts.sum(axis=1)
    extra = np.arange(left.shape[1])[None] < short[:, None]
    np.put_along_axis(counts, order, np.take_along_axis(counts, order, axis=1) + extra, axis=1)
    classes = np.tile(np.arange(left.shape[1]), len(left))
    return np.repeat(classes, counts.ravel()).reshape(len(left), each)


def _shares(others: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of each class in a batch, (u, classes), from the mean of p - y that was seen.

    Of a class with share s it is (1 - s) q - s (1 - a): q what others' samples are told of it, a
    what its own are. By bisection a is what makes all shares add up to one.
    """
    above = np.maximum(others - seen, 0)
    low, high = np.zeros((len(seen), 1)), np.ones((len(seen), 1))
    for _ in range(40):
        sure = (low + high) / 2
        much = (above / (1 - sure + others)).sum(axis=1, keepdims=True) > 1
        low, high = np.where(much, low, sure), np.where(much, sure, high)
    return np.asarray(above / (1 - low + others + TINY))


def _matched(view: View, want: NDArray[np.float64]) -> NDArray[np.float64]:
    """How well each row fits the mean update of own samples for each ``want`` of p - y.

    Args:
        view: whose rows, network and samples.
        want: (k, classes).

    Returns:
        (u, k), of updates of any length: likelihood at its best.
    """
    assert view.module is not None and view.samples is not None
    module = copy.deepcopy(view.module)
    rows = view.release.code
    there = view.scheme.revealed(rows).astype(np.float32)  # type: ignore[attr-defined]
    shown = rows * there
    answers = module(as_tensor(view.samples, view.device)).mean(dim=0)
    made = np.empty((len(rows), len(want)))
    for number, each in enumerate(torch.from_numpy(want).to(answers)):
        parts = torch.autograd.grad(answers @ each, list(module.parameters()), retain_graph=True)
        template = torch.cat([part.flatten() for part in parts]).cpu().numpy()
        length = np.sqrt(there @ np.square(template))
        made[:, number] = shown @ template / np.maximum(length, TINY)
    return made


def _filtered(view: View, last: Last) -> NDArray[np.float64]:
    """Mean of p - y (u, classes) behind each row, from all of the last layer that is revealed."""
    assert view.module is not None and view.samples is not None
    read: list[Tensor] = []
    hook = last.layer.register_forward_pre_hook(lambda _, given: read.append(given[0].detach()))
    with torch.no_grad():
        view.module(as_tensor(view.samples, view.device))
    hook.remove()
    mean = torch.cat(read).mean(dim=0).cpu().numpy().astype(np.float64)
    count, classes = len(view.release), last.layer.out_features
    layer, there = (
        np.concatenate(
            [
                of[:, last.weight].reshape(count, classes, -1),
                of[:, last.bias].reshape(count, classes, 1),
            ],
            axis=2,
        )
        for of in (view.release.code, view.scheme.revealed(view.release.code))  # type: ignore[attr-defined]
    )
    template = np.append(mean, 1.0)
    made: NDArray[np.float64] = (layer * there) @ template
    return np.asarray(made / np.maximum(there @ np.square(template), TINY))


def own_classes(view: View) -> NDArray[np.int64]:
    """Which class each of the attacker's own samples is; where he is not told, which it may be."""
    if view.classes is not None:
        return view.classes
    people, whose = np.unique(view.subjects, return_inverse=True)
    answers = np.log(view.embeddings.astype(np.float64) + TINY)
    mean = np.stack([answers[whose == number].mean(axis=0) for number in range(len(people))])
    at, named = linear_sum_assignment(-mean)
    found = np.zeros(len(people), dtype=np.int64)
    found[at] = named
    return found[whose]


def _shortened(view: View, whose: NDArray[np.int64]) -> float:
    """By how much the scheme shortens single gradients, on average over own samples."""
    scheme = view.scheme
    assert view.module is not None and view.samples is not None
    assert isinstance(scheme, UpdateScheme)
    some = np.linspace(0, len(whose) - 1, min(PROBES, len(whose))).astype(int)
    x = as_tensor(view.samples[some], view.device)
    found = per_sample(view.module, x, torch.from_numpy(whose[some]).to(view.device)).detach()
    lengths = found.norm(dim=1).clamp_min(TINY)
    return max(float((scheme.each(found).norm(dim=1) / lengths).mean()), TINY)
