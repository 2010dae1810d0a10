"""How time and memory grow with people: one cell at several sizes, each in a process of its own.

python -m bench.scale [--scheme lsh --scheme iom] [--subjects 500 --subjects 2000 ...]
python -m bench.scale --metrics 1000 --metrics 32000

Both cost at most in proportion to people: the ratio of the time to that of the first size is at
most 1.3 times that of the people, and no process holds more than 3 GiB. Exit 1 where it is not so.
Seconds are of the processor, all threads, so that a busy machine may be asked; embeddings are made
anew, and nothing else is cached.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

SIZES = (500, 2000, 8000, 32000)
STRICT, MEMORY = 1.3, 3.0  # of the ratio of people; GiB
PROBES = 64  # that a sample meets, of the comparisons that metrics are made of


def cell(scheme: str, subjects: int) -> tuple[float, float]:
    """Processor seconds and GiB at most of one cell, in a process of its own."""
    words = f"--scheme {scheme} --attack preimage --device cpu --json"
    dataset = f"gaussian:subjects={subjects},readings=4,dim=128"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", "from fowh.cli import main; main()", "evaluate"]
        command += [*words.split(), "--dataset", dataset, "--out", f"{folder}/out"]
        place = os.environ | {"FOWH_CACHE_DIR": f"{folder}/cache"}
        with subprocess.Popen(command, env=place, stdout=subprocess.DEVNULL) as started:
            _, status, used = os.wait4(started.pid, 0)
            started.returncode = os.waitstatus_to_exitcode(status)
        if started.returncode:
            raise SystemExit(f"{dataset} ends with {started.returncode}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20


def summed(people: int) -> tuple[float, float]:
    """The same of recognition's metrics, in this process: each sample meets as many probes."""
    from fowh.metrics import recognition

    rng = np.random.default_rng(0)
    left = np.repeat(np.arange(4 * people), PROBES)
    right = np.where(
        np.arange(len(left)) % PROBES < 3, left ^ 1, rng.integers(4 * people, size=len(left))
    )
    mated = left // 4 == right // 4
    score = (rng.normal(size=len(left)) + 2 * mated).astype(np.float32)
    begun = time.process_time()
    recognition.summary(score, mated, left // 4, right // 4, rng)
    spent = time.process_time() - begun
    return spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def table(name: str, rows: list[tuple[int, float, float]]) -> bool:
    """Print what was measured; whether it grows as it may."""
    fits, (people, seconds, _) = True, rows[0]
    for count, spent, held in rows:
        ratio, most = spent / seconds, STRICT * count / people
        good = (count == people or ratio <= most) and held <= MEMORY
        fits &= good
        print(
            f"{name:<12} {count:>7,} people {spent:9.1f} s  "
            f"{ratio:7.2f} times (at most {most:.1f})  "
            f"{held:5.2f} GiB  {'' if good else 'TOO MUCH'}",
            flush=True,
        )
    return fits


def main() -> None:
    """Measure every scheme at every size, smallest first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--scheme", action="append")
    parser.add_argument("--subjects", type=int, action="append")
    parser.add_argument("--metrics", type=int, action="append", help="people; no cell is run then")
    asked = parser.parse_args()
    if asked.metrics:
        found = [(count, *summed(count)) for count in sorted(asked.metrics)]
        sys.exit(not table("metrics", found))
    fits = True
    for scheme in asked.scheme or ("lsh", "iom"):
        sizes = sorted(asked.subjects or SIZES)
        fits &= table(scheme, [(count, *cell(scheme, count)) for count in sizes])
    sys.exit(not fits)


if __name__ == "__main__":
    main()
