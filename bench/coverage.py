"""Coverage of the 95 % intervals by simulation: ``python -m bench.coverage [--runs 1000]``.

Prints tables in markdown; docs/intervals.md holds them. Every number is the share, in percent, of
simulated experiments whose interval contains the rate that they were drawn with. 10 templates per
subject, and 3 readings where all pairs are compared. The same seed gives the same tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fowh.metrics import betabinomial
from fowh.metrics.intervals import Value, difference, mean, rate
from fowh.metrics.loss import fnmr_loss
from fowh.metrics.recognition import operating_point, summary
from fowh.metrics.seeds import crossed

Floats = NDArray[np.float64]
Draw = np.random.Generator
Scores = dict[str, NDArray[np.generic]]  # comparisons, as utility has them
EACH = 10
PEOPLE = (8, 40, 600)
RATES = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)
ALIKE = (0.0, 0.2, 0.5, 0.9)
SHARES = ((0.0, 0.01), (0.01, 0.01), (0.05, 0.2), (0.3, 0.3), (0.0, 0.5), (0.9, 0.02))  # a, b only
READINGS = 3  # of a person where all pairs of readings are compared
LESS = (0.0, 0.5)  # correlations there, of which each point takes long
COSTS = ((0.05, 0.05), (0.05, 0.3))  # FNMR at FMR 1 % without and with a scheme
SPREADS = (0.0, 0.3, 1.0)  # of runs and of targets, in logits; people spread by 1.5
KINDS = {  # rates of kinds of people and their shares: what no beta distribution fits
    "half never, half 50 %": ((0.0, 0.5), (0.5, 0.5)),
    "10 % always, the rest 2 %": ((1.0, 0.02), (0.1, 0.9)),
    "20 % never, the rest 95 %": ((0.0, 0.95), (0.2, 0.8)),
    "30 % at 90 %, the rest 10 %": ((0.9, 0.1), (0.3, 0.7)),
}


def whose(people: int) -> NDArray[np.intp]:
    return np.repeat(np.arange(people), EACH)


def rows_of(won: NDArray[np.int64]) -> Floats:
    """Rows of 0 and 1 with these many successes for each subject."""
    return (np.arange(EACH) < won[:, None]).ravel().astype(float)


@cache
def rate_of(won: tuple[int, ...]) -> Value:
    return rate(rows_of(np.array(won)), whose(len(won)), np.random.default_rng(0))


def chances(draw: Draw, p: float, rho: float, shape: tuple[int, ...]) -> Floats:
    """Rates of people whose templates correlate by rho (Beta)."""
    if rho == 0 or p in (0, 1):
        return np.full(shape, p)
    return draw.beta(p * (1 / rho - 1), (1 - p) * (1 / rho - 1), shape)


def of_rate(people: int, rho: float, p: float, draw: Draw) -> tuple[Value, float]:
    won = draw.binomial(EACH, chances(draw, p, rho, (people,)))
    return rate_of(tuple(sorted(won.tolist()))), p


def of_kinds(people: int, kind: str, draw: Draw) -> tuple[Value, float]:
    rates, shares = KINDS[kind]
    won = draw.binomial(EACH, draw.choice(rates, p=shares, size=people))
    return rate_of(tuple(sorted(won.tolist()))), float(np.dot(rates, shares))


def of_difference(
    people: int, rho: float, shares: tuple[float, float], draw: Draw
) -> tuple[Value, float]:
    """Discordant and concordant shares of a person: Dirichlet."""
    whole = np.array([*shares, 1 - sum(shares)])
    own = np.tile(whole, (people, 1))
    if rho > 0:
        own = draw.gamma(np.maximum(whole, 1e-300) * (1 / rho - 1), size=(people, 3)) + 1e-300
        own /= own.sum(axis=1, keepdims=True)
    counts = draw.multinomial(EACH, own)
    a, b = rows_of(counts[:, 0]), rows_of(counts[:, 1]).reshape(people, EACH)[:, ::-1].ravel()
    return difference(a, b, whose(people), draw), shares[0] - shares[1]


def of_mean(people: int, rho: float, kind: str, draw: Draw) -> tuple[Value, float]:
    """Normal values; or skewed ones: the person's part and the rest are exponential."""
    take = draw.standard_normal if kind == "normal" else draw.standard_exponential
    values = np.sqrt(rho) * take(people)[:, None] + np.sqrt(1 - rho) * take((people, EACH))
    truth = 0.0 if kind == "normal" else float(np.sqrt(rho) + np.sqrt(1 - rho))
    return mean(values.ravel(), whose(people), draw), truth


