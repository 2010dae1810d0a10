"""Any recogniser of faces in an ONNX file, run by onnxruntime: how one brings InsightFace's."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.cache import digest, source_digest
from fowh.core.errors import InputError
from fowh.core.registry import load
from fowh.core.release import Floats
from fowh.core.target import Prepared, Target
from fowh.kit import images
from fowh.kit.images import as_tensor
from fowh.targets import _alignment, _faces
from fowh.targets._onnx_graph import Graph, read, side_of

if TYPE_CHECKING:
    from torch import nn

    from fowh.targets._onnx_net import Reading

CHIPS = "dlib"  # the target whose chips are aligned pictures too
LARGEST = 1024  # side, pixels
BATCH = 256


@dataclass(frozen=True)
class Onnx(Target):
    """A network with one input (n, 1 or 3, side, side) float32 and one output (n, d).

    Runs on the CPU, whatever the device; its white box, if onnx2torch converts it, on the device.
    Two embeddings are compared in L2, which ranks as the cosine does where ``unit`` is true.

    Attributes:
        path: the file; its weights must be inside.
        size: side of the input in pixels; 0: what the graph says.
        colour: order of the channels; a network of one takes the luma.
        mean: of pixels in 0..255, taken off; the default is ArcFace's.
        scale: what is left is divided by it.
        align: arcface: faces that dlib finds, their five points on the template of ArcFace. chip:
            the aligned chips of target dlib, laid on that template as far as they reach; a witness
            beside such a target does so by itself. none: the central square as it is.
        unit: embeddings are scaled to unit length.
    """

    modality: ClassVar[str] = "image"
    path: str
    size: int = 0
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: float = 127.5
    scale: float = 127.5
    align: Literal["arcface", "chip", "none"] = "arcface"
    unit: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.size <= LARGEST:
            raise InputError(
                f"onnx:size={self.size}: expected 1 to {LARGEST}, or 0 for the graph's"
            )
        if not (math.isfinite(self.mean) and math.isfinite(self.scale) and self.scale > 0):
            raise InputError(
                f"onnx:mean={self.mean},scale={self.scale}: expected finite numbers, scale above 0"
            )

    def prepare(self, samples: NDArray[np.uint8]) -> Prepared:
        """Find, align and cut out faces, as ``align`` says.

        Args:
            samples: (n, h, w) grey or (n, h, w, 3) RGB uint8.

        Returns:
            (n, side, side[, 3]) uint8, of ``chip`` (n, 150, 150[, 3]); where no face is found, the
            central square instead.

        Raises:
            InputError: wrong images, or a file that cannot be used.
        """
        _faces.check(samples)
        side = self._side()
        if self.align == "arcface":
            return _alignment.align(samples, side)
        if self.align == "chip":
            made: Prepared = load("target", CHIPS).prepare(samples)
            return made
        return _faces.squares(samples, side)

    def embed(self, samples: NDArray[np.uint8], device: str = "cpu") -> Floats:
        """Embed prepared pictures; (n, d) float32.

        Raises:
            InputError: wrong images, or a network that fails on them.
        """
        import torch

        _faces.check(samples)
        graph, reading, parts = self._file(), self._reading(), []
        with torch.inference_mode():
            for begin in range(0, max(len(samples), 1), BATCH):
                batch = as_tensor(samples[begin : begin + BATCH], "cpu")
                parts.append(graph.run(reading(batch).numpy()))
        said = np.concatenate(parts)
        if self.unit:
            said /= np.maximum(np.linalg.norm(said, axis=1, keepdims=True), 1e-12)
        return said

    def module(self, device: str = "cpu") -> nn.Module | None:
        """The network in torch, equal to onnxruntime's on a few inputs; None where it is not."""
        from fowh.targets._onnx_net import white_box

        made = white_box(self._file(), self._reading(), self.unit)
        return None if made is None else made.to(device)

    @property
    def frame(self) -> str:
        return {"arcface": _alignment.FRAME, "chip": _faces.FRAME, "none": ""}[self.align]

    def beside(self, target: Target) -> Target:
        if self.align == "arcface" and target.frame == _faces.FRAME:
            return dataclasses.replace(self, align="chip")
        return super().beside(target)

    @property
    def sha256(self) -> str:
        """Digest of the file, the parameters, onnxruntime's version, and the code."""
        params = {**dataclasses.asdict(self), "path": self._file().sha256}
        here = Path(__file__)
        family = [here.with_name(f"_{name}.py") for name in ("alignment", "onnx_graph", "onnx_net")]
        code = source_digest(*map(str, (here, *family)), images.__file__)
        return digest(params, self.preparation, version("onnxruntime"), code)

    @property
    def preparation(self) -> str:
        """Digest of what determines the prepared pictures."""
        side = self.size or self._file().side
        if self.align == "arcface":
            return _alignment.alignment(side)
        if self.align == "chip":
            return str(load("target", CHIPS).preparation)
        return digest("square", side, version("pillow"), source_digest(_faces.__file__))

    def _file(self) -> Graph:
        return read(self.path)

    def _side(self) -> int:
        return side_of(self._file(), self.size)

    def _reading(self) -> Reading:
        from fowh.targets._onnx_net import Reading

        shape = self._side(), self._file().channels
        return Reading(*shape, self.colour == "bgr", self.mean, self.scale, self.align == "chip")
