"""Do the observations of five fast cells come out as at an earlier commit, bit for bit?

python -m bench.unmoved [BASE] [--keep FOLDER]

The base commit runs in a worktree of its own, this tree as it stands; each with an empty cache.
What the base observed is kept under FOLDER, by commit, so that further checks run this tree only.
The same machine is meant: another processor or number of threads may round differently.
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
BASE = "c01f7a9"  # the last commit before the rooms
GAUSSIAN = "--dataset gaussian:subjects=40,readings=4,dim=64"
QUICK = "--attack dictionary --attack preimage --attack ridge --attack mlp:steps=40"
FACES = (
    "--attack preimage --attack ridge --attack image_ridge --attack morph_gan:steps=6,queries=256"
)
IRIS = "--dataset iris:people=60,readings=8 --keys shared --versions all --samples 120"
THERE, HERE = f"{IRIS} --scheme raw", f"{IRIS} --protocol afm_iris"
# name -> the command at the base, and today's
CELLS = {
    "raw on gaussian": (f"--scheme raw {GAUSSIAN} {QUICK}",) * 2,
    "iom on gaussian": (f"--scheme iom:hashes=60 {GAUSSIAN} {QUICK}",) * 2,
    "lsh on orl": (f"--scheme lsh:bits=128 {FACES}",) * 2,
    "srwal on iris": (
        f"{THERE} --target densenet:epochs=2 --attack gan:incorporate=srwal,steps=40",
        f"{HERE} --scheme raw --target densenet:epochs=2 --attack gan:incorporate=srwal,steps=40",
    ),
    "a classifier on iris": (
        f"{THERE} --target densenet:head=classifier,epochs=2 --attack gan:steps=40",
        f"{HERE} --leak outputs --scheme full_scores --target densenet:epochs=2 "
        "--attack gan:steps=40",
    ),
}
BEGINNINGS = (  # of array names: then, now
    ("pairs.", "utility."),
    ("face.", "rendered."),
    ("image.face.", "shown.rendered."),
    ("image.", "shown."),
    ("t_", "term.t_"),
)
# of a classifier's reconstructions only these count as got back; the rest was never about it
ANSWERS = ("correct", "subject", "fold")


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
        for name, (words, _) in CELLS.items():
            file = keep / commit / f"{name.replace(' ', '-')}.npz"
            if not file.exists():
                if not tree.exists():
                    _git("worktree", "add", "--detach", str(tree), commit)
                file.parent.mkdir(parents=True, exist_ok=True)
                np.savez(file, **observe(tree, words))  # type: ignore[arg-type]
                print(f"base: {name}", flush=True)
            with np.load(file, allow_pickle=False) as stored:
                made[name] = {key: stored[key] for key in stored.files}
        if tree.exists():
            _git("worktree", "remove", "--force", str(tree))
    return made


def renamed(name: str) -> str:
    """What an array of the base is called today."""
    for then, now in BEGINNINGS:
        if name.startswith(then):
            name = now + name.removeprefix(then)
            break
    return name.replace("_face", "_rendered")


def differences(
    before: dict[str, np.ndarray[Any, Any]], after: dict[str, np.ndarray[Any, Any]], answers: bool
) -> tuple[int, list[str]]:
    """How many arrays were compared, and what moved, in words.

    A column in which nothing was measured may go; new ones may come.
    """
    moved, compared = [], 0
    for name, values in before.items():
        now = renamed(name)
        table = now.startswith(("attack.", "control."))
        if answers and (now.startswith("utility.") or now.startswith("term.")):
            continue
        if answers and table and not now.endswith(ANSWERS):
            continue
        if now not in after:
            if not (values.dtype.kind == "f" and np.isnan(values).all()):
                moved.append(f"{now} is gone")
            continue
        compared += 1
        if values.shape != after[now].shape:
            moved.append(f"{now}: {values.shape} became {after[now].shape}")
        elif not np.can_cast(values.dtype, after[now].dtype, "safe"):
            moved.append(f"{now}: {values.dtype} became {after[now].dtype}")
        elif values.astype(after[now].dtype).tobytes() != after[now].tobytes():
            moved.append(f"{now} differs")
    return compared, moved


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
        after = observe(ROOT, CELLS[name][1])
        compared, moved = differences(before, after, answers="classifier" in name)
        failed |= bool(moved)
        print(f"{'MOVED ' if moved else 'same  '} {name}: {compared} arrays", flush=True)
        print("".join(f"         {line}\n" for line in moved[:20]), end="")
    sys.exit(failed)


if __name__ == "__main__":
    main()