def of_fractions(people: int, rho: float, p: float, draw: Draw) -> tuple[Value, float]:
    """Shares of 9, as Type-2: each row has a rate of its own, correlated within its subject."""
    own = np.clip(chances(draw, p, rho, (people,)), 1e-9, 1 - 1e-9)[:, None]
    shares = draw.binomial(9, draw.beta(own * 2, (1 - own) * 2, (people, EACH))) / 9
    return rate(shares.ravel(), whose(people), draw), p


def of_runs(
    people: int, targets: int, known: bool, spread: float, draw: Draw
) -> tuple[Value, float]:
    """Logistic: person, target and run each add a normal part; three runs for each target."""
    person = draw.normal(0, 1.5, people)
    target, run = draw.normal(0, spread, targets), draw.normal(0, spread, (targets, 3))
    if targets == 1:
        target *= 0  # runs differ, against one target that is not a draw
    chance = 1 / (1 + np.exp(-(person + (target[:, None] + run)[..., None])))
    hits = draw.binomial(EACH, chance).reshape(-1, people)
    groups = np.repeat(np.arange(targets), 3).tolist() if known else None
    columns = [rows_of(won) for won in hits]
    return crossed(columns, [whose(people)] * len(columns), draw, groups=groups), 0.5


def posterior(won: NDArray[np.int64]) -> tuple[float, float]:
    """The beta-binomial part of the rule alone."""
    rows = np.full(len(won), float(EACH))
    return 1 - betabinomial.posterior(rows - won, rows), betabinomial.posterior(won + 0.0, rows)


def effective(won: NDArray[np.int64]) -> tuple[float, float]:
    """The rate, and the rows that would vary as much were they independent."""
    share, spread = won.mean() / EACH, won.var(ddof=1) / EACH**2 / len(won)
    varies = spread > 0
    return share, min(share * (1 - share) / spread, len(won) * EACH) if varies else len(won)


def korn_graubard(won: NDArray[np.int64]) -> tuple[float, float]:
    """Clopper and Pearson on the effective rows, times the squared ratio of t quantiles."""
    share, rows = effective(won)
    rows *= (stats.t.ppf(0.975, len(won) * EACH - 1) / stats.t.ppf(0.975, len(won) - 1)) ** 2
    hits = share * rows
    low = stats.beta.ppf(0.025, hits, rows - hits + 1) if share > 0 else 0.0
    return low, stats.beta.ppf(0.975, hits + 1, rows - hits) if share < 1 else 1.0


def wilson(won: NDArray[np.int64]) -> tuple[float, float]:
    """Wilson on the effective rows, with the t quantile of the people."""
    share, rows = effective(won)
    z = stats.t.ppf(0.975, len(won) - 1) ** 2 / rows
    half = np.sqrt(z * share * (1 - share) + z**2 / 4)
    return (share + z / 2 - half) / (1 + z), (share + z / 2 + half) / (1 + z)


RULES: dict[str, Callable[[NDArray[np.int64]], tuple[float, float]]] = {
    "ours": lambda won: betabinomial.ends(won, np.full(len(won), EACH)),
    "posterior alone": posterior,
    "Korn-Graubard": korn_graubard,
    "Wilson, t": wilson,
}


@cache
def ends_of(rule: str, won: tuple[int, ...]) -> tuple[float, float]:
    return RULES[rule](np.array(won))


def of_rule(rule: str, people: int, world: float | str, draw: Draw) -> tuple[Value, float]:
    """Another rule: clustered by rho at one of the rates in turn, or people of few kinds."""
    if isinstance(world, str):
        rates, shares = KINDS[world]
        own, truth = draw.choice(rates, p=shares, size=people), float(np.dot(rates, shares))
    else:
        truth = float(draw.choice(RATES))
        own = chances(draw, truth, world, (people,))
    won = draw.binomial(EACH, own)
    return Value(None, *ends_of(rule, tuple(sorted(won.tolist()))), people), truth


