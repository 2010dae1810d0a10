"""Choose how the image inverter descends through a network, on people whom no table attacks.

python -m bench.descent LFW

LFW is the folder of people of Labeled Faces in the Wild. Of 34 with at least ten photographs the
attacker has 24; the faces of the others are made from dlib's embeddings of four photographs each.
Stated are the mean distance to the wanted embedding (which patterns that dlib alone believes would
lower as well), that to the other photographs' of the same person, and SSIM. What is printed is kept
in bench/records/descent.json.
"""

from __future__ import annotations

import itertools
import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from attacks._morph.morphs import shrink
from attacks._morph.nearer import corrected, descend
from attacks._morph.training import rebuilt
from attacks.morph_gan import MorphGan
from fowh.core.registry import load
from fowh.core.release import Floats
from fowh.core.view import Query, View
from fowh.metrics.image import ssim
from schemes.raw import Raw

RECORD = Path(__file__).parent / "records" / "descent.json"
PEOPLE, OWN, READINGS, ATTACKED = 34, 24, 10, 4
RATES, PRIORS, STEPS = (0.05, 0.1), (1e-3, 5e-3, 2e-2), (16,)
QUERIES = 1500


def others(made: Floats, known: Floats, rows: NDArray[np.intp]) -> float:
    """Mean distance of what was made of these rows to the other readings of the same people."""
    apart = np.linalg.norm(made[:, None] - known, axis=2)
    people = np.arange(len(known)) // READINGS
    mates = people == people[rows][:, None]
    mates[np.arange(len(rows)), rows] = False
    return float(apart[mates].mean())


def main() -> None:
    """Measure, print and keep."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    samples = load("dataset", f"folder:root={sys.argv[1]},side=250,colour=true").load()
    people, counts = np.unique(samples.subjects, return_counts=True)
    chosen = np.random.default_rng(0).permutation(people[counts >= READINGS])[:PEOPLE]
    rows = np.concatenate([np.flatnonzero(samples.subjects == who)[:READINGS] for who in chosen])
    target = load("target", "dlib")
    chips = target.prepare(samples.values[rows]).samples
    known = target.embed(chips)
    own, number = OWN * READINGS, np.arange(len(rows))
    attacked = np.flatnonzero((number >= own) & (number % READINGS < ATTACKED))
    wanted, true, module = known[attacked], shrink(chips[attacked]), target.module()
    subjects = number[:own].astype(np.int64) // READINGS
    query = Query(target.embed, 10_000)
    release = Raw().release(wanted, np.zeros(len(wanted), np.uint64), np.random.default_rng(0))
    seen = View(
        Raw(), release, known[:own], subjects, chips[:own], query, modality="image", source="bench"
    )
    gan = MorphGan(queries=QUERIES)
    inverter = rebuilt(gan._cached(seen, 1), "cpu")
    first, faces = corrected(seen, inverter, wanted, gan.corrections), shrink(chips[:own])
    made = {"photographs": true, "black box": first}
    made["black box, six rounds"] = corrected(seen, inverter, wanted, 6)
    for rate, prior, steps in itertools.product(RATES, PRIORS, STEPS):
        name = f"rate={rate},prior={prior},steps={steps}"
        made[name] = descend(module, inverter, first, wanted, faces, steps, rate, prior)
        print(name, file=sys.stderr, flush=True)
    table = {}
    for name, pictures in made.items():
        embedded = target.embed(pictures)
        table[f"{name}: distance"] = float(np.linalg.norm(embedded - wanted, axis=1).mean())
        table[f"{name}: to others"] = others(embedded, known, attacked)
        table[f"{name}: SSIM"] = float(ssim(pictures, true).mean())
    print(*(f"{key:40} {value:.3f}" for key, value in table.items()), sep="\n")
    RECORD.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
