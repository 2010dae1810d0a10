"""What a process of its own costs: ``python -m bench.isolation [--runs 2]``.

The main job with `iom`, and with a third party's copy of it, whose code and whose verification run
in processes that never hold the truth (docs/trust.md). In turn, so that both meet the same machine;
embeddings and image inverters are in the cache, which makes the difference weigh more than in a
first run. Prints seconds of the wall clock and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COPY = '''"""A third party's copy of Index-of-Max hashing."""

from dataclasses import dataclass

from schemes.iom import Iom


@dataclass(frozen=True)
class Mine(Iom):
    """The same under another name."""
'''
RUN = (sys.executable, "-c", "from fowh.cli import main; main()", "evaluate", "--json")


def seconds(scheme: str, folder: Path) -> float:
    """Seconds of one evaluation that nothing on record answers."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        begun = time.perf_counter()
        command = [*RUN, "--scheme", scheme, "--out", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2, help="of each")
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mine.py").write_text(COPY, encoding="utf-8")
        schemes = {"ours": "iom", "a third party's": f"{folder / 'mine.py'}:Mine"}
        print(f"cold: {seconds('iom', folder):.1f} s", flush=True)
        spent: dict[str, list[float]] = {label: [] for label in schemes}
        for turn in range(runs):
            for label, scheme in schemes.items():
                spent[label].append(seconds(scheme, folder))
                print(f"{label} {turn + 1}: {spent[label][-1]:.1f} s", flush=True)
    ours, theirs = (statistics.median(each) for each in spent.values())
    print(f"ratio of the medians: {theirs / ours:.3f}")


if __name__ == "__main__":
    main()
