"""Where pupil and iris lie in a near-infrared image of an eye; the ring between them unrolled.

Daugman's integro-differential operator (IEEE PAMI 15(11), 1993): the circle along whose radius
brightness changes most. It is asked twice, for the pupil, which is dark, all around it, and for the
limbus at both sides only, where lids do not cover it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SHORT_SIDE = 140  # pixels at which circles are sought
PUPILS = (8, 50)  # radii there
IRISES = (35, 72)
NARROW = 1.4  # an iris has at least so many radii of its pupil
REFLECTION = 7  # brighter spots up to this size are lamps
CANDIDATES, STRIDE = 100, 4  # centres of pupils that are tried: the darkest places
FAINT = (8.0, 1.0)  # grey levels a pixel: below them there is no pupil, no limbus
AROUND = np.arange(64) * 2 * np.pi / 64
SIDES = np.deg2rad(np.concatenate([np.arange(-35, 50, 3), np.arange(130, 216, 3)]))

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Circle:
    """A boundary, in pixels of the image.

    Attributes:
        x, y: the centre; 0 is the middle of the first pixel.
        radius: of it.
        strength: how much brighter it is outside, in grey levels a pixel at ``SHORT_SIDE``.
    """

    x: float
    y: float
    radius: float
    strength: float


@dataclass(frozen=True)
class Eye:
    """Both boundaries of an iris; their centres differ."""

    pupil: Circle
    iris: Circle


def locate(image: Grey) -> Eye | None:
    """Find the pupil, then the limbus around it.

    Args:
        image: (h, w) uint8, an eye that fills it, as a sensor of irises takes it.

    Returns:
        Both circles; None where there is nothing like a pupil or a limbus.
    """
    scale = max(1, round(min(image.shape) / SHORT_SIDE))
    height, width = (length // scale for length in image.shape)
    blocks = image[: height * scale, : width * scale].reshape(height, scale, width, scale)
    small = blocks.mean(axis=(1, 3), dtype=np.float32)
    dull = ndimage.grey_opening(small, size=(REFLECTION, REFLECTION))
    smooth = ndimage.gaussian_filter(dull, 1)
    centres = _darkest(ndimage.uniform_filter(dull, 2 * REFLECTION + 1))
    # Half of the directions, those with the least change: lashes cross the other half.
    radii = np.arange(*PUPILS, dtype=np.float64)
    centre, radius, _ = _strongest(smooth, centres, radii, AROUND[::2], 1.5, half=True)
    for reach, step, sigma in ((2.0, 0.5, 1.0), (0.75, 0.25, 2.0)):
        radii = np.arange(radius - 2 * reach, radius + 2 * reach, step)
        centre, radius, jump = _strongest(smooth, _near(centre, reach, step), radii, AROUND, sigma)
    pupil = (centre, radius, jump)
    radii = np.arange(max(NARROW * radius, IRISES[0]), IRISES[1])
    centre, radius, _ = _strongest(smooth, _near(centre, 6, 1.5), radii, SIDES, 2)
    radii = np.arange(radius - 4, radius + 4, 0.5)
    limbus = _strongest(smooth, _near(centre, 1, 0.5), radii, SIDES, 3)
    if pupil[2] < FAINT[0] or limbus[2] < FAINT[1]:
        return None
    return Eye(*(_enlarged(*circle, scale) for circle in (pupil, limbus)))


def ring(image: Grey, eye: Eye, side: int) -> Grey:
    """The square (side, side) around the iris; what is no iris is 0."""
    at = (np.arange(side) + 0.5) / side * 2 - 1
    x, y = eye.iris.x + at * eye.iris.radius, eye.iris.y + at[:, None] * eye.iris.radius
    x, y = np.broadcast_arrays(x, y)
    square = _sampled(image, x, y, eye.iris.radius / side)
    outside = np.hypot(at, at[:, None]) > 1
    inside = np.hypot(x - eye.pupil.x, y - eye.pupil.y) < eye.pupil.radius
    square[outside | inside] = 0
    return square


def unrolled(image: Grey, eye: Eye, height: int, width: int) -> Grey:
    """The ring as a sheet (height, width), from the pupil above to the limbus below.

    Daugman's rubber sheet: rows go from one boundary to the other in equal steps,
    whatever the light has made of the pupil; columns go round, from the right downwards.
    """
    way = (np.arange(height) + 0.5)[:, None] / height
    angle = (np.arange(width) + 0.5) * 2 * np.pi / width
    inner, outer = (
        np.stack([c.x + c.radius * np.cos(angle), c.y + c.radius * np.sin(angle)])
        for c in (eye.pupil, eye.iris)
    )
    x, y = (inner[axis] + way * (outer[axis] - inner[axis]) for axis in (0, 1))
    return _sampled(image, x, y, (eye.iris.radius - eye.pupil.radius) / height / 2)


def _darkest(blurred: NDArray[np.float32]) -> Floats:
    """Centres (k, 2) to try: the darkest places of a grid."""
    height, width = blurred.shape
    y, x = np.mgrid[10 : height - 10 : STRIDE, 10 : width - 10 : STRIDE]
    y, x = y.ravel(), x.ravel()
    kept = np.argsort(blurred[y, x], kind="stable")[:CANDIDATES]
    return np.stack([x[kept], y[kept]], axis=1).astype(np.float64)


def _near(centre: Floats, reach: float, step: float) -> Floats:
    offsets = np.arange(-reach, reach + step / 2, step)
    grid = np.stack(np.meshgrid(offsets, offsets), axis=-1).reshape(-1, 2)
    return np.asarray(centre + grid)


def _strongest(
    smooth: NDArray[np.float32],
    centres: Floats,
    radii: Floats,
    angles: Floats,
    sigma: float,
    half: bool = False,
) -> tuple[Floats, float, float]:
    """Centre, radius and change of the circle across which brightness rises most.

    Args:
        smooth: the image.
        centres: (k, 2) that are tried.
        radii: likewise, in equal steps.
        angles: at which the arcs are sampled.
        sigma: of the blur along the radius, in steps.
        half: count the half of the directions that change least.
    """
    x, y = (
        centres[:, axis, None, None] + radii[:, None] * way
        for axis, way in enumerate((np.cos(angles), np.sin(angles)))
    )
    seen = ndimage.map_coordinates(smooth, [y, x], order=1, mode="nearest")
    if not half:
        seen = seen.mean(axis=2, keepdims=True)
    rise = ndimage.gaussian_filter1d(np.diff(seen, axis=1), sigma, axis=1)
    if half:
        count = rise.shape[2] // 2
        rise = np.partition(rise, count, axis=2)[:, :, : count + 1]
    rise = rise.mean(axis=2) / (radii[1] - radii[0])
    best, at = np.unravel_index(rise.argmax(), rise.shape)
    return centres[best], float(radii[at] + radii[at + 1]) / 2, float(rise[best, at])


def _enlarged(centre: Floats, radius: float, strength: float, scale: int) -> Circle:
    """A circle in pixels of the image itself, whose blocks were averaged."""
    x, y = centre * scale + (scale - 1) / 2
    return Circle(float(x), float(y), radius * scale, strength)


def _sampled(image: Grey, x: Floats, y: Floats, spread: float) -> Grey:
    """Grey levels at these places, blurred where the new pixels are larger than the old; else 0."""
    blurred = ndimage.gaussian_filter(image.astype(np.float32), max(0.0, spread - 0.5))
    seen = ndimage.map_coordinates(blurred, [y, x], order=1, mode="constant")
    made: Grey = np.rint(np.clip(seen, 0, 255)).astype(np.uint8)
    return made