def of_false_matches(people: int, rho: float, p: float, draw: Draw) -> tuple[Value, float]:
    """All pairs of people, one comparison each way; some people are lambs, some wolves."""
    a, b = np.nonzero(~np.eye(people, dtype=bool))
    own = [chances(draw, np.sqrt(p), rho, (people,)) for _ in range(2)]
    scores = (draw.random(len(a)) < own[0][a] * own[1][b]).astype(float)
    return operating_point(scores, np.zeros(len(a), bool), a, b, draw)[1], p


def compared(rho: float, means: tuple[float, ...], people: int, draw: Draw) -> list[Scores]:
    """All pairs of readings under a few systems: normal scores, mated ones higher by the means.

    A share rho of a score's variance is its people's: of a mated pair one person's, who is as hard
    for every system; of a non-mated pair half the template's and half the probe's person's.
    """
    readings = np.repeat(np.arange(people), READINGS)
    a, b = (readings[place] for place in np.nonzero(~np.eye(len(readings), dtype=bool)))
    mated = a == b
    own, lamb, wolf = draw.standard_normal((3, people))
    theirs = np.where(mated, own[a], (lamb[a] + wolf[b]) / np.sqrt(2))
    made = []
    for higher in means:
        score = np.sqrt(rho) * theirs + np.sqrt(1 - rho) * draw.standard_normal(len(a))
        score = (score + higher * mated).astype(np.float32)
        made.append({"score": score, "mated": mated, "subject_a": a, "subject_b": b})
    return made


def apart(fnmr: float) -> float:
    """How far mated scores lie above the others for this FNMR at FMR 1 %."""
    return float(stats.norm.ppf(0.99) - stats.norm.ppf(fnmr))


def of_fnmr(people: int, rho: float, p: float, draw: Draw) -> tuple[Value, float]:
    (seen,) = compared(rho, (apart(p),), people, draw)
    return summary(*seen.values(), draw)["fnmr_at_fmr_1e-2"], p


def of_eer(people: int, rho: float, p: float, draw: Draw) -> tuple[Value, float]:
    (seen,) = compared(rho, (-2 * float(stats.norm.ppf(p)),), people, draw)
    return summary(*seen.values(), draw)["eer"], p


def of_loss(people: int, rho: float, rates: tuple[float, float], draw: Draw) -> tuple[Value, float]:
    clear, coded = compared(rho, (apart(rates[0]), apart(rates[1])), people, draw)
    return fnmr_loss(coded, clear, draw), rates[1] - rates[0]


def covered(one: Callable[[Draw], tuple[Value, float]], runs: int) -> float:
    draw, hits = np.random.default_rng(2026), 0
    for _ in range(runs):
        value, truth = one(draw)
        assert value.ci_low is not None and value.ci_high is not None
        hits += value.ci_low <= truth + 1e-12 and truth - 1e-12 <= value.ci_high
    return 100 * hits / runs


def table(
    title: str,
    points: list[tuple[str, list[Callable[[Draw], tuple[Value, float]]]]],
    heads: list[str],
    runs: int,
    pool: ProcessPoolExecutor,
) -> None:
    flat = [one for _, row in points for one in row]
    found = iter(pool.map(partial(covered, runs=runs), flat, chunksize=1))
    print(f"\n### {title}\n\n| | {' | '.join(heads)} | mean |\n|---|{'---|' * (len(heads) + 1)}")
    seen: list[float] = []
    for name, row in points:
        numbers = [next(found) for _ in row]
        seen += numbers
        cells = " | ".join(f"{number:.1f}" for number in (*numbers, np.mean(numbers)))
        print(f"| {name} | {cells} |")
    print(f"\nMean {np.mean(seen):.1f}, least {min(seen):.1f}; {runs} runs a point.", flush=True)


def additions(people: int, runs: int) -> tuple[float, float]:
    """One more success for a person drawn by lot, of data drawn at any rate and correlation.

    Returns:
        In how many of these experiments, in percent, an end falls; and by how many points at most.
    """
    draw, falls = np.random.default_rng(2026), []
    each = np.full(people, EACH)
    for _ in range(runs):
        own = chances(draw, draw.uniform(0.01, 0.99), draw.choice(ALIKE), (people,))
        won = draw.binomial(EACH, own)
        room = np.flatnonzero(won < EACH)
        if len(room):
            more = won.copy()
            more[draw.choice(room)] += 1
            before, after = betabinomial.ends(won, each), betabinomial.ends(more, each)
            falls.append(max(a - b for a, b in zip(before, after, strict=True)))
    found = 100 * np.array(falls)
    return 100 * float((found > 1e-9).mean()), float(found.max(initial=0.0))


