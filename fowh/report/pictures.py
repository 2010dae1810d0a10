"""The grid of pictures: what was stolen, what a blind attacker has, and what each attack drew."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.report.summary import CONTROLS

Observations = Mapping[str, NDArray[Any]]

SHOWN = 8  # victims in a grid
_SIDE = 112  # pixels; larger pictures are reduced
_FIRST = {"original": "the victim", "nearest": "attacker's nearest own"}
_FAMILIES = {"attack": "{}", "face": "{} → face", "control": "{}"}  # in the order of the rows


@dataclass(frozen=True, eq=False)
class PictureRow:
    """One row of the grid.

    Attributes:
        label: what made the pictures.
        pictures: (k, h, w) or (k, h, w, 3) uint8, one per victim.
        hits: per victim, whether the picture identifies the victim at rank 1; None if unknown.
    """

    label: str
    pictures: NDArray[np.uint8]
    hits: list[bool] | None = None


def grid(observations: Observations) -> list[PictureRow]:
    """The rows of the grid, the original first and the upper bound last; [] without images."""
    found = [
        PictureRow(words, observations[f"image.{name}"][:SHOWN])
        for name, words in _FIRST.items()
        if f"image.{name}" in observations
    ]
    for family, words in _FAMILIES.items():
        for key in observations:
            if key.startswith(f"image.{family}."):
                source = key.removeprefix("image.")
                name = source.partition(".")[2]
                label = words.format(CONTROLS.get(name, name) if family == "control" else name)
                found.append(
                    PictureRow(label, observations[key][:SHOWN], hits(observations, source))
                )
    if "image.unprotected" in observations:
        found.append(
            PictureRow(CONTROLS["unprotected_face"], observations["image.unprotected"][:SHOWN])
        )
    return found


def hits(observations: Observations, source: str) -> list[bool] | None:
    """Rank-1 success of the pictures shown: of the first fold, each victim's first templates."""
    parts = [observations.get(f"{source}.{name}") for name in ("rank1", "subject", "fold")]
    shown = observations.get("image.subject")
    if shown is None or any(part is None for part in parts):
        return None
    rank1, subject, fold = (np.asarray(part) for part in parts)
    found: list[bool] = []
    for column, person in enumerate(shown[:SHOWN]):
        rows = np.flatnonzero((fold == 0) & (subject == person))
        before = int((shown[:column] == person).sum())  # this subject's pictures so far
        if before >= len(rows):
            return None
        found.append(bool(rank1[rows[before]]))
    return found


def png(picture: NDArray[np.uint8]) -> bytes:
    """One picture as PNG, reduced to at most 112 pixels a side."""
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
