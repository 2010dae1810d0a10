"""Adversarial training of the generator (paper, eq. 1 to 3 and sec. 4.3), resumable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from attacks._gan import losses
from attacks._gan.networks import initialise
from attacks._gan.training import blank
from attacks._versions import perceptual, slots
from attacks._versions.inputs import Slots
from attacks._versions.networks import Discriminator, Generator
from attacks._versions.validation import LOOKS, Validation
from fowh.core.cache import Arrays
from fowh.core.view import View
from fowh.kit.fabric import fabric
from fowh.kit.images import as_tensor

BATCH = 256  # in the attack
BETAS = (0.5, 0.99)
PATIENCE = 4  # looks without improvement before the training stops


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of the training; the fields of ``Gan`` that bear the same names."""

    incorporate: slots.Method
    input_dropout: float
    steps: int
    batch: int
    rate: float
    base: int
    pixels: float
    structure: float
    perceptual: float
    adversarial: float
    alignment: float


class Trainer:
    """Generator, discriminator and their optimisers; ``step`` is one update of each."""

    def __init__(
        self, known: Slots, images: NDArray[np.uint8], recipe: Recipe, seed: int, view: View
    ) -> None:
        self.recipe, self.fabric = recipe, fabric(view.device)
        self.randomness = torch.Generator().manual_seed(seed)
        device = self.fabric.device
        self.pictures = as_tensor(images, str(device)).contiguous(memory_format=torch.channels_last)
        self.known = torch.from_numpy(known).to(device)
        self.words = "no perceptual loss"
        self.generator = build(recipe, known, self.pictures.shape)
        self.discriminator = blank(Discriminator, self.pictures.shape[1], recipe.base)
        nets = (self.generator, self.discriminator)
        for net in nets:
            initialise(net, self.randomness)
        if recipe.perceptual:
            self.features, self.words = perceptual.features(
                self.pictures, self.known[-1], self.randomness, view.progress
            )
            with torch.no_grad(), self.fabric.autocast():
                maps = self.features.maps(self.pictures[:BATCH])
            self.variance = [part.float().var() for part in maps]
        adams = [
            torch.optim.Adam(net.parameters(), lr=recipe.rate, betas=BETAS, fused=True)
            for net in nets
        ]
        (self.make, self.adam_g), (self.tell, self.adam_d) = (
            self.fabric.setup(net, adam) for net, adam in zip(nets, adams, strict=True)
        )
        for net in nets:
            net.to(memory_format=torch.channels_last)

    def step(self, fraction: float) -> dict[str, Tensor]:
        """One update of both networks; the losses by name, not yet read from the device."""
        rate = self.recipe.rate * min(1.0, 2 * (1 - fraction) + 0.02)
        self.adam_g.param_groups[0]["lr"], self.adam_d.param_groups[0]["lr"] = rate, rate / 2
        count = len(self.pictures)
        rows = torch.randint(count, (self.recipe.batch,), generator=self.randomness)
        rows = rows.to(self.fabric.device)
        true = self.pictures[rows]
        inputs, drawn = slots.fill(self.recipe.incorporate, self.known, rows, self.randomness)
        made, guessed = self.make(self._dropped(inputs))
        parts = self._judged(made, true)
        if self.recipe.incorporate == "srwal":
            parts["alignment"] = cross_entropy(guessed.float(), drawn)
        weighted = [getattr(self.recipe, name) * loss for name, loss in parts.items()]
        self.adam_g.zero_grad(set_to_none=True)
        self.fabric.backward(torch.stack(weighted).sum())
        self.adam_g.step()
        if self.recipe.adversarial:
            half = self.recipe.batch // 2
            parts["discriminator"] = self._discriminate(true[:half], made[half:].detach())
        return parts

    def _judged(self, made: Tensor, true: Tensor) -> dict[str, Tensor]:
        """The generator's losses, eq. 2 and 3."""
        recipe, parts = self.recipe, {"pixels": losses.pixels(made, true)}
        if recipe.structure:
            parts["structure"] = losses.structural(made, true, stride=2)
        if recipe.perceptual:
            with torch.no_grad(), self.fabric.autocast():
                wanted = self.features.maps(true)
            with self.fabric.autocast():
                seen = self.features.maps(made)
            parts["perceptual"] = perceptual.distance(seen, wanted, self.variance)
        if recipe.adversarial:
            self.discriminator.requires_grad_(False)
            parts["adversarial"] = losses.generator(self.tell(made[: recipe.batch // 2]).float())
            self.discriminator.requires_grad_(True)
        return parts

    def _discriminate(self, true: Tensor, made: Tensor) -> Tensor:
        """One update of the discriminator, eq. 1, on halves of the batch that do not pair up."""
        logits = self.tell(torch.cat([true, made])).float()
        loss = losses.discriminator(logits[: len(true)], logits[len(true) :])
        self.adam_d.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.adam_d.step()
        return loss.detach()

    def _dropped(self, inputs: Tensor) -> Tensor:
        share = self.recipe.input_dropout
        if not share:
            return inputs
        keep = torch.rand(inputs.shape, generator=self.randomness) >= share
        return inputs * keep.to(inputs.device) / (1 - share)


def build(recipe: Recipe, known: Slots, pictures: torch.Size) -> Generator:
    """The generator of a method, without weights; only its first layer depends on the method."""
    versions, _, length = known.shape
    width = slots.width(recipe.incorporate, versions, length)
    aligned = versions if recipe.incorporate == "srwal" else 0
    return blank(Generator, width, aligned, pictures[-1], pictures[1], recipe.base)


def train(known: Slots, view: View, recipe: Recipe, seed: int, checkpoint: str) -> Arrays:
    """Train an inverter on the attacker's own samples.

    A tenth of his subjects is held out: the weights kept are those whose pictures of them embed
    nearest to the truth when he asks the target about them (where he may no longer ask: those of
    least pixel loss), and training stops when that no longer improves.

    Args:
        known: (a, n, m) vectors of the attacker's samples by slot.
        view: his images, subjects, device and progress.
        recipe: hyper-parameters.
        seed: of all randomness.
        checkpoint: name under which an interrupted training is found again.

    Returns:
        The ``state_dict`` of the generator, beside ``perceptual``, the words for its features.
    """
    assert view.samples is not None
    validation = Validation(known, view, recipe.incorporate, np.random.default_rng(seed))
    rows = validation.others
    trainer = Trainer(known[:, rows], view.samples[rows], recipe, seed, view)
    begin = validation.resume(trainer, checkpoint)
    often = max(1, recipe.steps // LOOKS)
    trainer.generator.train()
    for step in range(begin, recipe.steps):
        parts = trainer.step(step / recipe.steps)
        if (step + 1) % often == 0 or step + 1 == recipe.steps:
            said = validation.look(trainer, step + 1, parts)
            validation.save(trainer, checkpoint, step + 1)
            view.progress(f"gan: {recipe.incorporate}, {said}", (step + 1) / recipe.steps)
            if validation.waited >= PATIENCE:
                break
    validation.clear(checkpoint)
    best = validation.best or state_of(trainer.generator)
    return {**best, "perceptual": np.array(trainer.words)}


def state_of(network: torch.nn.Module) -> Arrays:
    """A network's weights as arrays."""
    return {
        name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()
    }


def apply(arrays: Arrays, recipe: Recipe, stolen: Slots, test: str, view: View) -> NDArray[Any]:
    """Pictures (k, s, s[, 3]) uint8 of the stolen vectors (a, k, m)."""
    assert view.samples is not None
    shape = torch.Size((0, 3 if view.samples.ndim == 4 else 1, *view.samples.shape[1:3]))
    net = build(recipe, stolen, shape)
    state = {name: torch.from_numpy(a) for name, a in arrays.items() if name != "perceptual"}
    net.load_state_dict(state, assign=True)
    net.to(view.device).eval()
    return pictures_of(
        net, slots.present(recipe.incorporate, torch.from_numpy(stolen), test), view.device
    )


def pictures_of(network: torch.nn.Module, inputs: Tensor, device: str) -> NDArray[np.uint8]:
    """What a generator in eval mode makes of inputs (n, width), as bytes."""
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(inputs), BATCH):
            made = (
                network(inputs[begin : begin + BATCH].to(device))[0].float().mul(255).round().byte()
            )
            parts.append(made.permute(0, 2, 3, 1).cpu().numpy())
    whole = np.concatenate(parts)
    return whole[..., 0] if whole.shape[-1] == 1 else whole
