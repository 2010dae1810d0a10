"""How many people flag `adversarial` needs: ``python -m bench.witness [--runs 2000]``.

Prints two tables in markdown; docs/flags.md holds them. Simulated are pictures of one victim each.
The target takes a share of them for the victim, chance included. Of patterns the witness recognises
as many as by lot; of honest pictures half of those that the target recognises, and as many by lot
of the others: weak ones, of which real witnesses keep more. The second table is what no rule can
surpass: the likelihood ratio, told all shares, where it accuses at most 1 % of the weak honest ones
(Neyman and Pearson, 1933). The same seed gives the same tables.
"""

from __future__ import annotations

import argparse
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fowh.metrics import betabinomial
from fowh.metrics.intervals import Value
from fowh.records.flags import NOTICED, TRUE, adversarial

PEOPLE = (40, 100, 200, 400)
REACHED = (0.12, 0.15, 0.2, 0.3, 0.4, 0.6, 0.9)  # Rank-1 under the target
CHANCE = (1 / 16, 1 / 100)  # of ORL in five folds; of a hundred people in a gallery
HONEST = 0.5  # of what the target recognises, what the witness keeps of weak honest pictures
FALSE = 0.01  # of honest pictures, that the best possible rule may accuse
INVERTER = (0.97, 0.9)  # Rank-1 of the inverter's pictures of true embeddings, target and witness


def main() -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    for best in (False, True):
        print("| chance | people |" + "".join(f" {100 * r:.0f} % |" for r in REACHED))
        print("|---|---|" + "---|" * len(REACHED))
        for chance in CHANCE:
            for people in PEOPLE:
                rng = np.random.default_rng([given.seed, people, round(1 / chance)])
                cells = []
                for at in REACHED:
                    if best:
                        cells.append(f"{100 * bound(people, chance, at, given.runs, rng):.0f}")
                        continue
                    hit, false = shares(people, chance, at, given.runs, rng)
                    cells.append(f"{100 * hit:.0f} ({100 * false:.1f})")
                print(f"| {100 * chance:.1f} % | {people} | {' | '.join(cells)} |")


def shares(
    people: int, chance: float, reached: float, runs: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Of patterns, and of weak honest pictures, which share is called adversarial.

    Of those whose measured Rank-1 is high enough to count.
    """
    inverter = rng.binomial(people, INVERTER, (runs, 2))
    found = []
    for kept in (0.0, HONEST):
        hits = drawn(people, chance, reached, kept, runs, rng)[:, :2]
        rows = np.hstack([hits, inverter])[hits[:, 0] >= NOTICED * people]
        found.append(float(np.mean([flagged(*row, people, chance) for row in rows.tolist()])))
    return found[0], found[1]


def bound(people: int, chance: float, reached: float, runs: int, rng: np.random.Generator) -> float:
    """Of patterns that count, which share the most powerful test calls adversarial."""
    real = (reached - chance) / (1 - chance)
    chances = []
    for kept in (0.0, HONEST):
        both = real * (kept + (1 - kept) * chance) + (1 - real) * chance**2
        witness = chance + real * kept * (1 - chance)
        chances.append(
            np.array([both, reached - both, witness - both, 1 - reached - witness + both])
        )
    ratios = []
    for kept in (HONEST, 0.0):
        target, witness, both = drawn(people, chance, reached, kept, runs, rng).T
        cells = [both, target - both, witness - both, people - target - witness + both]
        counted = np.stack(cells, axis=1)[target >= NOTICED * people]
        ratios.append(counted @ np.log(chances[0] / chances[1]))
    limit = np.quantile(ratios[0], 1 - FALSE)
    return float((ratios[1] > limit).mean())


def drawn(
    people: int, chance: float, reached: float, kept: float, runs: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """(runs, 3) hits under the target, under the witness, and under both."""
    real = rng.random((runs, people)) < (reached - chance) / (1 - chance)
    lots = rng.random((2, runs, people)) < chance
    both = real & (rng.random((runs, people)) < kept)
    target, witness = real | lots[0], both | lots[1]
    return np.stack([hit.sum(axis=1) for hit in (target, witness, target & witness)], axis=1)


def flagged(
    target: int, witness: int, target_true: int, witness_true: int, people: int, chance: float
) -> bool:
    """Whether the record's rule calls it adversarial."""
    attacked, inverted = (
        {
            "metrics": {
                "rank1": rate(seen, people).to_json(),
                "transfer_rank1": rate(recognised, people).to_json(),
            }
        }
        for seen, recognised in ((target, witness), (target_true, witness_true))
    )
    record = {"attacks": {"it": attacked}, "rendered": {}, "controls": {TRUE: inverted}}
    return bool(adversarial(record, "rank1", chance))


@cache
def rate(hits: int, people: int) -> Value:
    """Of one picture each."""
    low, high = betabinomial.ends((np.arange(people) < hits).astype(float), np.ones(people))
    return Value(hits / people, min(low, hits / people), max(high, hits / people), people)


if __name__ == "__main__":
    main()
