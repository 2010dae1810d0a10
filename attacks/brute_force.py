"""Brute force: try the secrets that a commitment can hold against its digest, one by one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from attacks._readout import Population, ascend, blocks, middle, with_token
from fowh.core.attack import Attack
from fowh.core.capability import Guessable
from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.view import View

if TYPE_CHECKING:
    from fowh.core.capability import Slack

CHUNK = 1 << 26  # guesses between two words of progress
STEPS, RATE, MARGIN = 100, 0.3, 0.1  # gradient steps, their size in z, width against mean slack


@dataclass(frozen=True)
class BruteForce(Attack):
    """Enumerate a template's secret up to a budget; where it is found, nothing is left to guess.

    The secret gives every bit that the commitment masks, and with the key these say on which side
    of each projection the embedding lies: the likeliest one that does, under a Gaussian prior from
    the attacker's own samples, is the reconstruction. A template that resists gets the mean of his
    samples: blind. Remarks say how many were tried and opened, how fast, and what the whole space
    would take at that rate, which is extrapolated, not done.

    Attributes:
        budget: guesses at each template. Salts differ, so none serves two.
    """

    quick: ClassVar[Mapping[str, Any]] = {"budget": 2**10}
    budget: int = 2**20

    def __post_init__(self) -> None:
        if not 1 <= self.budget <= 2**62:
            raise InputError(f"brute_force: budget={self.budget}; give one from 1 to 2^62")

    def unsupported(self, view: View) -> str | None:
        if not isinstance(view.scheme, Guessable):
            return "the scheme commits to no secret that a fast digest would confirm"
        if view.release.token is None and view.scheme.keyed:
            return "the keys did not leak: a secret gives bits, but not what they are bits of"
        return None

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        release, scheme = with_token(view), view.scheme
        assert isinstance(scheme, Guessable)  # see unsupported
        population = Population.of(view.embeddings)
        count = len(release)
        numbers = self._enumerate(view, scheme)
        out = np.tile(middle(view.embeddings), (count, 1))
        opened, found = np.flatnonzero(numbers >= 0), numbers[numbers >= 0]
        for part in blocks(release[opened]):
            slack = scheme.opened(release[opened[part]], found[part])
            out[opened[part]] = _likeliest(slack, len(part), population, view.device)
        return out

    def _enumerate(self, view: View, scheme: Guessable) -> NDArray[np.int64]:
        """Numbers of the rows' secrets, -1 where the budget ends first; (n,)."""
        bits, release = scheme.secret_bits or 0, view.release
        budget = int(min(self.budget, 2**bits))
        numbers = np.full(len(release), -1, dtype=np.int64)
        scheme.guess(release[:1], 0, 1)  # compiled, and its threads started, off the clock
        started, guesses = time.process_time(), 0
        for row in range(len(release)):
            for first in range(0, budget, CHUNK):
                view.progress("guessing", (row + first / budget) / len(release))
                count = min(CHUNK, budget - first)
                numbers[row] = scheme.guess(release[[row]], first, count)[0]
                guesses += count if numbers[row] < 0 else int(numbers[row]) - first + 1
                if numbers[row] >= 0:
                    break
        seconds = time.process_time() - started  # of all threads together
        rate = guesses / max(seconds, 1e-9)
        view.remarks.append(
            f"{len(release)} templates tried, {budget:,} guesses at most each: "
            f"{int((numbers >= 0).sum())} opened; {guesses:,} guesses in {seconds:.1f} s x core, "
            f"{rate / 1e6:.3g} M a second and core"
        )
        if budget < 2**bits:
            view.remarks.append(
                f"extrapolated from that rate, not done: all 2^{bits:g} secrets of one template "
                f"take a core {_duration(2**bits / rate)}"
            )
        return numbers


def _likeliest(slack: Slack, count: int, population: Population, device: str) -> Floats:
    """Embeddings (count, d) that satisfy inequalities, by a logistic penalty and the prior."""
    import torch
    from torch.nn.functional import softplus

    spectrum, axes = np.linalg.eigh(population.covariance)
    root = torch.from_numpy(axes * np.sqrt(spectrum)).to(device, torch.float32)
    mean = torch.from_numpy(population.mean).to(device)
    z = torch.zeros((count, len(mean)), device=device, requires_grad=True)
    width = MARGIN * slack(ascend(slack, mean.repeat(count, 1), population, 1)).abs().mean()
    adam = torch.optim.Adam([z], lr=RATE)
    for step in range(STEPS):
        adam.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        penalty = softplus(-slack(mean + z @ root.T) / width).sum() + z.square().sum() / 2
        (z.grad,) = torch.autograd.grad(penalty, z)
        adam.step()
    with torch.no_grad():
        out: Floats = (mean + z @ root.T).cpu().numpy()
    return out


def _duration(seconds: float) -> str:
    """In the largest unit of which there is one."""
    for unit, size in (("years", 365.25 * 86400), ("days", 86400), ("hours", 3600)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} seconds"
