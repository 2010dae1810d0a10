"""What a scheme for updates promises of single samples, and where there are none to promise of."""

from __future__ import annotations

import math

import numpy as np

from fowh.core.errors import InputError
from fowh.core.leak import Setting
from fowh.core.updates import UpdateScheme
from fowh.kit import federated
from fowh.kit.rounds import share_of
from fowh.leaks import _clients


def promised(setting: Setting, scheme: UpdateScheme, size: int, single: bool) -> dict[str, float]:
    """Epsilon, delta, and in how many rounds the busiest sample takes part; {} without a promise.

    ``epsilon`` is against the server, who knows who took part. ``epsilon_models`` is against who
    sees the models of all rounds and no update: sampling hides members, and at least one client's
    noise is on each sample's sum.

    Args:
        setting: of the leak.
        scheme: between clients and server.
        size: samples of each client.
        single: whether gradients of single samples exist, which several local steps and batch
            normalisation in train mode have not.

    Raises:
        InputError: they do not, and the scheme clips or promises something of them.
    """
    members = len(setting.learned)
    delta, busiest = 1 / (10 * members), _clients.busiest(setting, size)
    epsilon = scheme.spent(busiest, 1.0, delta)
    if not single and (epsilon is not None or _shortens(scheme)):
        raise InputError(
            f"{type(scheme).__name__} clips single samples' gradients, and there are none after "
            "several local steps, or under batch normalisation in train mode: give steps=1, "
            "norm=eval"
        )
    if epsilon is None:
        return {}
    found: dict[str, float] = {"epsilon": epsilon, "delta": delta, "participations": busiest}
    sampled = scheme.spent(federated.ROUNDS, share_of(members, size), delta)
    if sampled is not None and math.isfinite(sampled):
        found["epsilon_models"] = sampled
    return found


def _shortens(scheme: UpdateScheme) -> bool:
    """Whether it does anything to single samples' gradients: to one that is long, at least."""
    long = np.full((1, 4), 1e6, dtype=np.float32)
    return not np.array_equal(scheme.each(long), long)
