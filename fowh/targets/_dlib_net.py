"""dlib's face recognition network in torch, from dlib's own weight file (dlib is not needed)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE = 150  # side of the chip that the network was trained on, pixels
MEANS = (122.782, 117.001, 104.298)  # of the training pixels, red to blue; dlib's input layer
BLOCKS = (  # (filters, halves the size), input to output: `anet_type` of dlib's example
    *((32, False),) * 3,
    *((64, True), *((64, False),) * 3),
    *((128, True), *((128, False),) * 2),
    *((256, True), *((256, False),) * 2),
    (256, True),
)


class DlibNet(nn.Module):
    """The 29-layer residual network of ``dlib_face_recognition_resnet_model_v1`` (King, 2017).

    Every affine layer is folded into the convolution before it, and the input normalisation into
    the first one, which has no padding. (n, 1 or 3, h, w) floats in 0..1 -> (n, 128); other sizes
    than 150 are resized bilinearly, with antialiasing when they shrink (an aliased chip has
    no counterpart in dlib).
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        reader = _Reader(weights.read_bytes())
        stem = reader.convolution(3, 32, 7, stride=2)
        with torch.no_grad():  # (255 x - mean) / 256, dlib's normalisation
            assert stem.bias is not None
            mean = torch.tensor(MEANS).view(1, 3, 1, 1)
            stem.bias -= (stem.weight * mean).sum(dim=(1, 2, 3)) / 256
            stem.weight *= 255 / 256
        self.stem = stem
        widths = (32, *(width for width, _ in BLOCKS))
        self.blocks = nn.Sequential(
            *(_Block(reader, width, *block) for width, block in zip(widths, BLOCKS, strict=False))
        )
        self.projection = nn.Parameter(reader.tensor(256, 128))
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-2:] != (SIZE, SIZE):
            images = functional.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)
        weight = self.stem.weight
        if images.shape[1] == 1:  # three equal channels: one with the sum of the filters
            weight = weight.sum(dim=1, keepdim=True)
        x = functional.conv2d(images, weight, self.stem.bias, stride=2).relu()
        x = self.blocks(functional.max_pool2d(x, 3, 2))
        features: Tensor = x.mean(dim=(2, 3)) @ self.projection
        return features


class _Block(nn.Module):
    """dlib's ``ares`` and ``ares_down``: two 3 x 3 convolutions and a way around them."""

    def __init__(self, reader: _Reader, inputs: int, filters: int, halve: bool) -> None:
        super().__init__()
        self.halve = halve
        self.first = reader.convolution(inputs, filters, 3, stride=2 if halve else 1)
        self.second = reader.convolution(filters, filters, 3, stride=1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x).relu())
        if self.halve:
            x = functional.avg_pool2d(x, 2)
            # dlib's add_prev takes the larger shape of the two, and zeros where one has nothing
            shape = [max(a, b) for a, b in zip(x.shape, y.shape, strict=True)]
            x, y = _grow(x, shape), _grow(y, shape)
        return torch.relu(x + y)


def _grow(x: Tensor, shape: list[int]) -> Tensor:
    """``x`` with zeros after its last channel, row and column."""
    _, channels, height, width = (want - have for want, have in zip(shape, x.shape, strict=True))
    return functional.pad(x, (0, width, 0, height, 0, channels))


class _Reader:
    """Takes the tensors out of a dlib file in the order of the layers.

    A tensor is its version (2), four dimensions and little-endian float32; an integer is the
    number of its bytes, then these bytes, little-endian. The shapes are known from the
    architecture, so the next tensor is where its header is.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.offset = 0

    def tensor(self, *shape: int) -> Tensor:
        header = b"\x01\x02"
        for size in (*shape, 1, 1, 1)[:4]:
            length = (size.bit_length() + 7) // 8
            header += bytes([length]) + size.to_bytes(length, "little")
        start = self.data.index(header, self.offset) + len(header)
        count = int(np.prod(shape))
        self.offset = start + 4 * count
        values = np.frombuffer(self.data, "<f4", count, start).astype(np.float32)
        return torch.from_numpy(values).view(*shape)

    def convolution(self, inputs: int, filters: int, size: int, stride: int) -> nn.Conv2d:
        """A convolution with the affine layer that follows it."""
        count = filters * inputs * size * size
        weight, bias = self.tensor(count + filters).tensor_split([count])
        scale, shift = self.tensor(2 * filters).chunk(2)
        padding = size // 2 if stride == 1 else 0  # dlib pads only where the size is kept
        # without values of its own, which torch would draw from its global generator
        layer = nn.Conv2d(inputs, filters, size, stride, padding, device="meta")
        layer.weight = nn.Parameter(weight.view_as(layer.weight) * scale.view(-1, 1, 1, 1))
        layer.bias = nn.Parameter(bias * scale + shift)
        return layer
