"""Faces in photographs, as dlib finds them: what targets of faces share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fowh.core.errors import InputError
from fowh.core.target import Prepared
from fowh.kit.parallel import threaded

SHORT_SIDE = 276  # the detector sees faces from 80 pixels on: small photographs are enlarged
MARGIN = 60  # edge pixels repeated around a photograph: tight crops cut the forehead off
THRESHOLD = -0.3  # of the detector; 0 misses tilted heads
_own = threading.local()
STEP = 8  # photographs of a thread at a time
BILINEAR = Image.Resampling.BILINEAR
FRAME = "dlib"  # how a face lies in a chip of dlib's
KNOWN = {  # SHA-256 of the files that King published (github.com/davisking/dlib-models)
    "dlib_face_recognition_resnet_model_v1.dat": (
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"
    ),
    "shape_predictor_5_face_landmarks.dat": (
        "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888"
    ),
}


def enlarge(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photograph (h, w[, 3]), enlarged by a whole factor where small, with a margin."""
    height, width = image.shape[:2]
    factor = -(-SHORT_SIDE // min(height, width))
    image = np.asarray(Image.fromarray(image).resize((factor * width, factor * height), BILINEAR))
    return np.pad(image, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))[: image.ndim], mode="edge")


def find(scene: NDArray[np.uint8], landmarks: str) -> Any:
    """Landmarks (``dlib.full_object_detection``) of the most central face; None: there is none.

    Whom a photograph is of stands in its middle: a bystander's face may be the likelier one.

    Args:
        scene: what ``enlarge`` makes of a photograph.
        landmarks: the file of the landmark model.
    """
    boxes, _, _ = _detector().run(scene, 0, THRESHOLD)
    if not len(boxes):
        return None
    height, width = scene.shape[:2]

    def off(box: Any) -> float:
        middle = box.center()
        return float((middle.x - width / 2) ** 2 + (middle.y - height / 2) ** 2)

    return _landmarks(landmarks)(scene, min(boxes, key=off))


def cut_out(
    samples: NDArray[np.uint8],
    side: int,
    cut: Callable[[NDArray[np.uint8]], NDArray[np.uint8] | None],
) -> Prepared:
    """A face from each photograph, on as many threads as torch uses; else the central square.

    Args:
        samples: (n, h, w[, 3]) uint8.
        side: of the results.
        cut: makes (side, side[, 3]) of what ``enlarge`` makes of a photograph; None: no face.
    """
    made = np.empty((len(samples), side, side, *samples.shape[3:]), dtype=np.uint8)
    found = np.zeros(len(samples), dtype=np.bool_)

    def work(rows: slice) -> None:
        for row in range(rows.start, rows.stop):
            face = cut(enlarge(samples[row]))
            found[row] = face is not None
            made[row] = centre(samples[row], side) if face is None else face

    threaded(work, len(samples), STEP)
    return Prepared(made, found)


def centre(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """The largest central square of a picture (h, w[, 3]), as ``side`` x ``side`` pixels."""
    edge = min(image.shape[:2])
    top, left = ((length - edge) // 2 for length in image.shape[:2])
    square = Image.fromarray(image[top : top + edge, left : left + edge])
    return np.asarray(square.resize((side, side), BILINEAR))


def squares(samples: NDArray[np.uint8], side: int) -> Prepared:
    """The largest central squares of pictures (n, h, w[, 3]), where nothing is to be detected."""
    made = np.empty((len(samples), side, side, *samples.shape[3:]), dtype=np.uint8)
    for row, image in enumerate(samples):
        made[row] = centre(image, side)
    return Prepared(made, np.ones(len(samples), dtype=np.bool_))


def check(images: NDArray[Any]) -> None:
    """Refuse what are no images (n, h, w[, 3]) uint8."""
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)):
        raise InputError(f"images are {images.dtype} {images.shape}; expected uint8 (n, h, w[, 3])")


def weights(name: str) -> Path:
    """A weight file; the package is found, not imported (its import needs pkg_resources).

    Raises:
        InputError: there is none, or it is not the one that was published.
    """
    spec = find_spec("face_recognition_models")
    path = Path(spec.origin if spec and spec.origin else "").parent / "models" / name
    if not path.is_file():
        raise InputError(f"{name} not found; run: pip install face-recognition-models")
    found = _hashed(path, path.stat().st_mtime_ns)
    if found != KNOWN.get(name, found):
        raise InputError(
            f"{path} is not the file that was published (SHA-256 {found[:16]}..., expected "
            f"{KNOWN[name][:16]}...); run: pip install --force-reinstall face-recognition-models"
        )
    return path


def weights_digest(name: str) -> str:
    """Hex SHA-256 of a weight file."""
    return _hashed(path := weights(name), path.stat().st_mtime_ns)


def dlib() -> Any:
    """The library.

    Raises:
        InputError: it is not installed, or cannot be loaded.
    """
    try:
        return import_module("dlib")
    except ImportError as error:
        raise InputError(f"dlib is not usable ({error}); run: pip install dlib-bin") from error


@lru_cache(maxsize=8)
def _hashed(path: Path, changed: int) -> str:
    return sha256(path.read_bytes()).hexdigest()


def _detector() -> Any:
    """This thread's own detector: shared by two threads it crashes."""
    if not hasattr(_own, "detector"):
        _own.detector = dlib().get_frontal_face_detector()
    return _own.detector


@lru_cache(maxsize=2)
def _landmarks(name: str) -> Any:
    """A landmark model; unpacking one takes most of a second."""
    return dlib().shape_predictor(str(weights(name)))
