"""Generative adversarial inverter: embeddings, or what is read off a release, to faces."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks._morph.morphs import Pairs, collect, shrink
from attacks._own import affordable, groups, of_updates
from fowh.core.attack import Attack
from fowh.core.cache import Arrays
from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.view import View

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class MorphGan(Attack):
    """The inverter of Ahmad, Mahmood and Fuller (2022, sec. 4.2) for one model, in 64 x 64 grey.

    Its generator starts at a closed form (kernel ridge regression from embeddings to eigenfaces) on
    the attacker's own faces and on faces of nobody that he asks the target about. Adam then trains
    it against a discriminator with L1, SSIM, perceptual and adversarial losses (eq. 1 to 3). The
    perceptual feature is a surrogate's of the target, fitted to the same queries. Trained inverters
    are cached, whatever the scheme. Where the network is granted, ``run`` lets each face descend
    through it to its embedding; ``render`` does not, so that what a witness makes of its pictures
    of true embeddings stays free of patterns that were made for the target.

    Attributes:
        queries: faces of nobody to ask about; fewer where the budget is short.
        spread: their distance from the mean face, in standard deviations of the own faces.
        steps: updates of both networks.
        batch: pictures per update.
        rate: Adam's step size at the start.
        channels: width of both networks.
        pixels, structure, perceptual, adversarial: weights of the four losses.
        corrections: rounds of closed-loop correction: the target is asked about each face, and what
            is missing from the wanted embedding is added to the generator's input. The nearest face
            is kept. One round asks twice per row; 0 asks nothing.
        descent: steps of descent through the network (white box); 0 makes no use of it. Their rate
            and prior were chosen on other people (docs/attacks.md).
        condition: what the inverter is trained on: embeddings, or approximations read off
            what leaves of the same samples under the stolen keys (adaptive, trained anew for every
            scheme).
    """

    yields: ClassVar[Literal["embeddings", "samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    learned: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"queries": 100, "steps": 2, "channels": 4}
    without_network: ClassVar[Mapping[str, Any]] = {"descent": 0}
    queries: int = 3000
    spread: float = 0.7
    steps: int = 120
    batch: int = 32
    rate: float = 3e-4
    channels: int = 24
    pixels: float = 1.0
    structure: float = 0.5
    perceptual: float = 0.3
    adversarial: float = 0.01
    corrections: int = 1
    descent: int = 16
    condition: Literal["embedding", "template"] = "embedding"

    def __post_init__(self) -> None:
        if min(self.queries, self.steps, self.descent) < 0 or self.batch < 4 or self.channels < 1:
            raise InputError(
                f"morph_gan: queries={self.queries}, steps={self.steps}, descent={self.descent}, "
                f"batch={self.batch}, channels={self.channels}; give queries, steps and descent "
                ">= 0, batch >= 4, channels >= 1"
            )
        if min(self.pixels, self.structure, self.perceptual, self.adversarial) < 0:
            raise InputError("morph_gan: the weight of a loss is negative; give 0 or more")
        if not (self.rate > 0 and self.spread > 0):
            raise InputError(f"morph_gan: rate={self.rate}, spread={self.spread}; give numbers > 0")
        if self.condition not in ("embedding", "template"):
            raise InputError(
                f"morph_gan: condition is {self.condition!r}; give embedding or template"
            )

    def unsupported(self, view: View) -> str | None:
        return of_updates(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        from attacks._morph.estimate import Reader
        from attacks._readout import with_token

        seed = int(rng.integers(2**63))
        if self.condition == "embedding":
            reader = Reader(view, view.embeddings[:0], rng)
            return self._faces(view, self._cached(view, seed), reader(with_token(view)), True)
        generator = _generator(seed)
        pairs = collect(view, affordable(view, self.queries), self.spread, generator)
        reader = Reader(view, pairs.embeddings[pairs.own :], rng)
        inputs = reader.approximations[: len(pairs.embeddings)]
        arrays = self._train(view, dataclasses.replace(pairs, inputs=inputs), generator)
        return self._faces(view, arrays, reader(with_token(view)), True)

    def render(self, view: View, embeddings: Floats, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Faces (n, 64, 64) of embeddings (n, d), by the inverter trained on embeddings."""
        return self._faces(view, self._cached(view, int(rng.integers(2**63))), embeddings, False)

    def _cached(self, view: View, seed: int) -> Arrays:
        """The inverter of embeddings: it depends on what the attacker owns, not on the scheme."""
        recipe = dataclasses.asdict(self) | {"condition": "embedding", "corrections": 0}
        recipe |= self.without_network  # one inverter, whatever is granted
        owned = (view.samples, view.embeddings, groups(view))

        def build(key: str) -> Arrays:
            generator = _generator(seed)
            count = affordable(view, self.queries)
            return self._train(view, collect(view, count, self.spread, generator), generator)

        return view.remember((*owned, recipe, seed), build)

    def _train(self, view: View, pairs: Pairs, generator: torch.Generator) -> Arrays:
        from attacks._morph.training import MorphRecipe, train

        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(MorphRecipe)}
        return train(pairs, MorphRecipe(**given), generator, view.device, view.progress)

    def _faces(self, view: View, arrays: Arrays, wanted: Floats, white: bool) -> NDArray[np.uint8]:
        """Faces of the wanted embeddings, each brought nearer to its own.

        What a network says is an embedding only where the target answers with the same.
        """
        from attacks._morph.nearer import corrected, descend
        from attacks._morph.training import rebuilt

        inverter = rebuilt(arrays, view.device)
        first = corrected(view, inverter, wanted, self.corrections)
        if not (white and self.descent) or view.module is None or view.query is None:
            return first
        assert view.samples is not None
        view.progress("morph_gan: descent through the network", 0.9)
        return descend(view.module, inverter, first, wanted, shrink(view.samples), self.descent)


def _generator(seed: int) -> torch.Generator:
    import torch

    return torch.Generator().manual_seed(seed)
