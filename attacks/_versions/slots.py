"""How the outputs of several versions become one input of the generator (paper, sec. 4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:  # torch takes seconds to import
    import torch
    from torch import Tensor

Method = Literal["single", "rand", "concat", "sr", "srwal", "slot_dropout"]
Depth = Literal["first", "last"]  # of the map from which srwal's generator tells the version
METHODS: tuple[str, ...] = get_args(Method)
ONE_SLOT = ("single", "rand")  # the generator's input has the width of one vector
MANY_AT_ONCE = ("concat", "slot_dropout")  # training fills several slots together
ANY_SLOTS = ("concat", "sr", "srwal", "slot_dropout")  # of all versions: all of them may be filled


def width(method: str, versions: int, dimension: int) -> int:
    """Length of the generator's input: m, or alpha * m for the input-augmented methods."""
    return dimension if method in ONE_SLOT else versions * dimension


def fill(
    method: str, vectors: Tensor, rows: Tensor, randomness: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Training inputs of a batch.

    Args:
        method: the method of incorporation.
        vectors: (a, n, m), version by version, the final one last.
        rows: (b,) int64, the samples of the batch.
        randomness: draws versions; a CPU generator.

    Returns:
        Inputs (b, m) or (b, a * m), and the index (b,) of the version drawn for each sample (the
        last where nothing is drawn).
    """
    import torch

    count, _, dimension = vectors.shape
    batch = len(rows)
    last = torch.full((batch,), count - 1)
    if method == "single":
        return vectors[-1, rows], last.to(rows.device)
    if method in ("rand", "sr", "srwal"):
        drawn = torch.randint(count, (batch,), generator=randomness).to(rows.device)
        if method == "rand":
            return vectors[drawn, rows], drawn
        kept = torch.nn.functional.one_hot(drawn, count)
    else:
        drawn = last.to(rows.device)
        kept = torch.ones((batch, count), dtype=torch.int64)
        if method == "slot_dropout":  # a random subset of the slots that is not empty
            subset = torch.randint(1, 2**count, (batch,), generator=randomness)
            kept = (subset[:, None] >> torch.arange(count)) & 1
        kept = kept.to(rows.device)
    chosen = vectors[:, rows].transpose(0, 1) * kept[:, :, None]
    return chosen.reshape(batch, count * dimension), drawn


def present(method: str, vectors: Tensor) -> Tensor:
    """Inputs for the attack itself.

    Args:
        method: the method of incorporation.
        vectors: (a, n, m), every slot as it is to be shown; the last is the one attacked.

    Returns:
        (n, m) or (n, a * m).
    """
    if method in ONE_SLOT:
        return vectors[-1]
    return vectors.transpose(0, 1).reshape(vectors.shape[1], -1)
