"""Adversarial training of the inverter (paper, sec. 4.2) from its closed-form start."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from attacks._morph import coarse, losses
from attacks._morph.coarse import Fit
from attacks._morph.morphs import Pairs
from attacks._morph.networks import MorphDiscriminator, MorphGenerator
from fowh.core.cache import Arrays
from fowh.kit.fabric import native_half
from fowh.kit.parallel import training_threads
from fowh.kit.training import blank, initialise, loop, restore, state_of

REPORT = 10  # steps between two lines of progress
Features = Callable[[Tensor], Tensor]  # faces (n, 1, 64, 64) in 0..1 -> (n, d)


@dataclass(frozen=True)
class MorphRecipe:
    """Hyper-parameters of the training; the fields of ``MorphGan`` that bear the same names."""

    steps: int
    batch: int
    rate: float
    channels: int
    pixels: float
    structure: float
    perceptual: float
    adversarial: float


class MorphTrainer:
    """Generator, discriminator and their optimisers; ``step`` is one update of each."""

    def __init__(
        self,
        pairs: Pairs,
        fit: Fit,
        recipe: MorphRecipe,
        features: Features,
        generator: torch.Generator,
        device: str,
    ) -> None:
        self.recipe, self.features, self.randomness = recipe, features, generator
        self.device, self.fast = device, native_half(device)
        self.own, self.coarse = pairs.own, fit.held_out
        self.faces = torch.tensor(pairs.pictures, device=device)[:, None].float() / 255
        self.inputs = torch.tensor(pairs.inputs, device=device)
        self.embeddings = torch.tensor(pairs.embeddings, device=device)
        self.generator = start(fit, recipe.channels, generator, device)
        self.discriminator = blank(MorphDiscriminator, recipe.channels)
        initialise(self.discriminator, generator)
        for net in (self.generator, self.discriminator):
            net.to(device).to(memory_format=torch.channels_last)
        self.adam_g, self.adam_d = (
            torch.optim.Adam(net.parameters(), lr=recipe.rate, betas=(0.5, 0.99))
            for net in (self.generator.refiner, self.discriminator)
        )

    def step(self, fraction: float) -> dict[str, float]:
        """One update of both networks; the losses by name."""
        for adam in (self.adam_g, self.adam_d):
            adam.param_groups[0]["lr"] = self.recipe.rate * (1 - 0.9 * fraction)
        rows = self._rows()
        with self.half():
            made = self.generator.refine(self.coarse[rows], self.inputs[rows])
        photographs = self._mirrored(self.faces[self._draw(self.own, len(rows) // 2)])
        seen = {"discriminator": self._discriminate(photographs, made[: len(rows) // 2].detach())}
        return seen | self._generate(made, rows)

    def _discriminate(self, real: Tensor, fake: Tensor) -> float:
        with self.half():
            logits = self.discriminator(torch.cat([real, fake])).float()
        loss = losses.discriminator(logits[: len(real)], logits[len(real) :])
        _update(self.adam_d, loss)
        return loss.item()

    def _generate(self, made: Tensor, rows: Tensor) -> dict[str, float]:
        recipe, true = self.recipe, self.faces[rows]
        parts = {
            "pixels": (recipe.pixels, losses.pixels(made, true)),
            "structure": (recipe.structure, losses.structural(made, true, stride=2)),
        }
        if recipe.adversarial:
            with self.half():
                logits = self.discriminator(made[: len(rows) // 2]).float()
            parts["adversarial"] = (recipe.adversarial, losses.generator(logits))
        if recipe.perceptual:
            loss = losses.perceptual(self.features(made).float(), self.embeddings[rows])
            parts["perceptual"] = (recipe.perceptual, loss)
        _update(self.adam_g, torch.stack([weight * loss for weight, loss in parts.values()]).sum())
        return {name: loss.item() for name, (_, loss) in parts.items()}

    def half(self) -> AbstractContextManager[object]:
        """Convolutions in bfloat16 where the hardware has it; losses stay in single precision."""
        return torch.autocast(self.device.partition(":")[0], torch.bfloat16, enabled=self.fast)

    def _rows(self) -> Tensor:
        """Half photographs, half morphs (where there are any), photographs first."""
        half = self.recipe.batch // 2
        morphs = len(self.faces) - self.own
        other = self.own + self._draw(morphs, half) if morphs else self._draw(self.own, half)
        return torch.cat([self._draw(self.own, half), other])

    def _draw(self, count: int, rows: int) -> Tensor:
        return torch.randint(count, (rows,), generator=self.randomness).to(self.device)

    def _mirrored(self, faces: Tensor) -> Tensor:
        flip = torch.rand(len(faces), 1, 1, 1, generator=self.randomness) < 0.5
        return torch.where(flip.to(faces.device), faces.flip(3), faces)


def _update(adam: torch.optim.Optimizer, loss: Tensor) -> None:
    """One step down the loss; gradients are computed for this optimiser's parameters only."""
    parameters = adam.param_groups[0]["params"]
    gradients = torch.autograd.grad(loss, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    adam.step()


def start(fit: Fit, channels: int, generator: torch.Generator, device: str) -> MorphGenerator:
    """The generator at its closed-form start: the refiner adds nothing yet."""
    count, dimension = fit.arrays["centres"].shape
    net = blank(MorphGenerator, count, dimension, len(fit.arrays["faces"]), channels)
    initialise(net, generator)
    net.coarse.load_state_dict(fit.arrays)
    nn.init.zeros_(net.refiner.leave.weight)
    return net.to(device)


def rebuilt(arrays: Arrays, device: str) -> MorphGenerator:
    """The generator whose weights these arrays are."""
    count, dimension = arrays["coarse.centres"].shape
    channels = len(arrays["refiner.enter.weight"])
    net = blank(MorphGenerator, count, dimension, len(arrays["coarse.faces"]), channels)
    return restore(net, arrays).to(device)


@training_threads()
def train(
    pairs: Pairs,
    recipe: MorphRecipe,
    generator: torch.Generator,
    device: str,
    progress: Callable[[str, float], None],
) -> Arrays:
    """Train an inverter; its generator's weights.

    Args:
        pairs: what the attacker knows.
        recipe: hyper-parameters.
        generator: the randomness.
        device: torch device name.
        progress: is told how far it is.
    """
    progress("morph_gan: closed form", 0.0)
    fit = coarse.fit(pairs, device)
    surrogate = coarse.surrogate(pairs, fit, device)
    trainer = MorphTrainer(pairs, fit, recipe, surrogate, generator, device)

    def report(done: int) -> bool:
        progress("morph_gan: training", done / recipe.steps)
        return False

    loop(
        recipe.steps,
        lambda step: trainer.step(step / recipe.steps),
        report,
        range(0, recipe.steps, REPORT),
    )
    return state_of(trainer.generator)
