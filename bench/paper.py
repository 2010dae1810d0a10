"""Write docs/paper-extractor.md, docs/paper-classifier.md and their pictures from records.

fowh reproduce table1 --full; fowh reproduce table2 --full
fowh reproduce section6.3 --full; fowh reproduce protected
python -m bench.paper results

As many seeds count as are on record for every cell of a table.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fowh import records
from fowh.evaluate import label
from fowh.experiments import HEADS, SIZES, TABLES
from fowh.metrics.seeds import crossed
from fowh.protocol import stream
from fowh.registry import load
from fowh.report import paper
from fowh.reproduce import Plan, _column, folders, lines, plans

DOCS = Path(__file__).parent.parent / "docs"
MOST_SEEDS = 5
TITLES = {
    "table1": "Table 1: kinds of versions",
    "table2": "Table 2: methods of incorporation",
    "section6.3": "Section 6.3: which versions",
    "protected": "Protected templates: scheme by method",
}
WORDS = {"rank1": "Rank-1", "accuracy": "accuracy"}
NAMES = {"extractor": "feature extractor f_E", "classifier": "classifier f_C"}
HEAD = """# The paper's experiment: {name}

Generated from the records of

```console
$ fowh reproduce table1 --full && fowh reproduce table2 --full
$ fowh reproduce section6.3 --full && fowh reproduce protected
$ python -m bench.paper results
```

Synthetic irises (356 people, both eyes, 28 readings each), protocol `afm-iris`, target
`densenet:depth=small`; what that means is in [versions](versions.md). Values are percent;
intervals (95 %) resample runs and subjects. A run draws the attacker's samples, his initial
weights and his batches anew; the target is the same in all runs, and so are the attacked
templates. The paper's columns are of other data (ND-IRIS-0405) and a larger network: compare
orderings, not levels. *Minus single* is paired, template by template and run by run. The number
of seeds is in each table's command; {templates} templates are attacked in every run. Measured at
commit {commit} on two cores.
"""
READING = """## How to read this

- Type-1 at FMR 1 % can be met by handing back the nearest of the attacker's own pictures. It says
  little about inversion; Rank-1 says more, and even there the look-up row is the floor: the
  gallery holds the test set alone.
- `single, input dropout` has no versions at all. What it gains over `single` is regularisation,
  and a gain of several versions that does not exceed it may be the same.
- `sr, slots all final` has as many slots as `sr` and one version: what it gains needs no other
  versions either.
- `ridge to pixels` is a closed form on the final version's template. A GAN below it is
  under-trained or too weak for so few samples, whatever it says about another GAN.
