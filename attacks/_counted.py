"""Labels behind updates, read off the last layer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.release import Floats
from fowh.core.updates import UpdateScheme
from fowh.core.view import View
from fowh.kit.images import as_tensor

if TYPE_CHECKING:
    from torch import Tensor, nn

Rule = Literal["bias", "filter"]


def labels_of(view: View, rule: Rule = "filter") -> NDArray[np.int64]:
    """Classes (u, each) behind every row: 1 - answer is missing from the bias where a label was.

    A sample's gradient of the last bias is its answer minus one at its label (Zhao et al. 2020,
    iDLG). Alone, that is the only one below zero, however long the gradient is; over a batch the
    answers are taken to be as they are on the attacker's own samples. Where noise was added or
    coordinates are missing, rule "filter" reads the whole last layer: its weights' gradient is the
    same numbers times what enters the layer, of which the attacker knows the mean.
    """
    each, count = view.release.each, len(view.release)
    disturbed = rule == "filter" and _disturbed(view)
    left = _filtered(view) if disturbed else -view.release.code[:, -view.embeddings.shape[1] :]
    left = left.astype(np.float64)
    if each > 1:
        left = left + view.embeddings.mean(axis=0)
    labels = np.empty((count, each), dtype=np.int64)
    for place in range(each):
        labels[:, place] = left.argmax(axis=1)
        left[np.arange(count), labels[:, place]] -= 1 / each
    return labels


def _disturbed(view: View) -> bool:
    scheme, rows = view.scheme, view.release.code
    if not isinstance(scheme, UpdateScheme) or _last(view) is None:
        return False
    size = view.release.each // scheme.summed
    return bool(scheme.deviation(rows, size).any() or not scheme.revealed(rows).all())


def _filtered(view: View) -> Floats:
    """Minus the last layer's gradient along the mean of what enters it, scaled as the bias's is."""
    last = _last(view)
    assert last is not None and view.samples is not None
    entered = _entering(view, last).mean(dim=0).cpu().numpy()
    classes, width = view.embeddings.shape[1], len(entered)
    tail = view.release.code[:, -classes * (width + 1) :]
    weights = tail[:, : classes * width].reshape(-1, classes, width)
    along: Floats = weights @ entered + tail[:, classes * width :]
    return -along / np.float32(1 + entered @ entered)


def _last(view: View) -> nn.Linear | None:
    """The fully connected layer that answers, if the network ends in one."""
    from torch import nn

    assert view.module is not None
    layers = [m for m in view.module.modules() if any(True for _ in m.parameters(recurse=False))]
    found = layers[-1] if layers else None
    return found if isinstance(found, nn.Linear) and found.bias is not None else None


def _entering(view: View, last: nn.Linear) -> Tensor:
    """What enters the last layer of the attacker's own samples, (n, width)."""
    import torch

    kept: list[Tensor] = []
    hook = last.register_forward_hook(lambda layer, given, out: kept.append(given[0].detach()))
    assert view.module is not None and view.samples is not None
    with torch.no_grad():
        view.module(as_tensor(view.samples, view.device))
    hook.remove()
    return kept[0]
