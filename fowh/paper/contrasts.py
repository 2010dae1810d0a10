"""Which rows of a table are compared with each other, and in which words."""

from __future__ import annotations

from typing import Literal, NamedTuple

from fowh.paper.experiment import (
    CONCAT,
    DEPTHS,
    DROPOUT,
    RAND,
    REGULARISED,
    RIDGE,
    SCHEDULES,
    SINGLE,
    SR,
    SRWAL,
    WEIGHTS,
    aligned,
    filled,
)


class Contrast(NamedTuple):
    """A claim: the left attack reaches more than the right one, or as much.

    Attributes:
        name: the claim in words.
        left, right: attacks as on the command line, of one cell.
        claim: whether the left one is said to be above, or near (``tally.NEAR``).
        schedule: of the cell.
    """

    name: str
    left: str
    right: str
    claim: Literal["above", "near"] = "above"
    schedule: str = "upslope"


IMPUTED = {"concat": filled(CONCAT, "impute"), "slot dropout": filled(DROPOUT, "impute")}
TRUE = {"concat": f"{CONCAT},test=all", "slot dropout": f"{DROPOUT},test=all"}
ZERO = {"concat": CONCAT, "slot dropout": DROPOUT}
METHODS = {
    "rand": RAND,
    "concat, imputed": IMPUTED["concat"],
    "sr": SR,
    "srwal": SRWAL,
    "slot dropout, imputed": IMPUTED["slot dropout"],
}


def _slots(name: str) -> tuple[Contrast, ...]:
    return (
        Contrast(f"{name}: imputed slots above zeros", IMPUTED[name], ZERO[name]),
        Contrast(f"{name}: imputed slots near all true", IMPUTED[name], TRUE[name], "near"),
        Contrast(f"{name}, imputed, above ridge to pixels", IMPUTED[name], RIDGE),
        Contrast(f"{name}, imputed, above single with dropout", IMPUTED[name], REGULARISED),
        Contrast(f"{name}, all true, above ridge to pixels", TRUE[name], RIDGE),
    )


def _dropped(method: str) -> str:
    return f"{method},input_dropout=0.5"


CONTRASTS: dict[str, tuple[Contrast, ...]] = {
    "table1": tuple(
        Contrast(f"{name}{where}", left, right, schedule=schedule)
        for schedule, where in SCHEDULES.items()
        for name, left, right in (
            ("Rand above Single", RAND, SINGLE),
            ("Single with input dropout above Rand", REGULARISED, RAND),
            ("Ridge to pixels above Rand", RIDGE, RAND),
        )
    ),
    "table2": (
        Contrast("SRwAL above SR", SRWAL, SR),
        Contrast("SRwAL above Rand", SRWAL, RAND),
        Contrast("SR near Rand", SR, RAND, "near"),
        Contrast("Rand above Single", RAND, SINGLE),
        Contrast("SRwAL above Single", SRWAL, SINGLE),
        Contrast("Single above Concat, final", SINGLE, CONCAT),
        Contrast("Concat gains from all", TRUE["concat"], CONCAT),
        Contrast("SRwAL loses from all", SRWAL, f"{SRWAL},test=all"),
        Contrast("(control) SRwAL above single with input dropout", SRWAL, REGULARISED),
        Contrast("(control) SRwAL above SR, slots all final", SRWAL, f"{SR},copies=True"),
        Contrast("(control) SRwAL above ridge to pixels", SRWAL, RIDGE),
        Contrast("(ours) concat, imputed, above SRwAL", IMPUTED["concat"], SRWAL),
        Contrast("(ours) slot dropout, imputed, above SRwAL", IMPUTED["slot dropout"], SRWAL),
        Contrast(
            "(ours) slot dropout above SRwAL, both all", TRUE["slot dropout"], f"{SRWAL},test=all"
        ),
    ),
    "slots": (
        *_slots("concat"),
        Contrast(
            "concat, imputed, above concat of copies",
            IMPUTED["concat"],
            f"{CONCAT},copies=True,test=all",
        ),
        *_slots("slot dropout"),
        Contrast("single with dropout above single", REGULARISED, SINGLE),
    ),
    "dropout": (
        *(
            Contrast(f"{name} above single, no dropout", method, SINGLE)
            for name, method in METHODS.items()
        ),
        *(
            Contrast(
                f"{name} above single, both with dropout",
                _dropped(method),
                REGULARISED,
            )
            for name, method in METHODS.items()
        ),
        Contrast("sr above rand, no dropout", SR, RAND),
        Contrast("srwal above rand, no dropout", SRWAL, RAND),
        Contrast("single with dropout above srwal without", REGULARISED, SRWAL),
        Contrast("concat, imputed above srwal, no dropout", METHODS["concat, imputed"], SRWAL),
        Contrast(
            "concat, imputed, no dropout above single with dropout",
            METHODS["concat, imputed"],
            REGULARISED,
        ),
        Contrast("ridge to pixels above srwal, no dropout", RIDGE, SRWAL),
        Contrast("ridge to pixels above srwal with dropout", RIDGE, _dropped(SRWAL)),
        Contrast("srwal above sr, both with dropout", _dropped(SRWAL), _dropped(SR)),
        Contrast(
            "concat, imputed, with dropout, above ridge to pixels",
            _dropped(IMPUTED["concat"]),
            RIDGE,
        ),
        Contrast("dropout helps single", REGULARISED, SINGLE),
        *(
            Contrast(f"dropout helps {name}", _dropped(method), method)
            for name, method in METHODS.items()
        ),
    ),
    "alignment": tuple(
        Contrast(f"SRwAL above SR: weight {weight}, {depth} map", aligned(weight, depth), SR)
        for depth in DEPTHS
        for weight in WEIGHTS
    ),
}
