"""One training step of the versions' GAN against the bare forward and backward of its modules."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from attacks._versions.training import SlotRecipe, SlotTrainer
from attacks.gan import Gan
from bench.conftest import Against
from fowh.core.registry import load
from fowh.core.scheme import Scheme
from fowh.core.view import View

VERSIONS, SAMPLES, LENGTH, SIDE = 5, 500, 128, 64


def trainer() -> SlotTrainer:
    """A trainer on random pictures, with the default hyper-parameters and every loss."""
    rng = np.random.default_rng(0)
    known = rng.standard_normal((VERSIONS, SAMPLES, LENGTH), dtype=np.float32)
    samples = rng.integers(0, 256, (SAMPLES, SIDE, SIDE), dtype=np.uint8)
    default = Gan(incorporate="srwal")
    recipe = SlotRecipe(
        **{f.name: getattr(default, f.name) for f in dataclasses.fields(SlotRecipe)}
    )
    scheme: Scheme = load("scheme", "raw")
    release = scheme.release(known[-1], np.zeros(SAMPLES, np.uint64), rng)
    view = View(scheme, release, known[-1], np.arange(SAMPLES), samples)
    return SlotTrainer(known, samples, recipe, 0, view)


@pytest.mark.benchmark(group="training")
def test_gan_step(against: Against) -> None:
    train = trainer()
    batch = train.recipe.batch
    half = batch // 2
    inputs = train.known.transpose(0, 1).reshape(SAMPLES, -1)[:batch]
    true = train.pictures[:batch]

    def floor() -> None:
        with train.fabric.autocast():  # the same precision
            made, guessed = train.generator(inputs)
            wanted = train.features.maps(true)
            seen = train.features.maps(made)
            train.discriminator.requires_grad_(False)
            judged = train.discriminator(made[:half])
            train.discriminator.requires_grad_(True)
            told = train.discriminator(torch.cat([true[:half], made[half:].detach()]))
        losses = [part.float().mean() for part in (*seen, judged, guessed)]
        torch.autograd.grad(torch.stack(losses).sum(), list(train.generator.parameters()))
        torch.autograd.grad(told.float().mean(), list(train.discriminator.parameters()))
        assert len(wanted) == len(seen)

    against(
        lambda: train.step(0.5),
        floor,
        floor_is="forward and backward of the same modules",
        units=batch,
        unit="images",
        what="gan",
        shape=f"batches of {batch}",
        bytes_each=0,
    )
