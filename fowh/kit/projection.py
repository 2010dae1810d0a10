"""Key-seeded random projections, in blocks and on every core; the slack of what they imply."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from fowh.core.capability import Slack
from fowh.core.memory import fits
from fowh.core.randomness import key_stream
from fowh.core.release import Floats, Release, by_key, known_token
from fowh.core.scheme import CodeScheme, TemplateScheme

if TYPE_CHECKING:
    import torch

KEYS = 48  # whose draws are kept, at most: a fold of 40 subjects fits
KEPT = 1 << 29  # bytes of them in all, at most: one is 10 MB at 512 x 4,800
kept: OrderedDict[tuple[int, str, tuple[int, ...]], Floats] = OrderedDict()
_turn = threading.Lock()
BLOCK = 1 << 23  # products at a time (32 MiB): smaller blocks slow sgemm down


@dataclass(frozen=True)
class ProjectionScheme(CodeScheme):
    """A code of random projections, of the embedding as it is or of what lies off its mean.

    Attributes:
        centred: whether the development mean is taken off first. No publication of these schemes
            does; embeddings of real models are far from centred, so it alters how well a scheme
            recognises, and what its codes leave open.
    """

    centred: bool = field(default=False, kw_only=True)

    def fit(self, development: Floats) -> Self:
        """Learn the development mean where embeddings are to be centred; else nothing."""
        return super().fit(development) if self.centred else self


def gaussian(key: int, purpose: str, shape: tuple[int, ...]) -> Floats:
    """The key's N(0, 1) draws for one purpose, float32; not to be written to.

    A key is used again and again, to enrol, compare and attack: those used last are kept.
    """
    wanted = (key, purpose, shape)
    with _turn:
        if wanted in kept:
            kept.move_to_end(wanted)
            return kept[wanted]
    fits("projections of a key", shape)
    drawn = key_stream(key, purpose).standard_normal(shape, dtype=np.float32)
    with _turn:
        kept[wanted] = drawn
        while len(kept) > KEYS or sum(each.nbytes for each in kept.values()) > KEPT:
            kept.popitem(last=False)
    return drawn


def projected(embeddings: Floats, matrix: Floats) -> Iterator[tuple[slice, Floats]]:
    """Embeddings times a matrix, in blocks of rows.

    Not centred: the caller subtracts ``centre @ matrix`` from what it does with the products,
    which spares a pass over the embeddings.

    Args:
        embeddings: (n, d) float32.
        matrix: (d, c) float32.

    Yields:
        (rows, values): a slice, and the (r, c) products of those rows in a buffer that the next
        block overwrites: a whole (n, c) product is never in memory.
    """
    import torch  # its sgemm is the fastest at hand, and it is loaded anyway where speed matters

    # torch takes no array that it could not write to
    embeddings = np.require(embeddings, np.float32, ["C", "W"])
    height = max(1, min(BLOCK // matrix.shape[1], len(embeddings)))
    products = np.empty((height, matrix.shape[1]), dtype=np.float32)
    weights = torch.from_numpy(matrix)
    for start in range(0, len(embeddings), height):
        rows = slice(start, min(start + height, len(embeddings)))
        out = products[: rows.stop - start]
        torch.mm(torch.from_numpy(embeddings[rows]), weights, out=torch.from_numpy(out))
        yield rows, out


def projected_mean(scheme: CodeScheme, matrix: Floats) -> Floats:
    """The development mean times a (d, c) matrix; (c,), zeros where nothing was fitted."""
    import torch  # not NumPy's: the threads of another BLAS spin on after its last product

    mean = scheme.public.get("mean", np.zeros(len(matrix), dtype=np.float32))
    product: Floats = (torch.from_numpy(mean) @ torch.from_numpy(matrix)).numpy()
    return product


def slack_by_key(
    scheme: TemplateScheme,
    templates: Release,
    draw: Callable[[int, int], tuple[NDArray[Any], ...]],
    slack: Callable[..., torch.Tensor],
) -> Slack:
    """Assemble ``Inequalities.slack`` from its value under one key.

    Args:
        scheme: the fitted scheme, for its mean.
        templates: n templates with their token.
        draw: (key, d) -> the key's public randomness; called once per distinct key, and kept:
            with many keys, call per block of templates.
        slack: (centred x (r, d), code (r, ...), *randomness) -> (r, k), all torch tensors.
    """
    import torch

    groups = list(by_key(known_token(templates)))
    codes = [torch.from_numpy(templates.code[rows]) for _, rows in groups]
    order = np.argsort(np.concatenate([rows for _, rows in groups]))
    drawn: list[tuple[torch.Tensor, ...]] = []
    mean = scheme.public.get("mean")

    def evaluate(x: torch.Tensor) -> torch.Tensor:
        if not drawn:  # the dimension is not known before
            for key, _ in groups:
                parts = draw(key, x.shape[1])
                drawn.append(tuple(torch.from_numpy(part).to(x.device) for part in parts))
        if mean is not None:
            x = x - torch.from_numpy(mean).to(x.device)
        if len(groups) == 1:
            return slack(x, codes[0].to(x.device), *drawn[0])
        values = [
            slack(x[torch.from_numpy(rows).to(x.device)], code.to(x.device), *parts)
            for (_, rows), code, parts in zip(groups, codes, drawn, strict=True)
        ]
        return torch.cat(values)[torch.from_numpy(order).to(x.device)]

    return evaluate
