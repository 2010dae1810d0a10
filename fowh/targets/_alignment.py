"""Five points of a face laid on the template of ArcFace, as most recognisers since are trained."""

from __future__ import annotations

from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fowh.core.cache import digest, source_digest
from fowh.core.target import Prepared
from fowh.targets import _faces

Points = NDArray[np.float64]
FRAME = "arcface"
# Kazemi and Sullivan (2014), trained on iBUG 300-W, whose licence excludes commercial use; dlib's
# smaller model of five landmarks, which target dlib uses, has no mouth.
LANDMARKS = "shape_predictor_68_face_landmarks.dat"
# Eyes, tip of the nose, corners of the mouth, from left to right in the picture; centres of pixels
# of 112 x 112 (Deng et al. 2019; ``arcface_dst`` of InsightFace).
TEMPLATE_SIDE = 112
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
# The same of dlib's mean face (``get_face_chip_details`` in dlib/image_transforms/interpolation.h;
# an eye is the mean of its six points), as fractions of a chip, which has a quarter of padding.
CHIP = (
    0.25
    + np.array(
        [
            [0.225492, 0.215990],
            [0.754762, 0.215990],
            [0.490127, 0.515625],
            [0.254149, 0.780233],
            [0.726104, 0.780233],
        ]
    )
) / 1.5


def similarity(points: Points, goal: Points) -> tuple[complex, complex]:
    """The similarity z -> a z + b that takes points nearest to their goal, by least squares.

    In the plane, with x + iy for (x, y), the solution of Umeyama (1991) without reflection is that
    of a linear regression.

    Args:
        points: (k, 2), not all equal.
        goal: (k, 2).

    Returns:
        a (scale and rotation) and b (shift).
    """
    z, w = points @ [1, 1j], goal @ [1, 1j]
    away = z - z.mean()
    a = np.vdot(away, w) / np.vdot(away, away).real
    return complex(a), complex(w.mean() - a * z.mean())


def template(side: int) -> Points:
    """The template (5, 2) of a picture of ``side`` pixels; x and y from its upper left corner."""
    return (TEMPLATE + 0.5) * (side / TEMPLATE_SIDE)


def on_template() -> tuple[float, float, float]:
    """Where a chip of dlib's lies in a picture in ArcFace's frame: its side, left and upper edge.

    As fractions of that picture's side. The turn, less than .2 degrees, is left out.
    """
    scale = similarity(CHIP, template(1))[0].real
    left, top = template(1).mean(axis=0) - scale * CHIP.mean(axis=0)
    return scale, float(left), float(top)


def cut(picture: NDArray[np.uint8], points: Points, side: int) -> NDArray[np.uint8]:
    """The picture turned, scaled and cut so that points come to lie on the template.

    Args:
        picture: (h, w[, 3]).
        points: (5, 2) x and y from its upper left corner, in pixels.
        side: of the result.

    Returns:
        (side, side[, 3]) uint8, black where the picture ends.
    """
    a, b = similarity(points, template(side))
    image, shrink = Image.fromarray(picture), max(1, int(1 / abs(a)))
    back, start = 1 / a, -b / a  # of the result's pixels, in the picture
    if shrink > 1:  # by means of blocks: bilinear interpolation alone would skip pixels
        image, back, start = image.reduce(shrink), back / shrink, start / shrink
    rows = (back.real, -back.imag, start.real, back.imag, back.real, start.imag)
    return np.asarray(image.transform((side, side), Image.Transform.AFFINE, rows, _faces.BILINEAR))


def five(scene: NDArray[np.uint8]) -> Points | None:
    """The five points (5, 2) of the most central face of a scene; None where there is no face."""
    found = _faces.find(scene, LANDMARKS)
    if found is None:
        return None
    # dlib names centres of pixels
    marks = 0.5 + np.array([(part.x, part.y) for part in found.parts()], dtype=np.float64)
    eyes = marks[36:42].mean(axis=0), marks[42:48].mean(axis=0)
    return np.stack([*eyes, marks[30], marks[48], marks[54]])


def align(samples: NDArray[np.uint8], side: int) -> Prepared:
    """Find faces and lay them on the template; where none is found, the central square.

    Args:
        samples: (n, h, w) grey or (n, h, w, 3) RGB uint8, one face each.
        side: of the results.

    Returns:
        (n, side, side[, 3]) uint8.

    Raises:
        InputError: dlib or its weights are not installed.
    """

    def laid(scene: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        points = five(scene)
        return None if points is None else cut(scene, points, side)

    return _faces.cut_out(samples, side, laid)


def alignment(side: int) -> str:
    """Digest of what determines ``align``."""
    code = source_digest(__file__, _faces.__file__)
    versions = version("dlib-bin"), version("pillow")
    return digest(side, _faces.weights_digest(LANDMARKS), versions, code)
