"""What a table of the family is made of: rows, each a cell and the numbers that are shown of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Row:
    """One row: a cell, and the rows of its record that are shown.

    Attributes:
        name: what the table calls it.
        cell: arguments of ``make_cell`` as texts; "threat" is a mapping of axes.
        shown: by column, which (section, row, metric) of the record's attacks or controls. Of
            other sections: ("utility", scenario, metric), ("properties", part, name), ("guesses",
            metric, how many), ("chance", "", metric), ("count", attack, metric) for the rows
            behind an attack's number, ("seconds", attack or stage, "") over all folds.
    """

    name: str
    cell: Mapping[str, Any]
    shown: Mapping[str, tuple[str, str, str]]


@dataclass(frozen=True)
class Family:
    """A table.

    Attributes:
        title: of the table.
        source: of what was published.
        rows: in order.
        reading: what to keep in mind, in sentences.
    """

    title: str
    source: str
    rows: tuple[Row, ...]
    reading: tuple[str, ...] = field(default=())


def cell(
    target: str, scheme: str, *attacks: str, leak: str = "gradients:batch=1", **more: Any
) -> Any:
    """Arguments of ``make_cell``, with dlib as the witness."""
    return {
        "target": target,
        "scheme": scheme,
        "attacks": attacks,
        "leak": leak,
        "witness": "dlib",
        **more,
    }


def of(attack: str, **also: tuple[str, str, str]) -> dict[str, tuple[str, str, str]]:
    """Columns of one attack on updates, with its controls; ``also`` stand between."""
    return {
        "Rank-1": ("attacks", attack, "rank1"),
        "PSNR": ("attacks", attack, "psnr"),
        "SSIM": ("attacks", attack, "ssim"),
        **also,
        "another's update": ("controls", "shuffled", "rank1"),
        "nothing stolen": ("controls", "prior", "rank1"),
        "own picture": ("controls", "random_image", "rank1"),
        "mated probe": ("controls", "mated_probe", "rank1"),
        "the truth": ("controls", "unprotected", "rank1"),
    }
