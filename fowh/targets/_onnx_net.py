"""What stands before and behind an ONNX graph, in torch; and the graph itself for a white box."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fowh.targets._alignment import on_template
from fowh.targets._answering import LUMA

if TYPE_CHECKING:
    from fowh.targets._onnx_graph import Graph

PROBES, TOLERANCE = 4, 1e-3  # pictures of noise; of outputs, against their largest entry


class Reading(nn.Module):
    """Pictures (n, 1 or 3, h, w) in 0..1 to what the graph takes, (n, channels, side, side).

    Args:
        side: pixels.
        channels: 1 or 3; grey pictures are repeated, of coloured ones the luma is taken.
        bgr: blue first.
        mean: of pixels in 0..255, taken off.
        scale: what is left is divided by it.
        chips: pictures are chips of dlib's; they are laid on ArcFace's template, black where a
            chip ends (above the forehead).
    """

    def __init__(
        self, side: int, channels: int, bgr: bool, mean: float, scale: float, chips: bool
    ) -> None:
        super().__init__()
        self.side, self.channels, self.bgr = side, channels, bgr
        self.mean, self.scale, self.chips = mean, scale, chips

    def forward(self, pictures: Tensor) -> Tensor:
        """Resized bilinearly, with antialiasing where they shrink."""
        inner, left, top = (self.side, 0, 0)
        if self.chips:
            inner, left, top = (round(part * self.side) for part in on_template())
        if pictures.shape[-2:] != (inner, inner):
            size = (inner, inner)
            pictures = functional.interpolate(pictures, size, mode="bilinear", antialias=True)
        rest = self.side - inner  # less than nothing is cut off
        pictures = functional.pad(pictures, (left, rest - left, top, rest - top))
        if self.channels == 1 and pictures.shape[1] == 3:
            pictures = torch.einsum("nchw,c->nhw", pictures, pictures.new_tensor(LUMA))[:, None]
        pictures = pictures.expand(-1, self.channels, -1, -1)
        if self.bgr:
            pictures = pictures.flip(1)
        return ((255 * pictures - self.mean) / self.scale).contiguous()


class WhiteBox(nn.Module):
    """Pictures (n, 1 or 3, h, w) in 0..1 to embeddings (n, d); frozen.

    Args:
        reading: before the graph.
        network: the graph.
        batch: how many it takes at once; 0 for any number.
        unit: embeddings are scaled to unit length.
    """

    def __init__(self, reading: Reading, network: nn.Module, batch: int, unit: bool) -> None:
        super().__init__()
        self.reading, self.network, self.batch, self.unit = reading, network, batch, unit
        self.eval().requires_grad_(False)

    def forward(self, pictures: Tensor) -> Tensor:
        said = self.run(self.reading(pictures))
        return functional.normalize(said) if self.unit else said

    def run(self, given: Tensor) -> Tensor:
        """The graph alone. One that names its batch may reshape to it: ``vmap`` keeps blocks."""
        if not self.batch:
            free: Tensor = self.network(given)
            return free
        count, shape = len(given), given.shape[1:]
        whole = torch.cat([given, given.new_zeros(-count % self.batch, *shape)])
        said: Tensor = torch.vmap(self.network)(whole.view(-1, self.batch, *shape))
        return said.flatten(0, 1)[:count]


def white_box(graph: Graph, reading: Reading, unit: bool) -> WhiteBox | None:
    """The graph in torch, if onnx2torch converts it and says then what onnxruntime says.

    None, with a warning that says why, where not.
    """
    shape = (PROBES, graph.channels, reading.side, reading.side)
    probes = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    try:
        import onnx
        from onnx2torch import convert

        with torch.random.fork_rng(devices=[]):  # it draws weights before it sets them
            network = convert(onnx.load_model_from_string(graph.data))
        made = WhiteBox(reading, network, graph.batch, unit)
        with torch.no_grad():
            said = made.run(torch.from_numpy(probes)).numpy()
        expected = graph.run(probes)
        off = np.abs(said - expected).max() / np.abs(expected).max()
        reason = "" if off < TOLERANCE else f"converted, it says something else (off by {off:.1g})"
    except Exception as error:  # what a converter does not know it says in many ways
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
    if reason:
        warnings.warn(f"{graph.path}: no white box, a black box only ({reason})", stacklevel=2)
        return None
    return made
