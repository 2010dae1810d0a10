"""What a process of its own costs: ``python -m bench.isolation [--runs 2]``.

The main job with `iom`, and with a third party's copy of it and of an attack, whose code and whose
verification run in processes that never hold the truth (docs/trust.md). In turn, so that both meet
the same machine; embeddings and image inverters are in the cache, which makes the difference weigh
more than in a first run. Prints seconds of the wall clock, the ratio of the medians, and how many
comparisons each record rests on: recognition of a third party's scheme is measured on fewer.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COPY = '''"""A third party's copies of Index-of-Max hashing and of an attack."""

from dataclasses import dataclass

from attacks.preimage import Preimage
from schemes.iom import Iom


@dataclass(frozen=True)
class Mine(Iom):
    """The same under another name."""


@dataclass(frozen=True)
class Inverse(Preimage):
    """The same under another name."""
'''
RUN = (sys.executable, "-c", "from fowh.cli import main; main()", "evaluate", "--json")
SUITE = (
    *("dictionary", "ridge", "mlp", "brute_force", "best_probe", "score_regression", "morph_gan"),
)


def seconds(scheme: str, attack: str, folder: Path) -> tuple[float, int]:
    """Seconds of one evaluation that nothing on record answers, and its comparisons."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        attacks = [word for name in (attack, *SUITE) for word in ("--attack", name)]
        command = [*RUN, "--scheme", scheme, *attacks, "--out", out]
        begun = time.perf_counter()
        place = os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)])}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=folder, env=place)
        spent = time.perf_counter() - begun
    utility = json.loads(done.stdout)["utility"]
    return spent, sum(row["eer"]["n"] for row in utility.values() if row.get("eer"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="of each")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mine.py").write_text(COPY, encoding="utf-8")
        given = {"ours": ("iom", "preimage"), "a third party's": ("mine:Mine", "mine:Inverse")}
        print(f"cold: {seconds(*given['ours'], folder)[0]:.1f} s", flush=True)
        spent: dict[str, list[float]] = {label: [] for label in given}
        for turn in range(runs):
            for label, names in given.items():
                took, pairs = seconds(*names, folder)
                spent[label].append(took)
                print(f"{label} {turn + 1}: {took:.1f} s, {pairs:,} comparisons", flush=True)
    ours, theirs = (statistics.median(each) for each in spent.values())
    print(f"ratio of the medians: {theirs / ours:.3f}")


if __name__ == "__main__":
    main()
