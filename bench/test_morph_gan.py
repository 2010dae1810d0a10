"""One adversarial training step against the bare forward and backward passes of its modules."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from attacks._morph import coarse
from attacks._morph.morphs import SIDE, Pairs
from attacks._morph.training import MorphRecipe, MorphTrainer
from attacks.morph_gan import MorphGan
from bench.conftest import Against


def trainer(own: int, morphs: int) -> MorphTrainer:
    """A trainer on random pictures, with the default hyper-parameters."""
    rng = np.random.default_rng(0)
    count = own + morphs
    known = rng.standard_normal((count, 128), dtype=np.float32)
    pairs = Pairs(
        pictures=rng.integers(0, 256, (count, SIDE, SIDE), dtype=np.uint8),
        inputs=known,
        embeddings=known,
        groups=np.concatenate([np.arange(own) // 10, own + np.arange(morphs)]),
        own=own,
    )
    default = MorphGan()
    recipe = MorphRecipe(
        **{name: getattr(default, name) for name in MorphRecipe.__dataclass_fields__}
    )
    fit = coarse.fit(pairs, "cpu")
    features = coarse.surrogate(pairs, fit, "cpu")
    return MorphTrainer(pairs, fit, recipe, features, torch.Generator().manual_seed(0), "cpu")


@pytest.mark.benchmark(group="training")
def test_morph_gan_step(against: Against) -> None:
    train = trainer(320, 480)
    batch = train.recipe.batch
    rows, half = torch.arange(batch), batch // 2
    generator = tuple(train.generator.refiner.parameters())
    judges = tuple(train.discriminator.parameters())

    def floor() -> None:
        with train.half():  # the same precision
            made = train.generator.refine(train.coarse[rows], train.inputs[rows])
            logits = train.discriminator(torch.cat([train.faces[:half], made[:half].detach()]))
            judged = train.discriminator(made[:half]).sum()
        torch.autograd.grad(logits.sum(), judges)
        torch.autograd.grad(judged + train.features(made).sum(), generator)

    against(
        lambda: train.step(0.5),
        floor,
        floor_is="forward and backward of the same modules",
        units=batch,
        unit="images",
        what="morph_gan",
        shape=f"batches of {batch}",
        bytes_each=0,
    )
