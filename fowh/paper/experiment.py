"""The published experiment as cells: which attacks fill which row of which table.

Source: Ahmad, Mahmood and Fuller (2022), "Inverting biometric models with fewer samples", tables 1
and 2 and sec. 6.3; the numbers below are theirs. What the paper has not are our controls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HEADS = {"extractor": "templates", "classifier": "outputs"}  # f_E and f_C, by what leaks of them
UNPROTECTED = {"templates": "raw", "outputs": "full_scores"}  # scheme by leak
# The metrics of each leak in a table, and what its columns call them; of the last one, what several
# versions gain is shown too.
MEASURED = {
    "templates": {"type1_at_fmr_1e-2": "f_E Type-1", "rank1": "f_E Rank-1"},
    "outputs": {"named": "f_C accuracy"},
}
NAMING = ("table1", "table2", "slots", "dropout", "alignment")  # those that classifiers have too
SHARED = ("table1", "table2", "section6.3")  # tables whose rows are in the same cells
FAMILIES = {"afm_iris": "iris", "afm_face": "face"}  # protocol -> whose numbers stand beside ours
# By dataset; of all others USUAL_PROTOCOL.
PROTOCOLS = dict.fromkeys(("iris", "nd_iris", "casia_iris"), "afm_iris")
USUAL_PROTOCOL = "afm_face"
SIZES = (500, 2000)  # the attacker's samples; the first one is the default
# The seeds of the target and of the attacker, run by run: after three runs every seed has been used
# once, after nine all pairs, so that a part of them is balanced as well as it can be.
RUNS = ((0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0), (0, 2), (1, 0), (2, 1))
SEEDS, FULL_SEEDS = 3, len(RUNS)
SCHEMES = ("raw", "lsh", "iom", "salted_hash")  # of the table of protected templates


@dataclass(frozen=True)
class Entry:
    """One entry of a table: a method, and what the paper says of it.

    Attributes:
        name: what the table calls it.
        attack: as on the command line.
        schedule: of the target's versions.
        paper: by dataset family (iris, face): Type-1, Rank-1 and accuracy of the paper in percent.
        control: whether it is ours and explains another row.
    """

    name: str
    attack: str
    schedule: str = "upslope"
    paper: dict[str, tuple[int | None, int | None, int | None]] | None = None
    control: bool = False


# As many samples as a generator learns from, which never sees those that choose its state.
RIDGE, NEAREST = "image_ridge:held=0.1,refit=False", "dictionary"
SINGLE, RAND, REGULARISED = "gan", "gan:incorporate=rand", "gan:input_dropout=0.5"
CONCAT, DROPOUT = "gan:incorporate=concat", "gan:incorporate=slot_dropout"
SR, SRWAL = "gan:incorporate=sr", "gan:incorporate=srwal"
ABSENT = {"zeros": "", "means": "mean", "final repeated": "replicate", "imputed": "impute"}
WEIGHTS, DEPTHS = (0.03, 0.1, 0.3), ("first", "last")  # of the alignment loss
SCHEDULES = {"upslope": "", "update": ", update", "downslope": ", downslope"}
CONTROLS = {
    "single, input dropout": REGULARISED,
    "ridge to pixels": RIDGE,
    "nearest own image": NEAREST,
}
OURS = (
    Entry("concat, final, imputed", "gan:incorporate=concat,absent=impute", control=True),
    Entry("single, input dropout", REGULARISED, control=True),
    Entry("sr, slots all final", "gan:incorporate=sr,copies=True", control=True),
    Entry("slot dropout, final", "gan:incorporate=slot_dropout", control=True),
    Entry(
        "slot dropout, final, imputed", "gan:incorporate=slot_dropout,absent=impute", control=True
    ),
    Entry("slot dropout, all", "gan:incorporate=slot_dropout,test=all", control=True),
    Entry("ridge to pixels", RIDGE, control=True),
    Entry("nearest own image", NEAREST, control=True),
)
TABLES: dict[str, tuple[Entry, ...]] = {
    "table1": (
        Entry("single", SINGLE, paper={"iris": (59, 35, 81), "face": (85, 82, 74)}),
        Entry("rand, upslope", RAND, paper={"iris": (65, 45, 82), "face": (89, 84, 78)}),
        Entry("rand, update", RAND, "update", {"iris": (61, 38, 81), "face": (87, 84, 75)}),
        Entry("rand, downslope", RAND, "downslope", {"iris": (60, 44, 82), "face": (87, 83, 73)}),
        Entry("single, update", SINGLE, "update", control=True),
        Entry("single, downslope", SINGLE, "downslope", control=True),
        *(
            Entry(f"{name}{where}", attack, schedule, control=True)
            for schedule, where in SCHEDULES.items()
            for name, attack in CONTROLS.items()
        ),
    ),
    "table2": (
        Entry("single, final", SINGLE, paper={"iris": (59, 35, 81), "face": (85, 82, 74)}),
        Entry("rand, final", RAND, paper={"iris": (65, 45, 82), "face": (89, 84, 78)}),
        Entry(
            "concat, final",
            "gan:incorporate=concat",
            paper={"iris": (48, 27, 78), "face": (78, 75, 74)},
        ),
        Entry(
            "concat, all",
            "gan:incorporate=concat,test=all",
            paper={"iris": (50, 30, 86), "face": (80, 78, 81)},
        ),
        Entry(
            "sr, final", "gan:incorporate=sr", paper={"iris": (66, 46, 81), "face": (89, 84, 79)}
        ),
        Entry(
            "srwal, final",
            "gan:incorporate=srwal",
            paper={"iris": (72, 53, 83), "face": (91, 86, 79)},
        ),
        Entry(
            "srwal, all",
            "gan:incorporate=srwal,test=all",
            paper={"iris": (65, 45, 81), "face": (89, 84, 79)},
        ),
        *OURS,
    ),
    "section6.3": (
        Entry("final version only", SINGLE, paper={"iris": (None, 35, None)}),
        Entry(
            "versions 25 % and 50 %",
            "gan:incorporate=rand,versions=25+50",
            paper={"iris": (None, 15, None)},
        ),
        Entry(
            "first and last version",
            "gan:incorporate=rand,versions=0+100",
            paper={"iris": (None, 36, None)},
        ),
        Entry("all five versions", RAND, paper={"iris": (None, 45, None)}),
        *OURS,
    ),
    "protected": (
        Entry("single, final", SINGLE),
        Entry("rand, final", RAND),
        Entry("concat, all", "gan:incorporate=concat,test=all"),
        Entry("sr, final", "gan:incorporate=sr"),
        Entry("srwal, final", "gan:incorporate=srwal"),
        Entry("slot dropout, final", "gan:incorporate=slot_dropout"),
        Entry("ridge to pixels", RIDGE, control=True),
        Entry("nearest own image", NEAREST, control=True),
    ),
}


def filled(method: str, absent: str) -> str:
    """A method with several slots, of which only the final version's leaked."""
    return f"{method},absent={absent}" if absent else method


