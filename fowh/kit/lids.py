"""Where lids cover an iris whose circles are known; what they cover is cut away.

Daugman's operator along arcs instead of circles (IEEE PAMI 15(11), 1993, sec. III: "the boundary of
the eyelids"): of the parabolas that cross the iris, the one across which brightness changes most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fowh.kit.eyes import Eye, Grey

Floats = NDArray[np.float64]
SMOOTH = 0.02  # of the iris' radius
HEIGHTS = np.linspace(0.3, 1.1, 41)  # of the middle of a lid above or below the centre, in radii
BENDS = np.linspace(0.0, 0.6, 7)  # how far it comes nearer to the centre, a radius to the side
TILTS = np.linspace(-0.15, 0.15, 5)  # how much it leans
ACROSS = np.linspace(-0.85, 0.85, 35)  # places along it, in radii
FAINT = 6.0  # grey levels over ``SMOOTH`` radii: below them there is no lid
CLEAR = 0.92  # radii up to which nothing is the limbus itself
FEWEST = 9  # places that lie in the iris, for a lid to be one


@dataclass(frozen=True)
class Lid:
    """A boundary: at x radii beside the iris' centre it is ``height - bend x^2 + tilt x`` away.

    Attributes:
        height, bend, tilt: in radii of the iris, outwards.
    """

    height: float
    bend: float
    tilt: float

    def at(self, x: Floats) -> Floats:
        """How far from the horizontal through the centre it is there, in radii."""
        away: Floats = self.height - self.bend * x**2 + self.tilt * x
        return away


def lids(image: Grey, eye: Eye) -> tuple[Lid | None, Lid | None]:
    """The upper and the lower lid; None where none covers the iris.

    Args:
        image: (h, w) uint8.
        eye: its circles.
    """
    radius = eye.iris.radius
    smooth = ndimage.gaussian_filter(image.astype(np.float32), SMOOTH * radius)
    return _strongest(smooth, eye, -1), _strongest(smooth, eye, 1)


def cut(image: Grey, eye: Eye) -> Grey:
    """The image with 0 for all that lies beyond a lid, inside the iris or not."""
    rows, columns = np.ogrid[: image.shape[0], : image.shape[1]]
    across, down = (columns - eye.iris.x) / eye.iris.radius, (rows - eye.iris.y) / eye.iris.radius
    made = image.copy()
    for lid, away in zip(lids(image, eye), (-down, down), strict=True):
        if lid is not None:
            made[away > lid.at(across)] = 0
    return made


def _strongest(smooth: NDArray[np.float32], eye: Eye, way: int) -> Lid | None:
    """The lid above (-1) or below (1) across which brightness changes most."""
    height, bend, tilt = np.meshgrid(HEIGHTS, BENDS, TILTS, indexing="ij")
    away = height[..., None] - bend[..., None] * ACROSS**2 + tilt[..., None] * ACROSS
    inside = (np.hypot(away, ACROSS) < CLEAR) & (away > 0.1)
    radius = eye.iris.radius
    x = np.broadcast_to(eye.iris.x + radius * ACROSS, away.shape)
    rise = np.zeros(away.shape)
    for side in (-1, 1):  # outside less inside
        y = eye.iris.y + way * radius * (away + side * 1.5 * SMOOTH)
        rise += side * ndimage.map_coordinates(smooth, [y, x], order=1, mode="nearest")
        pupil = np.hypot(x - eye.pupil.x, y - eye.pupil.y) < 1.1 * eye.pupil.radius
        inside &= ~pupil
    count = inside.sum(axis=-1)
    change = np.abs(np.where(inside, rise, 0).sum(axis=-1)) / np.maximum(count, FEWEST)
    change[count < FEWEST] = 0
    best = np.unravel_index(change.argmax(), change.shape)
    if change[best] < FAINT:
        return None
    return Lid(float(height[best]), float(bend[best]), float(tilt[best]))
