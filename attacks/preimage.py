"""Pre-image: undo the transform, or satisfy the inequalities that a row of the release implies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from attacks._even import both_signs
from attacks._linear import SYNTHETIC, mapped
from attacks._readout import ASCENT, Population, ascend, blocks, with_token
from attacks._revealed import revealed
from fowh.core.attack import Attack
from fowh.core.capability import Inequalities, Slack, unprotects
from fowh.core.errors import InputError
from fowh.core.release import Floats, Release
from fowh.core.scheme import TemplateScheme
from fowh.core.view import View

if TYPE_CHECKING:
    import torch

TRIED = 64  # own samples that are scored to find a starting point
STARTS = 5  # how many of them are followed where a code leaves the sign open
EVEN = 0.9  # of what a solution satisfies: as much for its mirror image leaves the sign open
SAME = 0.9  # cosine of two solutions that count as one


@dataclass(frozen=True)
class Preimage(Attack):
    """The strongest training-free attack that a scheme admits, with its key.

    A scheme that can be un-protected is. Otherwise: the closed-form estimate, then the
    locality-sensitive predicate of Paik et al. (BMVC 2023, extended), find x that satisfies all the
    inequalities, with a logistic penalty (it beats the hinge at every code length measured on ORL)
    and a Gaussian prior. It needs no target queries and no training. What the scheme says of its
    rows is tried on own samples first; what does not explain them is not believed, and the rows are
    read by a linear map instead (``attacks/_revealed.py``).

    Where x and its mirror image about the mean satisfy as many inequalities (products of an even
    number of entries, centred), it returns ten candidates: both signs, the likelier first, of the
    solutions that five own samples lead to, those that satisfy most first and repetitions last.

    Attributes:
        steps: gradient steps.
        rate: step size, in standard deviations of the prior.
        margin: width of the logistic penalty against the mean absolute slack.
        prior: exponent of the population covariance in the prior. 0 knows nothing of the
            population and keeps short codes identifiable; 1 gets closest to the embedding.
    """

    closed_form: ClassVar[bool] = True
    candidates: ClassVar[int] = 2 * STARTS
    quick: ClassVar[Mapping[str, Any]] = {"steps": 2}
    steps: int = 30
    rate: float = 0.3
    margin: float = 0.1
    prior: float = 0.5

    def __post_init__(self) -> None:
        if self.steps < 0 or not (self.rate > 0 and self.margin > 0 and 0 <= self.prior <= 1):
            raise InputError(
                f"preimage: steps={self.steps}, rate={self.rate}, margin={self.margin}, "
                f"prior={self.prior}; give steps >= 0, rate and margin > 0, prior in 0..1"
            )

    def unsupported(self, view: View) -> str | None:
        compared = isinstance(view.scheme, Inequalities) and isinstance(view.scheme, TemplateScheme)
        if not (compared or unprotects(view.scheme)):
            return "the scheme offers neither un-protection nor inequalities"
        if view.release.token is None and view.scheme.keyed:
            return "the keys did not leak: the projections behind each row are unknown"
        return None

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        release, scheme = with_token(view), view.scheme
        population = Population.of(view.embeddings)
        way = revealed(view, population, rng)
        if way == "unprotect" and unprotects(scheme):
            return scheme.unprotect(release)
        if way == "features" or not isinstance(scheme, TemplateScheme):
            return mapped(view, SYNTHETIC, rng)
        count = min(TRIED, len(view.embeddings))
        tried = view.embeddings[rng.choice(len(view.embeddings), count, replace=False)]
        best = np.empty((len(release), count), dtype=np.intp)
        for rows in blocks(release):
            best[rows] = np.argsort(-scheme.scores(release[rows], tried), axis=1, kind="stable")
        found, fit, mirrored = self._solve(view, release, tried[best[:, 0]], population)
        if mirrored.mean() <= EVEN * fit.mean():
            return found
        every, fits = [found], [fit]
        for number in range(1, min(STARTS, count)):
            found, fit, _ = self._solve(view, release, tried[best[:, number]], population)
            every.append(found)
            fits.append(fit)
        solved = _ranked(np.stack(every, axis=1), np.stack(fits, axis=1), population.mean)
        pairs = both_signs(solved, view.embeddings, population)
        return pairs.reshape(len(release), -1, solved.shape[2])

    def _solve(
        self, view: View, release: Release, starts: Floats, population: Population
    ) -> tuple[Floats, Floats, Floats]:
        """Solutions (n, d), and which share of its inequalities each and its mirror satisfy."""
        import torch

        scheme = view.scheme
        assert isinstance(scheme, Inequalities)
        out, fits = np.empty_like(starts), np.empty((2, len(starts)), dtype=np.float32)
        mean, done = torch.from_numpy(population.mean).to(view.device), 0
        for rows in blocks(release):
            view.progress("pre-image", done / len(release))
            slack = scheme.slack(release[rows])
            start = torch.from_numpy(starts[rows]).to(view.device)
            found = self._follow(slack, start, population)
            with torch.no_grad():
                for sign, fit in zip((1, -1), fits, strict=True):
                    satisfied = slack(mean + sign * (found - mean)) >= 0
                    fit[rows] = satisfied.float().mean(dim=1).cpu().numpy()
            out[rows] = found.cpu().numpy()
            done += len(rows)
        return out, fits[0], fits[1]

    def _follow(self, slack: Slack, start: torch.Tensor, population: Population) -> torch.Tensor:
        """From starting points (n, d) to where the penalised inequalities and the prior agree."""
        import torch
        from torch.nn.functional import softplus

        x = ascend(slack, start, population, ASCENT)
        mean = torch.from_numpy(population.mean).to(x)
        # Work in the prior's standard coordinates z: x = mean + root z.
        spectrum, axes = np.linalg.eigh(population.covariance)
        spread = np.sqrt(spectrum**self.prior)
        spread *= population.norm / np.linalg.norm(spread)
        root = torch.from_numpy(axes * spread).to(x)
        with torch.no_grad():
            width = self.margin * slack(x).abs().mean()
        z = (x - mean) @ root  # one step of z from 0, where slack is linear
        z = (z * (population.norm / (z @ root.T).norm(dim=1, keepdim=True))).requires_grad_()
        adam = torch.optim.Adam([z], lr=self.rate)
        for step in range(self.steps):
            adam.param_groups[0]["lr"] = self.rate * (1 - step / self.steps)
            penalty = softplus(-slack(mean + z @ root.T) / width).sum() + z.square().sum() / 2
            (z.grad,) = torch.autograd.grad(penalty, z)
            adam.step()
        with torch.no_grad():
            return mean + population.rescale(z @ root.T)


def _ranked(solved: Floats, fits: Floats, mean: Floats) -> Floats:
    """Solutions (n, s, d) of each row: best fit first, those that repeat a better one last."""
    order = np.argsort(-fits, axis=1, kind="stable")
    solved = np.take_along_axis(solved, order[:, :, None], axis=1)
    unit = solved - mean
    unit /= np.maximum(np.linalg.norm(unit, axis=2, keepdims=True), 1e-12)
    alike = np.abs(unit @ unit.transpose(0, 2, 1)) > SAME  # either sign: both are handed in
    repeats = np.tril(alike, -1).any(axis=2)
    last = np.argsort(repeats, axis=1, kind="stable")
    return np.take_along_axis(solved, last[:, :, None], axis=1)
