"""Key-seeded random projections, shared by the sign and arg-max schemes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.scheme import CodeScheme, Floats, Slack, Templates, by_key, key_stream, known_token

if TYPE_CHECKING:
    import torch


def gaussian(key: int, purpose: str, shape: tuple[int, ...]) -> Floats:
    """The key's N(0, 1) draws for one purpose, float32."""
    return key_stream(key, purpose).standard_normal(shape, dtype=np.float32)


def slack_by_key(
    scheme: CodeScheme,
    templates: Templates,
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
