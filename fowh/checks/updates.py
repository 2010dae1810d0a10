"""A small world of clients who train a classifier together, and whose updates are stolen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fowh.checks import world
from fowh.core.attack import Attack, Planter
from fowh.core.registry import load
from fowh.core.release import Floats, Release
from fowh.core.updates import UpdateScheme
from fowh.core.view import Query, View
from fowh.kit.images import as_tensor

if TYPE_CHECKING:
    from torch import nn

CANDIDATES = 12  # that an informed attack is given
UNITS = 24  # of the hidden layer


def network() -> nn.Module:
    """A little classifier of the people of ``world.pictures()``, with fixed weights."""
    import torch
    from torch import nn

    from fowh.kit.training import blank

    pixels = world.SIDE**2
    made: nn.Module = blank(
        lambda: nn.Sequential(
            *(nn.Flatten(), nn.Linear(pixels, UNITS), nn.ReLU(), nn.Linear(UNITS, world.PEOPLE))
        )
    )
    draw = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weights in made.parameters():
            weights.uniform_(-0.1, 0.1, generator=draw)
    return made


def view(attack: Attack, scheme: UpdateScheme, steal: int, source: str, modality: str) -> View:
    """What the server sees of so many clients, of one picture each; drawn anew, always the same.

    Candidates are known, and the server may be malicious: the attack plants its network first.
    """
    import torch

    from fowh.kit import federated

    own, module = world.pictures(), network()
    near = world.pictures(max(steal, CANDIDATES), seed=8)[:: world.READINGS]
    made = View(
        scheme=scheme,
        release=Release(np.zeros((0, 0), dtype=np.float32)),
        embeddings=federated.named(module, as_tensor(own, "cpu")),
        subjects=world.subjects(),
        samples=own,
        module=module,
        malicious=True,
        candidates=near[::-1].copy(),
        candidate_classes=(np.arange(len(near)) % world.PEOPLE)[::-1].copy(),
        closed_set=True,
        modality=modality,
        source=source,
    )
    if isinstance(attack, Planter):
        module = attack.plant(made, np.random.default_rng(5))
    labels = torch.arange(steal) % world.PEOPLE
    found = federated.per_sample(module, as_tensor(near[:steal], "cpu"), labels).detach().numpy()
    keys = np.zeros(steal, dtype=np.uint64)
    left = scheme.release(found[:, None], keys, np.random.default_rng(1))
    return replace(made, module=module, release=left)


def answered(steal: int, source: str) -> View:
    """What a classifier answered to labelled samples, and all of it that is public: white box."""
    import torch
    from torch import nn

    module = nn.Sequential(network(), nn.Softmax(dim=1)).eval()
    own, near = world.pictures(), world.pictures(max(steal, world.PEOPLE), seed=8)

    def ask(samples: NDArray[Any]) -> Floats:
        with torch.no_grad():
            answers: Floats = module(as_tensor(samples, "cpu")).numpy()
        return answers

    stolen = near[:: world.READINGS][:steal]
    labels = np.arange(steal, dtype=np.int64) % world.PEOPLE
    return View(
        scheme=load("scheme", "full_scores"),
        release=Release(ask(stolen), {"label": labels, "sample": stolen}),
        embeddings=ask(own),
        subjects=world.subjects(),
        samples=own,
        query=Query(ask, 5000),
        module=module,
        learner=load("target", "softmax"),
        closed_set=True,
        modality="image",
        as_released=True,
        source=source,
    )
