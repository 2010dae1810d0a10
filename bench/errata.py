"""Who is wrongly named in Labeled Faces in the Wild? ``python -m bench.errata LFW FILE SHEET``.

LFW is the folder of people, FILE an ONNX recogniser of faces, SHEET the picture to be made: a row
for each candidate, to be looked at. ``fowh/datasets/_errata.py`` lists what was wrong to the eye.

dlib and the other recogniser must agree. A photograph is a candidate where under both it is nearer
to the mean of another person than to that of its own name (without itself), or where it is nearer
to nobody of its name than FMR .1 % allows. Two photographs are candidates for one and the same
where under both they are nearer to each other than any mated pair but one in a thousand, and their
aligned pixels correlate above ``SAME``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fowh.cells import make_cell
from fowh.core.dataset import read
from fowh.core.release import Floats
from fowh.datasets._images import image_files
from fowh.engine.plan import make_plan

READINGS = 4
SAME = 0.95  # correlation of aligned pixels
STRICT, CLOSE = 0.001, 0.001  # FMR that nobody of the name reaches; share of mated pairs as near
PAIRS = 10**6  # that a limit is read off
SIDE, SHOWN, WORDS = 112, 4, 24  # of the sheet: pixels; photographs beside a candidate; lines


def unit(rows: Floats) -> Floats:
    """Rows of length one."""
    made: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return made


def strangers(
    points: Floats, people: NDArray[np.int64]
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Who is nearer to a photograph than its own name, and whether nobody of its name is near.

    Args:
        points: (n, d) unit vectors.
        people: (n,) whose they are, 0 to k - 1, each at least twice.

    Returns:
        (n,) the person who is nearest by the mean of his other photographs, -1 where it is its own;
        (n,) whether no other of its name is as near as FMR ``STRICT`` wants.
    """
    sums = np.zeros((people.max() + 1, points.shape[1]), np.float32)
    np.add.at(sums, people, points)
    own = np.sum(points * unit(sums[people] - points), axis=1)
    near = points @ unit(sums).T
    near[np.arange(len(points)), people] = own
    who = near.argmax(axis=1)
    pairs = points @ points.T
    same = people[:, None] == people
    others = pairs[~same]
    limit = np.quantile(others[:: -(-len(others) // PAIRS)], 1 - STRICT)
    pairs[~same] = -1
    np.fill_diagonal(pairs, -1)
    return np.where(who == people, -1, who), pairs.max(axis=1) < limit


def twins(points: Floats, people: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n, n) whether two rows are as near as ``CLOSE`` of all mated pairs; above the diagonal."""
    pairs = points @ points.T
    mated = np.triu(people[:, None] == people, 1)
    return np.triu(pairs >= np.quantile(pairs[mated], 1 - CLOSE), 1)


def correlated(chips: NDArray[np.uint8], left: NDArray[np.intp], right: NDArray[np.intp]) -> Floats:
    """Correlation of the grey pixels of chips (n, s, s, 3), pair by pair."""
    grey = chips.mean(axis=3, dtype=np.float32).reshape(len(chips), -1)
    grey = unit(grey - grey.mean(axis=1, keepdims=True))
    made: Floats = np.sum(grey[left] * grey[right], axis=1)
    return made


def sheet(rows: list[tuple[str, list[Path]]], file: Path) -> None:
    """Draw candidates: words, and photographs beside each other."""
    wide = max((len(files) for _, files in rows), default=1)
    drawn = Image.new("RGB", (wide * SIDE, len(rows) * (SIDE + WORDS) or 1), "white")
    pen = ImageDraw.Draw(drawn)
    for at, (words, files) in enumerate(rows):
        top = at * (SIDE + WORDS)
        pen.text((2, top + 4), words, fill="black")
        for column, path in enumerate(files):
            with Image.open(path) as image:
                face = image.crop((50, 50, 200, 200)).resize((SIDE, SIDE))
            drawn.paste(face, (column * SIDE, top + WORDS))
    drawn.save(file)


def say(text: str, fraction: float) -> None:
    """Progress."""
    print(f"{100 * fraction:3.0f}% {text}", end="\r", file=sys.stderr, flush=True)


def main() -> None:
    """Find candidates, print and draw them."""
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    root, recogniser, out = sys.argv[1:]
    dataset = f"lfw:root={root},readings={READINGS},errata=keep"
    chips, points = [], []
    for target in ("dlib", f"onnx:path={recogniser}"):
        cell = make_cell("raw", dataset=dataset, target=target, attacks=["dictionary"])
        samples = read(cell.dataset, say)
        plan = make_plan(cell.on(samples), samples, "cpu", say)
        assert plan.target is not None and plan.prepared is not None
        chips.append(plan.prepared)
        points.append(unit(plan.target.embed(plan.prepared)))
    people = samples.subjects
    files = [path for name in samples.names for path in image_files(Path(root) / name)]
    if len(files) != len(samples):
        raise SystemExit(f"{len(files)} photographs in {root}, {len(samples)} could be read")
    (one, far), (two, away) = (strangers(each, people) for each in points)
    rows = []
    for row in np.flatnonzero(((one >= 0) & (two >= 0)) | (far & away)):
        own = np.setdiff1d(np.flatnonzero(people == people[row]), row)[:SHOWN]
        other = np.flatnonzero(people == (one if one[row] >= 0 else two)[row])[:SHOWN]
        shown = [
            files[at] for at in (row, *own, *(other if one[row] >= 0 or two[row] >= 0 else ()))
        ]
        names = " / ".join(
            samples.names[each[row]] if each[row] >= 0 else "-" for each in (one, two)
        )
        rows.append((f"{files[row].stem}: {names}", shown))
    left, right = np.nonzero(twins(points[0], people) & twins(points[1], people))
    for a, b, alike in zip(left, right, correlated(chips[1], left, right), strict=True):
        if alike >= SAME:
            rows.append((f"{files[a].stem} {files[b].stem}: {alike:.3f}", [files[a], files[b]]))
    print(*(words for words, _ in rows), sep="\n")
    sheet(rows, Path(out))


if __name__ == "__main__":
    main()
