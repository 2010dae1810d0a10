"""dlib's deployed face recogniser (128-d, L2), run in torch from dlib's weight file."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import digest, source_digest
from fowh.core.target import Prepared, Target
from fowh.targets import _faces

if TYPE_CHECKING:
    from fowh.targets._dlib_net import DlibNet

CHIP = 150  # side of an aligned face, pixels; dlib's own size, with its padding of a quarter
BATCH = 64
NETWORK = "dlib_face_recognition_resnet_model_v1.dat"
LANDMARKS = "shape_predictor_5_face_landmarks.dat"


@dataclass(frozen=True)
class Dlib(Target):
    """King's ``dlib_face_recognition_resnet_model_v1`` (2017), as face_recognition deploys it.

    Weights are those of the face-recognition-models wheel. Two embeddings of one face lie closer
    than about 0.6 in L2. ``prepare`` needs dlib; ``embed`` is a torch port, equal to 1e-4.
    """

    modality: ClassVar[str] = "image"
    batch: ClassVar[int] = BATCH

    def prepare(self, samples: NDArray[np.uint8]) -> Prepared:
        """Detect (HOG), find five landmarks, cut out the upright face.

        Args:
            samples: (n, h, w) grey or (n, h, w, 3) RGB uint8, one face each.

        Returns:
            (n, 150, 150[, 3]) uint8 chips; where no face is found, the central square instead.

        Raises:
            InputError: wrong shape or dtype, dlib or its weights are not installed.
        """
        _faces.check(samples)

        def chip(scene: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
            face = _faces.find(scene, LANDMARKS)
            return None if face is None else _faces.dlib().get_face_chip(scene, face, CHIP)

        return _faces.cut_out(samples, CHIP, chip)

    def embed(self, samples: NDArray[np.uint8], device: str = "cpu") -> NDArray[np.float32]:
        """Embed chips; (n, 128) float32, as dlib scales them (not unit length)."""
        import torch

        _faces.check(samples)
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

        return DlibNet(_faces.weights(NETWORK)).to(device)

    @property
    def frame(self) -> str:
        return _faces.FRAME

    @property
    def sha256(self) -> str:
        """Digest of the weights, the detector's and the resizer's version, and the code."""
        files = [_faces.weights_digest(name) for name in (NETWORK, LANDMARKS)]
        network = str(Path(__file__).with_name("_dlib_net.py"))
        code = source_digest(__file__, _faces.__file__, network)
        return digest(files, version("dlib-bin"), version("pillow"), code)


@lru_cache(maxsize=2)
def _network(device: str) -> DlibNet:
    return Dlib().module(device)
