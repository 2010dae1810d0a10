"""dlib's deployed face recogniser (128-d, L2), run in torch from dlib's weight file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fowh.core.cache import digest, source_digest
from fowh.core.errors import InputError
from fowh.core.target import Prepared, Target

if TYPE_CHECKING:
    from fowh.targets._dlib_net import DlibNet

CHIP = 150  # side of an aligned face, pixels; dlib's own size, with its padding of a quarter
SHORT_SIDE = 276  # the detector sees faces from 80 pixels on: small photographs are enlarged
MARGIN = 60  # edge pixels repeated around a photograph: tight crops cut the forehead off
THRESHOLD = -0.3  # of the detector; 0 misses tilted heads
BATCH = 64
BILINEAR = Image.Resampling.BILINEAR
NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"


@dataclass(frozen=True)
class Dlib(Target):
    """King's ``dlib_face_recognition_resnet_model_v1`` (2017), as face_recognition deploys it.

    Weights are those of the face-recognition-models wheel. Two embeddings of one face lie closer
    than about 0.6 in L2. ``prepare`` needs dlib; ``embed`` is a torch port, equal to 1e-4.
    """

    modality: ClassVar[str] = "image"

    def prepare(self, samples: NDArray[np.uint8]) -> Prepared:
        """Detect (HOG), find five landmarks, cut out the upright face.

        Args:
            samples: (n, h, w) grey or (n, h, w, 3) RGB uint8, one face each.

        Returns:
            (n, 150, 150[, 3]) uint8 chips; where no face is found, the central square instead.

        Raises:
            InputError: wrong shape or dtype, dlib or its weights are not installed.
        """
        _check(samples)
        detector, landmarks = _detector()
        chips = np.empty((len(samples), CHIP, CHIP, *samples.shape[3:]), dtype=np.uint8)
        found = np.zeros(len(samples), dtype=np.bool_)
        for row, image in enumerate(samples):
            scene = _enlarge(image)
            boxes, scores, _ = detector.run(scene, 0, THRESHOLD)
            found[row] = len(boxes) > 0
            if found[row]:
                face = landmarks(scene, boxes[int(np.argmax(scores))])
                chips[row] = _dlib().get_face_chip(scene, face, CHIP)
            else:
                chips[row] = _centre(image)
        return Prepared(chips, found)

    def embed(self, samples: NDArray[np.uint8], device: str = "cpu") -> NDArray[np.float32]:
        """Embed chips; (n, 128) float32, as dlib scales them (not unit length)."""
        import torch

        _check(samples)
        network = _network(device)
        out = np.empty((len(samples), 128), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(samples), BATCH):
                batch = torch.tensor(samples[start : start + BATCH], device=device)
                batch = batch.movedim(-1, 1) if samples.ndim == 4 else batch[:, None]
                out[start : start + BATCH] = network(batch.float() / 255).cpu().numpy()
        return out

    def module(self, device: str = "cpu") -> DlibNet:
        """A fresh copy of the frozen network: (n, 1 or 3, h, w) floats in 0..1 -> (n, 128)."""
        from fowh.targets._dlib_net import DlibNet

        return DlibNet(_weights(NETWORK)).to(device)

    @property
    def sha256(self) -> str:
        """Digest of the weights, the detector's and the resizer's version, and the code."""
        files = [sha256(_weights(name).read_bytes()).hexdigest() for name in (NETWORK, LANDMARKS)]
        code = source_digest(__file__, str(Path(__file__).with_name("_dlib_net.py")))
        return digest(files, version("dlib-bin"), version("pillow"), code)


@lru_cache(maxsize=2)
def _network(device: str) -> DlibNet:
    return Dlib().module(device)


@lru_cache(maxsize=1)
def _detector() -> tuple[Any, Any]:
    """The face detector and the landmark model; unpacking them takes most of a second."""
    dlib = _dlib()
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(_weights(LANDMARKS)))


def _enlarge(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photograph, enlarged by a whole factor where it is small, with a margin."""
    height, width = image.shape[:2]
    factor = -(-SHORT_SIDE // min(height, width))
    image = np.asarray(Image.fromarray(image).resize((factor * width, factor * height), BILINEAR))
    return np.pad(image, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0))[: image.ndim], mode="edge")


def _centre(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The largest central square, at the size of a chip."""
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(square.resize((CHIP, CHIP), BILINEAR))


def _check(images: NDArray[Any]) -> None:
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.shape[3:] not in ((), (3,)):
        raise InputError(f"images are {images.dtype} {images.shape}; expected uint8 (n, h, w[, 3])")


def _weights(name: str) -> Path:
    """A weight file; the package is found, not imported (its import needs pkg_resources)."""
    spec = find_spec("face_recognition_models")
    path = Path(spec.origin if spec and spec.origin else "").parent / "models" / name
    if not path.is_file():
        raise InputError(f"{name} not found; run: pip install face-recognition-models")
    return path


def _dlib() -> Any:
    try:
        return import_module("dlib")
    except ImportError as error:
        raise InputError(f"dlib is not usable ({error}); run: pip install dlib-bin") from error