def possible(people: int, p: float) -> tuple[float, float]:
    """Coverage, in percent, that lies nearest to 95 below and above, of independent templates.

    An interval that depends on the count alone either contains the rate where so many succeed or
    does not; from the likeliest count on, coverage grows by the chance of one count after another.
    """
    counts = np.sort(stats.binom.pmf(np.arange(people * EACH + 1), people * EACH, p))[::-1]
    reached = 100 * np.cumsum(counts)
    return float(reached[reached < 95].max(initial=0.0)), float(reached[reached >= 95].min())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    with ProcessPoolExecutor(given.jobs) as pool:

        def show(
            title: str,
            one: Callable[..., tuple[Value, float]],
            rows: list[tuple[object, ...]],
            columns: tuple[object, ...],
            runs: int,
        ) -> None:
            names = [", ".join(map(str, row)) for row in rows]
            points = [
                (name, [partial(one, *row, column) for column in columns])
                for name, row in zip(names, rows, strict=True)
            ]
            table(title, points, [str(column) for column in columns], runs, pool)

        fewer = max(1, given.runs // 2)
        for people in PEOPLE:
            clustered: list[tuple[object, ...]] = [(people, rho) for rho in ALIKE]
            show(f"Rates, {people} people (people, rho)", of_rate, clustered, RATES, given.runs)
        small: list[tuple[object, ...]] = [(n, rho) for n in (8, 40) for rho in ALIKE]
        every: list[tuple[object, ...]] = [(n,) for n in PEOPLE]
        show("Rates, people of few kinds", of_kinds, every, tuple(KINDS), given.runs)
        show("Fractions (people, rho)", of_fractions, small, (0.01, 0.2, 0.5), fewer)
        show("Differences (people, rho)", of_difference, small, SHARES, fewer)
        show("Means (people, rho)", of_mean, small, ("normal", "exponential"), given.runs)
        show("Rate of false matches (people, rho)", of_false_matches, small, (0.01, 0.1), fewer)
        pairs: list[tuple[object, ...]] = [(n, rho) for n in (8, 40) for rho in LESS]
        least = max(1, given.runs // 4)
        show("FNMR at FMR 1 % (people, rho)", of_fnmr, pairs, (0.01, 0.05, 0.3), least)
        show("EER (people, rho)", of_eer, pairs, (0.01, 0.1), least)
        show("Utility lost, from a to b (people, rho)", of_loss, pairs, COSTS, least)
        three: list[tuple[object, ...]] = [(n, 1, False) for n in (8, 40)]
        nine: list[tuple[object, ...]] = [(n, 3, known) for n in (8, 40) for known in (False, True)]
        show("3 runs (people, targets, groups given)", of_runs, three, SPREADS, fewer)
        show("3 x 3 runs (people, targets, groups given)", of_runs, nine, SPREADS, fewer)
        others: list[tuple[object, ...]] = [(rule, n) for rule in RULES for n in PEOPLE]
        show("Rules compared: clustered (rule, people)", of_rule, others, ALIKE, given.runs)
        show("Rules compared: few kinds (rule, people)", of_rule, others, tuple(KINDS), given.runs)
    print("\n### One success more, for anybody\n\n| people | an end falls, % | at most, points |")
    print("|---|---|---|")
    for people in (8, 40):
        print("| {} | {:.1f} | {:.1f} |".format(people, *additions(people, given.runs)))
    print("\n### Coverage that a rule can have next to 95 %, independent templates\n")
    print(f"| people | {' | '.join(map(str, RATES[:4]))} |\n|---|{'---|' * 4}")
    for people in PEOPLE:
        ends = [possible(people, p) for p in RATES[:4]]
        print(f"| {people} | {' | '.join(f'{a:.1f} or {b:.1f}' for a, b in ends)} |")


if __name__ == "__main__":
    main()
