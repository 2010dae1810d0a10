"""How time and memory grow with people: one cell at several sizes, each in a process of its own.

python -m bench.scale [--scheme lsh --scheme iom] [--subjects 500 --subjects 2000 ...]
python -m bench.scale --metrics 1000 --metrics 32000
python -m bench.scale --vectors 1000000

The first two cost at most in proportion to people: the ratio of the time to that of the first size
is at most 1.3 times that of the people, and no process holds more than 3 GiB. Seconds are of the
processor, all threads, so that a busy machine may be asked; embeddings are made anew, and nothing
else is cached. The third is a user's own file, of 512 numbers for each vector and four vectors for
each person, as .npy and as .npz: a cell takes at most 15 minutes by the clock and 6 GiB, on two
cores. The files take 4 GiB on the disk for a million vectors. Exit 1 where it is not so.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

SIZES = (500, 2000, 8000, 32000)
STRICT, MEMORY = 1.3, 3.0  # of the ratio of people; GiB
READINGS, WIDTH, BLOCK = 4, 512, 10_000  # of a user's file; vectors that are drawn at a time
PATIENCE, MOST = 900.0, 6.0  # seconds by the clock and GiB for a cell of such a file
PROBES = 64  # that a sample meets, of the comparisons that metrics are made of


def cell(scheme: str, dataset: str) -> tuple[float, float]:
    """Processor seconds and GiB at most of one cell, in a process of its own."""
    words = f"--scheme {scheme} --attack preimage --device cpu --json"
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


def files(folder: Path, count: int) -> Iterator[Path]:
    """The same vectors, a person's beside each other, as .npy and as .npz; neither is ever held."""
    rng = np.random.default_rng(0)
    whose = np.arange(count) // READINGS
    path = folder / "vectors.npy"
    made = np.lib.format.open_memmap(path, "w+", np.float32, (count, WIDTH))
    for start in range(0, count, BLOCK):
        part = whose[start : start + BLOCK]
        centres = rng.standard_normal((part[-1] + 1 - part[0], WIDTH), np.float32)
        noise = rng.standard_normal((len(part), WIDTH), np.float32)
        made[start : start + BLOCK] = centres[part - part[0]] + 0.5 * noise
    made.flush()
    np.save(folder / "vectors.subjects.npy", whose)
    yield path
    np.savez(folder / "vectors.npz", embeddings=made, subjects=whose)
    yield folder / "vectors.npz"


def brought(scheme: str, count: int) -> bool:
    """Print what a cell of a user's own file costs; whether that is little enough."""
    fits = True
    with tempfile.TemporaryDirectory() as folder:
        for path in files(Path(folder), count):
            begun = time.monotonic()
            spent, held = cell(scheme, f"embeddings:path={path}")
            took = time.monotonic() - begun
            good = took <= PATIENCE and held <= MOST
            fits &= good
            print(
                f"{scheme:<12} {path.suffix} {count:>9,} vectors {took:9.1f} s by the clock (at "
                f"most {PATIENCE:.0f})  {spent:9.1f} s  {held:5.2f} GiB (at most {MOST:.0f})  "
                f"{'' if good else 'TOO MUCH'}",
                flush=True,
            )
    return fits


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
    parser.add_argument("--vectors", type=int, help="in a user's own file; no other cell is run")
    parser.add_argument("--metrics", type=int, action="append", help="people; no cell is run then")
    asked = parser.parse_args()
    if asked.metrics:
        found = [(count, *summed(count)) for count in sorted(asked.metrics)]
        sys.exit(not table("metrics", found))
    fits = True
    for scheme in asked.scheme or ("lsh", "iom"):
        if asked.vectors:
            fits &= brought(scheme, asked.vectors)
            continue
        people = "gaussian:subjects={},readings=4,dim=128"
        sizes = sorted(asked.subjects or SIZES)
        fits &= table(scheme, [(count, *cell(scheme, people.format(count))) for count in sizes])
    sys.exit(not fits)


if __name__ == "__main__":
    main()
