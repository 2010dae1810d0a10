"""Tables of the published experiment as text, and reconstructions as a picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image
from rich.console import Console

from fowh.metrics.intervals import Value
from fowh.paper import layout
from fowh.paper.experiment import Entry
from fowh.paper.tally import TableLine


def value(rate: float, low: float | None, high: float | None) -> Value:
    return Value(rate, low, high, 8)


def test_markdown_by_hand() -> None:
    entry = Entry("ours", "gan", paper={"iris": (59, None, 81)})
    control = Entry("nothing", "mean", control=True)
    full = {
        "type1_at_fmr_1e-2": value(0.5, 0.25, 0.75),
        "rank1": value(0.125, 0.0, None),
        "named": value(1.0, 0.9, 1.0),
    }
    gains = {"templates": value(0.05, -0.1, 0.2), "outputs": value(-0.25, -0.5, 0.0)}
    measured = [
        TableLine(entry, 500, "raw", full, gains, 3, 3),
        TableLine(control, 500, "raw", {"rank1": value(0, 0, 0.1)}, {}, 2, 3),
        TableLine(Entry("no such cell", "gan"), 500, "raw", {}, {}, 0, 0),
    ]
    headings = (
        "method | f_E Type-1, paper | f_E Type-1, here | f_E Rank-1, paper | f_E Rank-1, here | "
        "f_C accuracy, paper | f_C accuracy, here | Rank-1 minus single | accuracy minus single"
    )
    assert layout.markdown(measured, "iris").splitlines() == [
        f"| {headings} |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| ours | 59 | 50.0 [25, 75] |  | 12.5 [0, ?] | 81 | 100.0 [90, 100] "
        "| +5.0 [-10, +20] | -25.0 [-50, +0] |",
        "| nothing (control), 2 of 3 runs: the others failed or cannot do it "
        "|  |  |  | 0.0 [0, 10] |  |  |  |  |",
    ]
    faces = layout.markdown(measured, "face").splitlines()
    assert faces[2].startswith("| ours |  | 50.0 [25, 75] |  | 12.5")  # no numbers for faces


def test_the_papers_numbers_stand_beside_their_own_column() -> None:
    """Where only outputs were measured, too."""
    entry = Entry("ours", "gan", paper={"iris": (59, 35, 81)})
    one = TableLine(entry, 500, "full_scores", {"named": value(0.5, 0.4, 0.6)}, {}, 1, 1)
    assert layout.markdown([one], "iris").splitlines() == [
        "| method | f_C accuracy, paper | f_C accuracy, here |",
        "| --- | ---: | ---: |",
        "| ours | 81 | 50.0 [40, 60] |",
    ]


def test_markdown_names_size_and_scheme_only_where_they_differ() -> None:
    rank1 = {"rank1": value(0.5, 0.4, 0.6)}
    one = TableLine(Entry("ours", "gan"), 500, "raw", rank1, {}, 1, 1)
    two = TableLine(Entry("ours", "gan"), 2000, "lsh", rank1, {}, 1, 1)
    assert layout.markdown([one], "iris").splitlines() == [
        "| method | f_E Rank-1, here |",
        "| --- | ---: |",
        "| ours | 50.0 [40, 60] |",
    ]
    both = layout.markdown([one, two], "iris").splitlines()
    assert both[0].startswith("| scheme | samples | m")
    assert both[3].startswith("| lsh | 2000 | ours |")


def test_a_terminal_shows_names_as_they_are() -> None:
    """Brackets would be colours, and control characters orders."""
    made = layout.plain_table("of [red]it[/red]", ["[b]", "x"], [["[/nothing]", "\x1b[31m"]], {"x"})
    told = io.StringIO()
    Console(file=told, width=80, force_terminal=False).print(made)
    said = told.getvalue()
    assert all(part in said for part in ("of [red]it[/red]", "[b]", "[/nothing]", "\\x1b[31m"))


def test_pictures_side_by_side() -> None:
    images = np.zeros((2, 16, 16), np.uint8)
    given = {"shown.original": images, "shown.attack.gan": images + 255}
    names = [("single", "shown.attack.gan"), ("absent", "shown.attack.none")]
    drawn = Image.open(io.BytesIO(layout.grid(given, names)))
    assert drawn.format == "PNG"
    seen = np.asarray(drawn.convert("L"))
    left, right = np.array_split(seen[seen.shape[0] // 2 :], 2, axis=1)
    assert (left == 0).mean() > 0.5
    assert (right == 0).mean() < 0.05
