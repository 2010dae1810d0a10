"""Do the observations of five fast cells come out as at an earlier commit, bit for bit?

python -m bench.unmoved [BASE] [--keep FOLDER]

The base commit (default: the last one) runs in a worktree of its own, this tree as it stands; each
with an empty cache. What the base observed is kept under FOLDER, by commit, so that further checks
run this tree only. The same machine is meant: another processor or number of threads may round
differently. A change of what is measured moves them on purpose: commit it, and begin again there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
BASE = "HEAD"
GAUSSIAN = "--dataset gaussian:subjects=40,readings=4,dim=64"
QUICK = "--attack dictionary --attack preimage --attack ridge --attack mlp:steps=40"
FACES = (
    "--attack preimage --attack ridge --attack image_ridge --attack morph_gan:steps=6,queries=256"
)
IRIS = (
    "--dataset iris:people=60,readings=8 --keys shared --versions all --samples 120 "
    "--protocol afm_iris --target densenet:epochs=2"
)
CELLS = {
    "raw on gaussian": f"--scheme raw {GAUSSIAN} {QUICK}",
    "iom on gaussian": f"--scheme iom:hashes=60 {GAUSSIAN} {QUICK}",
    "lsh on orl": f"--scheme lsh:bits=128 {FACES}",
    "srwal on iris": f"{IRIS} --scheme raw --attack gan:incorporate=srwal,steps=40",
    "a classifier on iris": f"{IRIS} --leak outputs --scheme full_scores --attack gan:steps=40",
}


def observe(tree: Path, words: str) -> dict[str, np.ndarray[Any, Any]]:
    """The raw observations of one cell as the code in ``tree`` makes them."""
    with tempfile.TemporaryDirectory() as folder:
        place = {"PYTHONPATH": str(tree), "FOWH_CACHE_DIR": f"{folder}/cache"}
        command = [sys.executable, "-c", "from fowh.cli import main; main()", "evaluate"]
        command += [*words.split(), "--device", "cpu", "--out", f"{folder}/out"]
        done = subprocess.run(
            command, cwd=tree, env=os.environ | place, capture_output=True, text=True
        )
        found = list(Path(folder).glob("out/*/observations.npz"))
        if done.returncode or not found:
            raise SystemExit(f"{words}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        with np.load(found[0], allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}


def base_observations(base: str, keep: Path) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
    """The cells at the base commit, from ``keep`` where they are there."""
    commit = _git("rev-parse", base)
    made = {}
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        try:
            for name, words in CELLS.items():
                file = keep / commit / f"{name.replace(' ', '-')}.npz"
                if not file.exists():
                    if not tree.exists():
                        _git("worktree", "add", "--detach", str(tree), commit)
                    file.parent.mkdir(parents=True, exist_ok=True)
                    np.savez(file, **observe(tree, words))  # type: ignore[arg-type]
                    print(f"base: {name}", flush=True)
                with np.load(file, allow_pickle=False) as stored:
                    made[name] = {key: stored[key] for key in stored.files}
        finally:
            if tree.exists():
                _git("worktree", "remove", "--force", str(tree))
    return made


def differences(
    before: dict[str, np.ndarray[Any, Any]], after: dict[str, np.ndarray[Any, Any]]
) -> list[str]:
    """What moved, in words; new columns may come."""
    moved = []
    for name, values in before.items():
        if name not in after:
            moved.append(f"{name} is gone")
        elif values.shape != after[name].shape or values.dtype != after[name].dtype:
            was, now = (f"{each.dtype} {each.shape}" for each in (values, after[name]))
            moved.append(f"{name}: {was} became {now}")
        elif values.tobytes() != after[name].tobytes():
            moved.append(f"{name} differs")
    return moved


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def main() -> None:
    """Compare every cell; exit 1 if anything moved."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base", nargs="?", default=BASE)
    parser.add_argument("--keep", type=Path, default=Path.home() / ".cache" / "fowh-unmoved")
    asked = parser.parse_args()
    failed = False
    for name, before in base_observations(asked.base, asked.keep).items():
        moved = differences(before, observe(ROOT, CELLS[name]))
        failed |= bool(moved)
        print(f"{'MOVED ' if moved else 'same  '} {name}: {len(before)} arrays", flush=True)
        print("".join(f"         {line}\n" for line in moved[:20]), end="")
    sys.exit(failed)


if __name__ == "__main__":
    main()
