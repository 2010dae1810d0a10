"""A malicious server: a layer in front of the network that sorts pictures into cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.updates import UpdateScheme
from fowh.core.view import View

if TYPE_CHECKING:
    from torch import Tensor, nn

PUSH = 1e-3  # of the planted layer's sum on the logits, which must stay what they are
EMPTY = 1e-4  # of the largest cell: rounding of what is not there
PIXEL = 0.2  # of a grey level: how far a picture in bytes may be off them
LEAST_SIZE = 1e-12  # of a derivative


@dataclass(frozen=True)
class Imprint(Attack):
    """Fowl et al. (2022, "Robbing the Fed"): what neighbouring units differ by is one picture.

    The server hands out the honest network with ``bins`` units beside it. Each tells whether a
    linear function of the picture is above a threshold, a quantile of the attacker's own. Sums over
    samples and clients keep the cells apart: secure aggregation does not help. Where theirs has one
    function, the units are shared by several: a picture alone in its cell of one function is known,
    and taken out of its cells of the others, where another may then be alone (peeling, as Goodrich
    and Mitzenmacher 2011 do with lookup tables). A picture alone is recognised by its bytes.

    Attributes:
        bins: units.
        functions: that share them; 1 is as published, with brightness.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    closed_form: ClassVar[bool] = True
    bins: int = 256
    functions: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.functions <= self.bins:
            raise InputError(
                f"imprint: bins={self.bins}, functions={self.functions}; give 1 function or more "
                "and as many bins at least"
            )

    def unsupported(self, view: View) -> str | None:
        if not isinstance(view.scheme, UpdateScheme) or view.module is None or view.samples is None:
            return "it plants a layer in a network that all who take part hold"
        return None

    def plant(self, view: View, rng: np.random.Generator) -> nn.Module:
        """The honest network, its logits all but unchanged, with the layer beside it."""
        import torch

        from attacks._planted import Planted
        from fowh.kit.images import as_tensor

        assert view.module is not None and view.samples is not None
        own = as_tensor(view.samples, view.device).flatten(1)
        directions = np.ones((self.functions, own.shape[1]))
        directions[1:] = rng.standard_normal((self.functions - 1, own.shape[1]))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        along = torch.from_numpy(directions).to(own)
        values = own @ along.T
        units = self.bins // self.functions
        at = torch.arange(units, device=own.device).to(own) / units
        thresholds = torch.quantile(values, at, dim=0).T.contiguous()
        thresholds[:, 0] = values.amin(dim=0) - 2 * values.std(dim=0)
        signs = rng.permutation(np.arange(view.embeddings.shape[1]) % 2) * 2 - 1
        push = torch.from_numpy(PUSH * signs).to(own)
        return Planted(view.module, along, thresholds, push).to(view.device)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._guessed import as_samples, picture_shape
        from attacks._planted import Planted, cells

        assert isinstance(view.module, Planted)
        rows = torch.from_numpy(view.release.code).to(view.device)
        sums, sizes = cells(view.module, rows, self.functions)
        units = sizes.shape[2]
        directions = view.module.count.weight.detach()[::units].double()
        limits = -view.module.count.bias.detach().reshape(self.functions, units).double()
        made = [
            self._peel(sums[row], sizes[row], directions, limits, view.release.each)
            for row in range(len(rows))
        ]
        return as_samples(torch.stack(made).reshape(-1, *picture_shape(view)), view)

    def _peel(
        self, sums: Tensor, sizes: Tensor, directions: Tensor, limits: Tensor, each: int
    ) -> Tensor:
        """(each, d) pictures from cells (f, units, d) and sizes (f, units); both are used up."""
        import torch

        found: list[Tensor] = []
        least = EMPTY * float(sizes.abs().max()) + LEAST_SIZE
        while len(found) < each:
            ratios = sums / sizes.where(sizes.abs() > least, 1.0)[..., None]
            levels = ratios * 255
            off = (levels - levels.round()).abs().amax(dim=2)
            inside = (levels > -PIXEL).all(dim=2) & (levels < 255 + PIXEL).all(dim=2)
            off = off.where(inside & (sizes.abs() > least), torch.inf)
            best = int(off.argmin())
            kind, unit = divmod(best, sizes.shape[1])
            if not float(off[kind, unit]) < PIXEL:
                break
            picture, size = levels[kind, unit].round() / 255, sizes[kind, unit].clone()
            found.append(picture)
            at = torch.searchsorted(limits, (directions @ picture)[:, None]).squeeze(1) - 1
            every = torch.arange(len(at), device=at.device)
            at[kind] = unit
            sums[every, at.clamp_min(0)] -= size * picture
            sizes[every, at.clamp_min(0)] -= size
        rest = sizes.abs().flatten().argsort(descending=True)  # cells of several, or under noise
        ratios = (sums / sizes.where(sizes != 0, 1.0)[..., None]).flatten(0, 1)
        left = torch.arange(each - len(found), device=rest.device)  # perhaps more than cells
        return torch.stack([*found, *ratios[rest[left % len(rest)]].clamp(0, 1)])
