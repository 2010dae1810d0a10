"""Score regression: what the scheme's own scores of a thief's probes say of the embedding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from attacks._even import both_signs
from attacks._probed import FLOOR, Verifier, graded, mirrored, people, unverifiable
from attacks._readout import Population, middle
from attacks._slopes import leading, lengthened, slope, surrounding
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.view import View

# Chosen on drawn populations and on people of LFW, never on those of ORL.
PILOT = 64  # probes, and their mirror images, that tell whether scores are graded and even
EVEN = 0.5  # correlation of a probe's score with its mirror image's from which a code is even
FIRST = 0.6  # of the probes are people; the others surround the estimate
ROUNDS = 2  # centred iom_urp, 80 rows of LFW: Rank-1 within two 96 %; in one round 89, without 78
NEAR = 0.5  # length of the steps around it, of an embedding's
PRIOR = 0.5  # exponent of the population covariance there
LENGTHS = np.array([0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.8])  # of an embedding's; their middle is 1
STEPS = np.array([0.0, 0.15, 0.3, 0.5, 0.8, 1.2])


@dataclass(frozen=True)
class ScoreRegression(Attack):
    """Regress the score on the probe, template by template, and read the embedding off the weights.

    Whoever holds a template and its key can verify any vector offline, and a scheme that recognises
    must score near ones higher. Probes come in pairs, a person (an own sample, or a draw of the
    population) and the mirror image about the mean. Half their difference is odd in the probe: its
    linear regression points at the embedding, and terms of second order drop out. Where a code is
    even, the matrix that is fitted to the scores has the embedding as its leading eigenvector, up
    to the sign: two candidates. The prior of the weights is that of embeddings, the population's
    covariance. Two more rounds do the same with probes around the estimate, where every code has a
    slope; how far to go along a direction the scores decide. No capability of the scheme is used.

    The strength is that of least error on probes that are left out. Templates whose scores of the
    first probes are all equal (yes or no, saturated) get the mean: blind, and remarks say so.

    Attributes:
        probes: offline verifications of each template, at most. A scheme's cap on comparisons
            lowers it, but not below 256: the pilot gives up soon where scores are constant.
        order: linear, quadratic, or what the pilot shows.
    """

    candidates: ClassVar[int] = 2
    quick: ClassVar[Mapping[str, Any]] = {"probes": 300}
    probes: int = 1500
    order: Literal["auto", "linear", "quadratic"] = "auto"

    def __post_init__(self) -> None:
        if self.probes < FLOOR:
            raise InputError(f"score_regression: probes is {self.probes}; give {FLOOR} or more")
        if self.order not in ("auto", "linear", "quadratic"):
            raise InputError(
                f"score_regression: order is {self.order!r}; give auto, linear or quadratic"
            )

    def unsupported(self, view: View) -> str | None:
        return unverifiable(view)

    def run(self, view: View, rng: np.random.Generator) -> Floats:
        population, verifier = Population.of(view.embeddings), Verifier(view)
        budget, rows = min(self.probes, max(FLOOR, verifier.cap)), np.arange(len(view.release))
        half, mean = round(FIRST * budget) // 2, population.mean
        pilot = min(PILOT, half, max(1, verifier.cap // 2))
        away = people(view, population, 2 * half, rng)
        left, right = np.split(verifier.same(mean + mirrored(away[:pilot]), rows), 2, axis=1)
        told = np.flatnonzero(np.ptp(np.concatenate([left, right], axis=1), axis=1) > 0)
        out = np.tile(middle(view.embeddings), (len(rows), 1))
        if len(told) < len(rows):
            view.remarks.append(
                f"{len(rows) - len(told)} of {len(rows)} templates score {2 * pilot} probes alike "
                "(yes or no, or saturated): nothing to regress, and the mean is handed in, blind"
            )
        if not len(told):
            return out
        left, right = left[told], right[told]
        even = self.order == "quadratic" or (self.order == "auto" and _even(left, right))
        if even:  # a mirror image tells nothing new
            tried = away[: 2 * half - pilot]
            scores = np.hstack([left, verifier.same(mean + tried[pilot:], told)])
            toward, missed = leading(tried, scores, population)
        else:
            tried = mirrored(away[:half])
            more = verifier.same(mean + mirrored(away[pilot:half]), told)
            scores = np.hstack([left, more[:, : half - pilot], right, more[:, half - pilot :]])
            toward, missed = slope(away[:half], scores, population, 1.0)
        centre, top = np.tile(mean, (len(told), 1)), scores.max(axis=1)
        x, reached = verifier.along(told, centre, toward, LENGTHS)
        x = np.where((reached > top)[:, None], x, mean + tried[scores.argmax(axis=1)])
        explained = [1 - missed]
        few = (budget - verifier.asked - ROUNDS * len(STEPS) - len(LENGTHS)) // (2 * ROUNDS)
        for number in range(ROUNDS):
            view.progress("around the estimate", number / ROUNDS)
            offsets = surrounding(population, NEAR, PRIOR, few, rng)
            scores = verifier.around(x, mirrored(offsets), told)
            toward, missed = slope(offsets, scores, population, PRIOR)
            x, _ = verifier.along(told, x, toward, STEPS)
            explained.append(1 - missed)
        toward = lengthened(x - mean, population)
        out[told], reached = verifier.along(told, centre, toward, LENGTHS)
        said = ", ".join(f"{100 * max(0.0, each):.0f} %" for each in explained)
        view.remarks.append(
            f"{verifier.asked} verifications of a template, {'quadratic' if even else 'linear'}; "
            f"{said} of left-out scores explained (people, then around the estimate); "
            f"{100 * np.mean(reached > top):.0f} % of the estimates outscore the best of the people"
        )
        return both_signs(out, view.embeddings, population) if even else out


def _even(left: Floats, right: Floats) -> bool:
    """Whether probes and their mirror images (r, p) score alike."""
    a, b = np.split(graded(np.hstack([left, right])), 2, axis=1)
    return bool((a * b).sum() > EVEN * (a**2 + b**2).sum() / 2)