- Rows with `all` present templates of every version; that is another, stronger leak.
"""
ORDERINGS = (
    ("SRwAL above SR", "gan:incorporate=srwal", "gan:incorporate=sr"),
    ("SRwAL above Rand", "gan:incorporate=srwal", "gan:incorporate=rand"),
    ("SR near Rand", "gan:incorporate=sr", "gan:incorporate=rand"),
    ("Rand above Single", "gan:incorporate=rand", "gan"),
    ("SRwAL above Single", "gan:incorporate=srwal", "gan"),
    ("Single above Concat, final", "gan", "gan:incorporate=concat"),
    ("Concat gains from all", "gan:incorporate=concat,test=all", "gan:incorporate=concat"),
    ("SRwAL loses from all", "gan:incorporate=srwal", "gan:incorporate=srwal,test=all"),
    (
        "(control) SRwAL above single with input dropout",
        "gan:incorporate=srwal",
        "gan:input_dropout=0.5",
    ),
    (
        "(control) SRwAL above SR, slots all final",
        "gan:incorporate=srwal",
        "gan:incorporate=sr,copies=True",
    ),
    ("(control) SRwAL above ridge to pixels", "gan:incorporate=srwal", "image_ridge"),
    (
        "(ours) slot dropout above SRwAL, both all",
        "gan:incorporate=slot_dropout,test=all",
        "gan:incorporate=srwal,test=all",
    ),
)


def measured(table: str, size: int, head: str, out: Path) -> dict[Plan, Path]:
    """Folders of as many seeds as are complete on record."""
    whole = folders(plans(table, "iris", "densenet", (size,), MOST_SEEDS, (head,)), out)
    there: dict[Plan, Path] = {}
    for seed in range(MOST_SEEDS):
        cells = {plan: folder for plan, folder in whole.items() if plan.seed == seed}
        kept = {plan: folder for plan, folder in cells.items() if _complete(folder)}
        if len(kept) < len(cells) and (table != "protected" or not kept):
            break  # of the table of schemes, those that are on record are shown
        cells = kept
        there |= cells
    return there


def _complete(folder: Path) -> bool:
    record = records.load(folder)
    return record is not None and record["status"] == "ok"


def command(table: str, size: int, head: str, found: dict[Plan, Path]) -> str:
    """The command that prints this table."""
    seeds = len({plan.seed for plan in found})
    which = f" --head {head}" if table in ("table1", "table2") else ""
    return f"```console\n$ fowh reproduce {table} --samples {size} --seeds {seeds}{which}\n```"


def orderings(found: dict[Plan, Path], metric: str) -> str:
    """The paper's orderings as paired differences over runs and subjects."""
    arrays = [
        records.load_observations(folder)
        for plan, folder in found.items()
        if plan.schedule == "upslope"
    ]
    rows = ["| claim | difference | runs | here |", "|---|---:|---:|---|"]
    for name, left, right in ORDERINGS:
        pairs = [(_column(a, left, metric), _column(a, right, metric)) for a in arrays]
        both = [(a, b) for a, b in pairs if a and b]
        if not both:
            continue
        gains, subjects = [a[0] - b[0] for a, b in both], [a[1] for a, _ in both]
        gain = crossed(gains, subjects, stream(0, "ordering", name), limits=(-1.0, 1.0))
        low, high = gain.ci_low or 0.0, gain.ci_high or 0.0
        near = "near" in name
        verdict = "holds" if low > 0 else "reversed" if high < 0 else "not separable"
        if near:
            verdict = "not separable" if low <= 0 <= high else "differ"
        rows.append(f"| {name} | {paper.percent(gain, signed=True)} | {len(both)} | {verdict} |")
    return "\n".join(rows)


def page(head: str, out: Path) -> str:
    """The page of one head, and its pictures; empty without records."""
    parts, templates, commit = [], 0, ""
    for table in TABLES:
        if head == HEADS[1] and table not in ("table1", "table2"):
            continue  # the paper has them for extractors
        parts.append(f"## {TITLES[table]}")
        for size in SIZES:
            found = measured(table, size, head, out)
            if not found:
                continue
            folder = next(iter(found.values()))
            record, observed = records.load(folder) or {}, records.load_observations(folder)
            templates = templates or len(observed["control.random.subject"])
            commit = commit or str(record["environment"]["commit"])[:7]
            parts += [f"### {size:,} samples at most", command(table, size, head, found)]
            parts.append(paper.markdown(lines(table, found), "iris"))
            if table == "table2":
                metric = "rank1" if head == HEADS[0] else "accuracy"
                parts += ["Orderings, as paired differences in " + WORDS[metric] + ":"]
                parts += [orderings(found, metric)]
                picture = f"paper-{head}-{size}.png"
                names = [
                    (row.name, f"image.attack.{label(load('attack', row.attack))}")
                    for row in TABLES[table]
                ]
                (DOCS / picture).write_bytes(paper.grid(observed, names))
                parts.append(f"![Originals and reconstructions]({picture})")
    if not commit:
        return ""
    top = HEAD.format(name=NAMES[head], templates=f"{templates:,}", commit=commit)
    return "\n\n".join([top, *parts, READING])


def main() -> None:
    """Write a page for each head that is on record."""
    for head in HEADS:
        text = page(head, Path(sys.argv[1]))
        if text:
            (DOCS / f"paper-{head}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
