"""The generator, the same for every method but for the width of its input, and its opponents."""

from __future__ import annotations

import math
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pixel_shuffle

from attacks._morph.networks import Strided
from attacks._versions.slots import Depth

START = 4  # pixels; doubled until the picture's side is reached


class SlotGenerator(nn.Module):
    """Vectors (n, width) -> pictures (n, channels, side, side) in 0..1 and version logits (n, a).

    ``versions=0`` leaves the logits out (None): only srwal has the alignment head.

    A linear layer makes a 4 x 4 map, which is doubled and convolved until it is half as wide as the
    picture; the last doubling rearranges channels. The version is predicted from an intermediate
    layer (paper, sec. 4.3 and fig. 1; which one it leaves open): the first map that was convolved,
    of 8 x 8 pixels, or the last one, half as wide as the picture.
    """

    def __init__(
        self, width: int, versions: int, side: int, channels: int, base: int, depth: Depth
    ) -> None:
        super().__init__()
        steps = int(math.log2(side // START)) - 1
        wide = [max(base, 4 * base >> number) for number in range(steps + 1)]
        self.enter = nn.Linear(width, wide[0] * START * START, bias=False)
        self.settle = nn.BatchNorm2d(wide[0])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise(wide)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(b) for b in wide[1:])
        self.leave = nn.Conv2d(wide[-1], 4 * channels, 3, padding=1)
        self.tapped = 0 if depth == "first" else steps - 1
        self.align = nn.Linear(wide[self.tapped + 1], versions) if versions else None

    def forward(self, vectors: Tensor) -> tuple[Tensor, Tensor | None]:
        versions = None
        x = self.enter(vectors).view(len(vectors), -1, START, START)
        x = leaky_relu(self.settle(x), 0.1)
        for number, (convolve, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = interpolate(x, scale_factor=2.0, mode="nearest")
            x = leaky_relu(norm(convolve(x)), 0.1)
            if number == self.tapped and self.align is not None:
                versions = self.align(x.mean(dim=(2, 3)))
        return pixel_shuffle(self.leave(x), 2).sigmoid(), versions


class SlotDiscriminator(Strided):
    """Pictures (n, channels, side, side) -> logits (n,) of being a photograph."""

    def __init__(self, channels: int, base: int) -> None:
        super().__init__(channels, base // 2, base, 2 * base)
        self.leave = nn.Conv2d(2 * base, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        logits: Tensor = self.leave(self.through(pictures)[-1]).mean(dim=(1, 2, 3))
        return logits
