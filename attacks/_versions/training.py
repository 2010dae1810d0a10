"""Adversarial training of the generator (paper, eq. 1 to 3 and sec. 4.3), resumable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from attacks._morph import losses
from attacks._versions import perceptual, slots
from attacks._versions.inputs import Slots
from attacks._versions.networks import SlotDiscriminator, SlotGenerator
from attacks._versions.validation import LOOKS, split
from fowh.core.cache import Arrays
from fowh.core.view import View
from fowh.kit.fabric import fabric
from fowh.kit.images import as_tensor
from fowh.kit.parallel import training_threads
from fowh.kit.training import Checkpoint, blank, initialise, loop, state_of

BATCH = 256  # pictures that tell how much features vary
BETAS = (0.5, 0.99)


@dataclass(frozen=True)
class SlotRecipe:
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
    depth: slots.Depth


class SlotTrainer:
    """Generator, discriminator and their optimisers; ``step`` is one update of each."""

    def __init__(
        self, known: Slots, samples: NDArray[np.uint8], recipe: SlotRecipe, seed: int, view: View
    ) -> None:
        self.recipe, self.fabric = recipe, fabric(view.device)
        self.randomness = torch.Generator().manual_seed(seed)
        device = self.fabric.device
        self.pictures = as_tensor(samples, str(device)).contiguous(
            memory_format=torch.channels_last
        )
        self.known = torch.from_numpy(known).to(device)
        self.perceptual = "no perceptual loss"
        self.losses: dict[str, Tensor] = {}
        self.generator = build(recipe, known, self.pictures.shape)
        self.discriminator = blank(SlotDiscriminator, self.pictures.shape[1], recipe.base)
        nets = (self.generator, self.discriminator)
        for net in nets:
            initialise(net, self.randomness)
        if recipe.perceptual:
            self.features, self.perceptual = perceptual.features(
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
        self.losses = parts
        return parts

    def words(self) -> str:
        """The losses of the last update."""
        return " ".join(f"{name} {loss.item():.3f}" for name, loss in self.losses.items())

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


def build(recipe: SlotRecipe, known: Slots, pictures: torch.Size) -> SlotGenerator:
    """The generator of a method, without weights; only its first layer depends on the method."""
    versions, _, length = known.shape
    width = slots.width(recipe.incorporate, versions, length)
    aligned = versions if recipe.incorporate == "srwal" else 0
    shape = (pictures[-1], pictures[1], recipe.base, recipe.depth)
    return blank(SlotGenerator, width, aligned, *shape)


@training_threads()
def train(known: Slots, view: View, recipe: SlotRecipe, seed: int, checkpoint: str) -> Arrays:
    """Train an inverter on the attacker's own samples, but for those that will judge it.

    No choice is made here: which of the kept states is the best depends on what will be presented
    (``attacks._versions.choice``), and one training serves every way to present.

    Args:
        known: (a, n, m) vectors of the attacker's samples by slot.
        view: his samples, subjects, device and progress.
        recipe: hyper-parameters.
        seed: of all randomness.
        checkpoint: name under which an interrupted training is found again.

    Returns:
        The generator's weights at each look, as ``<look>/<weight>``, looks counted from 0; beside
        ``steps``, the updates before each, and ``perceptual``, the words for its features.
    """
    assert view.samples is not None
    rows = ~split(view, seed)
    trainer = SlotTrainer(known[:, rows], view.samples[rows], recipe, seed, view)
    parts = {
        "generator": (trainer.generator, trainer.adam_g),
        "discriminator": (trainer.discriminator, trainer.adam_d),
    }
    kept: Arrays = {}
    saved = Checkpoint(checkpoint, parts, trainer.randomness, kept)
    begin = int(saved.resume().get("done", 0))
    often = max(1, recipe.steps // LOOKS)
    looks = [*range(often, recipe.steps, often)[: LOOKS - 1], recipe.steps]

    def look(done: int) -> bool:
        number = looks.index(done)
        kept.update({f"{number}/{k}": a for k, a in state_of(trainer.generator).items()})
        saved.save({"done": done})
        words = f"gan: {recipe.incorporate}, step {done}: {trainer.words()}"
        view.progress(words, done / max(1, recipe.steps))
        return False

    loop(recipe.steps, lambda step: trainer.step(step / recipe.steps), look, looks, begin)
    return {**kept, "steps": np.array(looks), "perceptual": np.array(trainer.perceptual)}
