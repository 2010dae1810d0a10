"""The losses of eq. 1 to 3 of "Inverting biometric models with fewer samples", sec. 4.2."""

from __future__ import annotations

from pytorch_msssim import ssim
from torch import Tensor
from torch.nn.functional import l1_loss, softplus


def structural(made: Tensor, true: Tensor) -> Tensor:
    """Structural dissimilarity of pictures (n, 1, 64, 64) in 0..1 (Wang et al., 2004)."""
    loss: Tensor = 1 - ssim(made, true, data_range=1.0, win_size=7)
    return loss


def pixels(made: Tensor, true: Tensor) -> Tensor:
    """Mean absolute error."""
    return l1_loss(made, true)


def perceptual(made: Tensor, true: Tensor) -> Tensor:
    """Mean squared distance of features (n, f), in units of the spread of the true ones."""
    return (made - true).square().sum(dim=1).mean() / true.var(dim=0).sum().clamp_min(1e-12)


def discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Eq. 1 on logits: -log D(x) - log(1 - D(x'))."""
    return softplus(-real).mean() + softplus(fake).mean()


def generator(fake: Tensor) -> Tensor:
    """Eq. 2 on logits: -log D(x')."""
    return softplus(-fake).mean()
