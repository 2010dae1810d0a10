"""The picture that README and the docs begin with: ``python -m bench.opening RESULTS``.

Of the records of sweep `standard` that are kept, and the pictures that it left in RESULTS (``fowh
sweep bench/sweeps/standard.toml --out RESULTS``), it draws docs/opening.png: where each scheme lies
in the plane of utility against inversion, and beside it pictures of the first victims, of the
attack whose pictures are named most often (its Rank-1 stands beside them). A frame marks those that
the target takes for the victim's.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench.results import HERE, read_kept
from fowh.core.registry import load
from fowh.records.store import Record, load_observations
from fowh.report import plane
from fowh.report.page import page
from fowh.report.plots import png
from fowh.report.samples import Observations, Strip, hits

PICTURE = HERE.parent / "docs" / "opening.png"
SWEEP = HERE / "sweeps" / "standard.toml"
SHOWN = 6  # victims
METRIC = "rank1"
WIDE, FACE = 6.2, 0.72  # inches: of the plane; of a face


def strip(record: Record, observations: Observations, source: str, words: str) -> Strip | None:
    """The first samples of a source of the first fold; None where there is none."""
    samples = observations.get(f"shown.{source}")
    if samples is None:
        return None
    modality = load("modality", record["spec"]["dataset"]["modality"])
    marks = hits(record, observations, source)
    return Strip(words, [modality.show(each) for each in samples[:SHOWN]], marks)


def inverted(record: Record, observations: Observations, words: str) -> Strip | None:
    """What the attack made whose pictures are named most often."""
    sources = {f"rendered.{name}": row for name, row in record["rendered"].items()}
    sources |= {f"attack.{name}": row for name, row in record["attacks"].items()}
    named = {
        source: row["metrics"][METRIC]["value"]
        for source, row in sources.items()
        if f"shown.{source}" in observations
    }
    if not named:
        return None
    best = max(named, key=lambda source: named[source])
    name = best.partition(".")[2]
    return strip(record, observations, best, f"{words}\n{name}, {100 * named[best]:.0f} %")


def named(cells: Sequence[tuple[Record, Observations]]) -> list[str]:
    """Number and name of each: the scheme, with what tells it from the first of that name."""
    seen: dict[str, dict[str, Any]] = {}
    found = []
    for number, (record, _) in enumerate(cells, 1):
        name, params = (record["spec"]["scheme"][part] for part in ("name", "params"))
        other = seen.setdefault(name, params)
        apart = ", ".join(f"{key}={params[key]}" for key in params if params[key] != other[key])
        found.append(f"{number} {name}" + (f",\n{apart}" if apart else ""))
    return found


def drawn(cells: Sequence[tuple[Record, Observations]]) -> bytes:
    """The picture (PNG) of cells that may be compared, in their order.

    Args:
        cells: records with their observations, the first fold's samples among them.
    """
    from matplotlib.figure import Figure

    pages = [page(record) for record, _ in cells]
    first = cells[0]
    rows = [strip(*first, "original", "the victim"), strip(*first, "nearest", "nearest own face")]
    rows += [inverted(*cell, title) for cell, title in zip(cells, named(cells), strict=True)]
    lines = [row for row in rows if row is not None]
    figure = Figure(figsize=(WIDE + FACE * (SHOWN + 2.6), FACE * max(len(lines), 8)))
    ratios = (WIDE, FACE * (SHOWN + 2.6))
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=ratios)[0]
    axes = left.add_axes((0.12, 0.28, 0.84, 0.66))
    plane.draw(axes, pages, METRIC)
    grid = right.subplots(len(lines), SHOWN, squeeze=False)
    right.subplots_adjust(left=0.30, right=0.99, top=0.99, bottom=0.01, wspace=0.06, hspace=0.06)
    for line, spots in zip(lines, grid, strict=True):
        style = {"rotation": 0, "ha": "right", "va": "center", "fontsize": 7.5, "color": plane.INK}
        spots[0].set_ylabel(line.label, **style)
        marks = line.hits or [False] * SHOWN
        for spot, shown, hit in zip(spots, line.samples, marks, strict=False):
            spot.set(xticks=[], yticks=[])
            if shown.png is not None:
                spot.imshow(np.asarray(Image.open(io.BytesIO(shown.png)).convert("RGB")))
            for edge in spot.spines.values():
                edge.set(color=plane.CELL if hit else "white", lw=2)
    return png(figure, 100)


def main() -> None:
    """Draw."""
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    cells = []
    for record in read_kept()[SWEEP]:
        found = list(Path(sys.argv[1]).glob(f"*-{record['id']}"))
        if not found:
            raise SystemExit(f"{sys.argv[1]}: no cell {record['id']}, of which a record is kept")
        cells.append((record, load_observations(found[0])))
    whole = drawn(cells)
    Image.open(io.BytesIO(whole)).convert("RGB").save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