def aligned(weight: float, depth: str) -> str:
    """SRwAL with another alignment loss; what is the default is left out."""
    return SRWAL + f",alignment={weight}" * (weight != 0.1) + f",depth={depth}" * (depth != "first")


def _all_ways(name: str, method: str) -> tuple[Entry, ...]:
    ways = [Entry(f"{name}, final, {w}", filled(method, a)) for w, a in ABSENT.items()]
    return (*ways, Entry(f"{name}, all true", f"{method},test=all"))


def _with_and_without(name: str, method: str) -> tuple[Entry, ...]:
    joint = "," if ":" in method else ":"
    return (
        Entry(name, method),
        Entry(f"{name}, dropout", f"{method}{joint}input_dropout=0.5"),
    )


# Ours: what the paper's comparison does not take apart.
TABLES |= {
    "slots": (
        *_with_and_without("single", SINGLE),
        *_all_ways("concat", CONCAT),
        Entry("concat of copies", f"{CONCAT},copies=True,test=all"),
        *_all_ways("slot dropout", DROPOUT),
        Entry("ridge to pixels", RIDGE),
        Entry("nearest own image", NEAREST),
    ),
    "dropout": (
        *_with_and_without("single", SINGLE),
        *_with_and_without("rand", RAND),
        *_with_and_without("concat, imputed", filled(CONCAT, "impute")),
        *_with_and_without("sr", SR),
        *_with_and_without("srwal", SRWAL),
        *_with_and_without("slot dropout, imputed", filled(DROPOUT, "impute")),
        Entry("ridge to pixels", RIDGE),
    ),
    "alignment": (
        Entry("single", SINGLE),
        Entry("sr", SR),
        *(
            Entry(f"srwal, weight {weight}, {depth} map", aligned(weight, depth))
            for depth in DEPTHS
            for weight in WEIGHTS
        ),
    ),
}
# Updates of a generator, by leak, where its usual ones are too few: held-out error says so
# (docs/paper-steps.md), of those who are attacked nobody was asked.
LONGER = {"outputs": 2000}
BLIND = ("random", "mean", "medoid")  # controls of every cell, shown below every table
REFERENCE = "unprotected"  # what is attacked, handed in as it is: more is not to be had


def part_of(table: str) -> str:
    """Which cells a table is read off: those of the paper's, or its own."""
    return "published" if table in SHARED else table


def attacks_of(schedule: str, leak: str, part: str) -> tuple[str, ...]:
    """All attacks of one cell, so that tables share it."""
    found: dict[str, Any] = {}
    for table in SHARED if part == "published" else (part,):
        if leak == HEADS["classifier"] and table not in NAMING:
            continue
        found |= {e.attack: None for e in TABLES[table] if e.schedule == schedule}
    return tuple(found)


def as_run(attack: str, leak: str) -> str:
    """An entry's attack as its cell has it: with as many updates as its leak takes."""
    if leak not in LONGER or attack.partition(":")[0] != SINGLE:
        return attack
    return f"{attack}{',' if ':' in attack else ':'}steps={LONGER[leak]}"


def entries_of(table: str) -> tuple[Entry, ...]:
    """A table's entries; table 1 borrows the controls of table 2, whose cell it shares."""
    entries = TABLES[table]
    if table == "table1":
        there = {entry.attack for entry in entries}
        entries += tuple(entry for entry in OURS if entry.attack not in there)
    return entries
