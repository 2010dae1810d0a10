"""The perceptual loss (Johnson et al., 2016): features of VGG, or of a network of the attacker."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss, normalize

from attacks._morph.networks import Strided
from fowh.kit.training import blank, initialise, loop

VGG = "vgg16-397923af.pth"  # torchvision's file of ImageNet weights
WIDTHS = (24, 48, 64)  # of the attacker's own network
STEPS, BATCH, RATE = 150, 32, 2e-3
OWN = "perceptual features of a network that the attacker trained on his own samples"
PUBLISHED = "perceptual features of VGG-16 with ImageNet weights"


class Own(Strided):
    """Pictures (n, c, s, s) -> features; trained to predict what the final version says of them."""

    def __init__(self, channels: int, side: int, length: int) -> None:
        super().__init__(channels, *WIDTHS)
        self.leave = nn.Linear(WIDTHS[-1] * (side // 16) ** 2, length)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The first two layers' outputs: edges and texture, not yet the features."""
        return self.through(pictures, 2)

    def forward(self, pictures: Tensor) -> Tensor:
        predicted: Tensor = self.leave(self.through(pictures)[-1].flatten(1))
        return predicted


class Vgg(nn.Module):
    """VGG-16 up to its fourth convolution, on pictures in 0..1."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        from torchvision.models import vgg16

        with torch.device("meta"):
            whole = vgg16()
        whole.load_state_dict(torch.load(weights, weights_only=True), assign=True)
        self.first, self.second = whole.features[:4], whole.features[4:9]

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """relu1_2 and relu2_2 of the normalised pictures."""
        mean = torch.tensor([0.485, 0.456, 0.406], device=pictures.device)[:, None, None]
        spread = torch.tensor([0.229, 0.224, 0.225], device=pictures.device)[:, None, None]
        first = self.first((pictures.expand(-1, 3, -1, -1) - mean) / spread)
        return [first, self.second(first)]


def published() -> Path | None:
    """Where torchvision keeps its weights of VGG-16, if they are on this disk."""
    stored = Path(torch.hub.get_dir()) / "checkpoints" / VGG
    return stored if stored.exists() else None


def features(
    pictures: Tensor, said: Tensor, generator: torch.Generator, progress: Callable[..., None]
) -> tuple[Own | Vgg, str]:
    """A frozen network with ``maps``, and in words which one it is.

    Args:
        pictures: (n, c, s, s) in 0..1, the attacker's own.
        said: (n, m) what the final version says of them.
        generator: randomness of the network's training; a CPU generator.
        progress: is told that it trains.
    """
    stored = published()
    if stored is not None:
        return Vgg(stored).to(pictures.device).eval().requires_grad_(False), PUBLISHED
    progress("gan: training perceptual features", 0.0)
    net = blank(Own, pictures.shape[1], pictures.shape[-1], said.shape[1])
    initialise(net, generator)
    net.to(pictures.device).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    wanted = normalize(said - said.mean(dim=0))

    def update(step: int) -> None:
        adam.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        rows = torch.randint(len(pictures), (BATCH,), generator=generator).to(pictures.device)
        adam.zero_grad(set_to_none=True)
        cosine = (normalize(net(pictures[rows])) * wanted[rows]).sum(dim=1)
        torch.autograd.backward((1 - cosine).mean())
        adam.step()

    loop(STEPS, update)
    return net.eval().requires_grad_(False), OWN


def distance(made: list[Tensor], true: list[Tensor], variance: list[Tensor]) -> Tensor:
    """Mean squared difference of the maps, each in units of its variance over true pictures."""
    pairs = zip(made, true, variance, strict=True)
    return torch.stack([mse_loss(a.float(), b.float()) / v for a, b, v in pairs]).mean()
