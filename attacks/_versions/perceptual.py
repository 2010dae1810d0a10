"""The perceptual loss (Johnson et al., 2016): features of VGG, or of a network of the attacker."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, mse_loss, normalize

from attacks._gan.networks import initialise

VGG = "vgg16-397923af.pth"  # torchvision's file of ImageNet weights
STEPS, BATCH, RATE = 150, 32, 2e-3
OWN = "perceptual features of a network that the attacker trained on his own samples"
PUBLISHED = "perceptual features of VGG-16 with ImageNet weights"


class Own(nn.Module):
    """Pictures (n, c, s, s) -> templates; trained to predict the final version's on own samples."""

    def __init__(self, channels: int, side: int, length: int) -> None:
        super().__init__()
        wide = (4 * channels, 24, 48, 64)
        self.layers = nn.ModuleList(
            nn.Conv2d(a, b, 4, stride=2, padding=1) for a, b in pairwise(wide)
        )
        self.leave = nn.Linear(wide[-1] * (side // 16) ** 2, length)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """The first two layers' outputs: edges and texture, not yet the template."""
        x, made = nn.functional.pixel_unshuffle(pictures - 0.5, 2), []
        for layer in self.layers[:2]:
            x = leaky_relu(layer(x), 0.2)
            made.append(x)
        return made

    def forward(self, pictures: Tensor) -> Tensor:
        x = leaky_relu(self.layers[2](self.maps(pictures)[-1]), 0.2)
        predicted: Tensor = self.leave(x.flatten(1))
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
    pictures: Tensor, templates: Tensor, generator: torch.Generator, progress: Callable[..., None]
) -> tuple[Own | Vgg, str]:
    """A frozen network with ``maps``, and in words which one it is.

    Args:
        pictures: (n, c, s, s) in 0..1, the attacker's own.
        templates: (n, m) theirs under the final version.
        generator: randomness of the network's training; a CPU generator.
        progress: is told that it trains.
    """
    stored = published()
    if stored is not None:
        return Vgg(stored).to(pictures.device).eval().requires_grad_(False), PUBLISHED
    progress("gan: training perceptual features", 0.0)
    with torch.device("meta"):
        net = Own(pictures.shape[1], pictures.shape[-1], templates.shape[1])
    net.to_empty(device="cpu")
    initialise(net, generator)
    net.to(pictures.device).to(memory_format=torch.channels_last)
    adam = torch.optim.Adam(net.parameters(), lr=RATE, fused=True)
    wanted = normalize(templates - templates.mean(dim=0))
    for step in range(STEPS):
        adam.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        rows = torch.randint(len(pictures), (BATCH,), generator=generator).to(pictures.device)
        adam.zero_grad(set_to_none=True)
        cosine = (normalize(net(pictures[rows])) * wanted[rows]).sum(dim=1)
        torch.autograd.backward((1 - cosine).mean())
        adam.step()
    return net.eval().requires_grad_(False), OWN


def distance(made: list[Tensor], true: list[Tensor], variance: list[Tensor]) -> Tensor:
    """Mean squared difference of the maps, each in units of its variance over true pictures."""
    pairs = zip(made, true, variance, strict=True)
    return torch.stack([mse_loss(a.float(), b.float()) / v for a, b, v in pairs]).mean()
