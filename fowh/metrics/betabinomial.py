"""Interval of a rate when successes come in clusters, one per subject.

The model is the beta-binomial one: rate p, and a correlation rho between templates of one subject
(0: as good as more subjects; 1: all or none). Few subjects hardly show rho, so that an interval
that puts an estimate in its place promises too much: this one averages over it.

The prior of rho is the arcsine law, Beta(1/2, 1/2). The prior of p lies half way from Jeffreys' to
the exact interval of Clopper and Pearson (1934), which is Beta(0, 1) for the lower and Beta(1, 0)
for the upper end: Beta(1/4, 3/4) for the lower, Beta(3/4, 1/4) for the upper end.

People need not follow the model (a few always, the others never): with hundreds of subjects it is
then sure of a wrong rate. The interval therefore also spans that of Wilson (1927) on the effective
number of rows (Korn and Graubard, 1998), which knows no model and is too narrow near 0 and 1.
docs/intervals.md has the coverage by which all of this was chosen.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_TAIL = 0.025  # beyond either end
_CAUTION = 0.25  # of the prior's exponents: 0 is Jeffreys, 0.5 Clopper and Pearson
_CELLS, _ALIKE = 96, 24  # grid over the rate and over the correlation
_ZOOMS, _NEGLIGIBLE = 3, 1e-8  # refinements, and the relative density not worth a cell
_Z = 1.959963984540054  # of the normal law, beyond which _TAIL lies
_SINGLY, _FOLD = 32, 12  # counts taken one by one, then steps for each factor of e


def ends(won: NDArray[Any], rows: NDArray[Any]) -> tuple[float, float]:
    """Both ends of the 95 % interval.

    They are widened to contain the rate, and rise with the count where successes are added
    subject by subject or in turns (see ``_upper``).

    Args:
        won: (k,) successes of each subject, fractions allowed.
        rows: (k,) templates of each subject, at least 1.

    Returns:
        Both ends; exactly 0 where nothing succeeded, and 1 where everything did.

    Raises:
        ValueError: more successes than templates, or fewer than none.
    """
    if (won < -1e-9).any() or (won > rows + 1e-9).any():
        raise ValueError("successes must lie in 0..1")
    rows = np.asarray(rows, dtype=np.float64)
    won = np.clip(won, 0.0, rows)
    value = float(won.sum() / rows.sum())
    low, high = min(value, 1 - _upper(rows - won, rows)), max(value, _upper(won, rows))
    return low if value > 0 else 0.0, high if value < 1 else 1.0


def _upper(won: Floats, rows: Floats) -> float:
    """The upper end; by symmetry one less that of the failures is the lower end.

    One success more can show that subjects differ little, and lower both of its parts. Each is
    therefore taken of fewer successes as well: the posterior of a single one, Wilson's interval of
    the subjects that always succeed.
    """
    lone = np.zeros_like(won)
    lone[np.argmax(won)] = min(1.0, won.max())
    always = np.where(won >= rows, won, 0.0)
    return max(
        *(posterior(part, rows) for part in (won, lone)),
        *(_wilson(part, rows) for part in (won, always)),
    )


def _wilson(won: Floats, rows: Floats) -> float:
    """Upper end by Wilson on as many rows as vary like the sum over subjects, all at most."""
    total, people = rows.sum(), len(rows)
    rate = won.sum() / total
    rest = (won - rate * rows) / total
    spread = people / max(people - 1, 1) * float(rest @ rest)
    effective = min(total, rate * (1 - rate) / spread) if spread > 0 else total
    share = _Z**2 / effective
    half = _Z * math.sqrt(rate * (1 - rate) / effective + share / (4 * effective))
    return float((rate + share / 2 + half) / (1 + share))


def posterior(won: Floats, rows: Floats) -> float:
    """The upper end by the model alone; 2.5 % of the posterior lie beyond it.

    Args:
        won: (k,) successes of each subject, fractions allowed.
        rows: (k,) templates of each subject.
    """
    places, *tallies = tallied(won, rows)
    return _quantile(*(tuple(each.tolist()) for each in (places, *tallies)))


def tallied(won: Floats, rows: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """What the likelihood needs to know of any number of subjects.

    Args:
        won: (k,) successes of each subject. 3.4 successes count as 0.6 subjects with 3 and 0.4
            with 4.
        rows: (k,) templates of each subject.

    Returns:
        places (j,): the counts 0, 1, ..., and the middles of ever more neighbours beyond 32; and
        how often, over all subjects, more than so many have succeeded, failed, been there.
    """
    most = math.ceil(rows.max())
    steps = max(0, math.ceil(_FOLD * math.log(most / _SINGLY))) + 1
    beyond = np.rint(np.geomspace(min(most, _SINGLY), most, steps))
    edges = np.union1d(np.arange(min(most, _SINGLY) + 1), beyond)
    won, lost, rows = (
        np.clip(side[:, None] - edges[:-1], 0, np.diff(edges)).sum(axis=0)
        for side in (won, rows - won, rows)
    )
    return (edges[1:] + edges[:-1] - 1) / 2, won, lost, rows


def log_likelihood(
    places: Floats, won: Floats, lost: Floats, rows: Floats, angle: Floats, rho: Floats
) -> Floats:
    """Beta-binomial log-likelihood of all subjects, binomial coefficients left out.

    The rising factorial form, a product over j of p (1 - rho) + j rho (Griffiths, 1973), which
    knows rho = 0.

    Args:
        places: (j,) as ``tallied`` returns them, and so are the next three.
        won: (j,)
        lost: (j,)
        rows: (j,)
        angle: (p,) arcsine of the square root of each rate.
        rho: (r,) correlations, in [0, 1).

    Returns:
        (p, r).
    """
    step = places[:, None, None] * rho
    free = 1 - rho
    out = np.tensordot(won, np.log(np.sin(angle)[:, None] ** 2 * free + step), axes=1)
    out += np.tensordot(lost, np.log(np.cos(angle)[:, None] ** 2 * free + step), axes=1)
    return np.asarray(out - np.tensordot(rows, np.log(free + step), axes=1))


@functools.lru_cache(maxsize=4096)
def _quantile(*tallies: tuple[float, ...]) -> float:
    """The upper end, on a grid that closes in on where the posterior lies.

    Uniform in the angle is Jeffreys' prior of the rate, and the arcsine law of rho.
    """
    places, won, lost, rows = (np.array(each) for each in tallies)
    rho = np.sin((np.arange(_ALIKE) + 0.5) / _ALIKE * math.pi / 2) ** 2
    first, last = 0.0, math.pi / 2
    for _ in range(_ZOOMS):
        edges = np.linspace(first, last, _CELLS + 1)
        angle = (edges[1:] + edges[:-1]) / 2
        seen = log_likelihood(places, won, lost, rows, angle, rho)
        seen += 2 * _CAUTION * np.log(np.tan(angle))[:, None]
        density = np.exp(seen - seen.max()).sum(axis=1)
        used = np.flatnonzero(density > _NEGLIGIBLE * density.max())
        first, last = edges[max(used[0] - 1, 0)], edges[min(used[-1] + 2, _CELLS)]
    mass = np.cumsum(np.append(0.0, density))
    return float(np.sin(np.interp((1 - _TAIL) * mass[-1], mass, edges)) ** 2)
