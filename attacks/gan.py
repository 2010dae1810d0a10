"""Generator trained on several versions of the target: single, rand, concat, sr, srwal, slots."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks._own import groups, of_updates
from attacks._versions.absent import Absent, presented
from attacks._versions.slots import ANY_SLOTS, MANY_AT_ONCE, Depth, Method
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.view import Version, View
from fowh.kit.images import resize

MOST = 128  # pixels
WIDEST = 4096  # of a batch and of a layer


@dataclass(frozen=True)
class Gan(Attack):
    """The attack of Ahmad, Mahmood and Fuller (2022, sec. 4): releases of versions to pictures.

    The attacker asks every version of the target about his own samples and trains one generator on
    them, against a discriminator, with L1, SSIM, perceptual and adversarial losses (eq. 1 to 3).
    The methods of incorporation (sec. 4.3) differ in what is put in front of the generator, and in
    nothing else; docs/versions.md says where the paper leaves room and what was chosen.

    Attributes:
        incorporate: single (final version only), rand (one version at random), concat (all), sr
            (one at random, in its own slot, zeros elsewhere), srwal (sr, and the generator must
            tell the slot: alignment loss) or slot_dropout (a random subset of the slots; ours).
        test: what is presented in the attack: the final version's release, or those of all.
        absent: with test=final, what stands in the other slots: zero (as published), or, ours, the
            attacker's mean, the final release again, or what a ridge imputes from it.
        versions: names of the versions to train on, joined by +; empty: all that the view grants.
            The final version's release is what is attacked, whether it was trained on or not.
        copies: control: every slot holds the final version's release, so that no slot tells more.
        input_dropout: control: share of the input's coordinates that training sets to zero.
        steps: updates of both networks; a tenth of the attacker's own subjects is held out, and of
            ten states that are kept the one is used whose pictures of them are best, presented as
            the stolen rows will be.
        batch: pictures per update.
        rate: Adam's step size.
        base: width of the networks.
        pixels, structure, perceptual, adversarial, alignment: weights of the losses.
        depth: from which convolved map of the generator srwal tells the slot.
    """

    yields: ClassVar[Literal["embeddings", "samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    learned: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"steps": 2, "batch": 8, "base": 8, "perceptual": 0.0}
    incorporate: Method = "single"
    test: Literal["final", "all"] = "final"
    absent: Absent = "zero"
    versions: str = ""
    copies: bool = False
    input_dropout: float = 0.0
    steps: int = 1000
    batch: int = 32
    rate: float = 1e-2
    base: int = 48
    pixels: float = 1.0
    structure: float = 0.1
    perceptual: float = 0.1
    adversarial: float = 0.02
    alignment: float = 0.1
    depth: Depth = "first"

    def __post_init__(self) -> None:
        few = self.steps < 0 or min(self.batch, self.base) < 4 or not self.rate > 0
        if few or max(self.batch, self.base) > WIDEST:
            raise InputError(
                f"gan: steps={self.steps}, batch={self.batch}, base={self.base}, rate={self.rate}; "
                f"give steps >= 0, batch and base from 4 to {WIDEST}, rate > 0"
            )
        weights = (self.pixels, self.structure, self.perceptual, self.adversarial, self.alignment)
        if min(weights) < 0:
            raise InputError("gan: the weight of a loss is negative; give 0 or more")
        if not 0 <= self.input_dropout < 1:
            raise InputError(f"gan: input_dropout={self.input_dropout}; give 0 or more, below 1")
        slots = f"slot; give one of {', '.join(ANY_SLOTS)}"
        if self.copies and self.incorporate not in ANY_SLOTS:
            raise InputError(
                f"gan: copies with incorporate={self.incorporate}, which has one {slots}"
            )
        if self.test == "all" and self.incorporate not in ANY_SLOTS:
            wrong = f"gan: test=all with incorporate={self.incorporate}"
            raise InputError(f"{wrong}, which takes one version's release in its one {slots}")

        if self.absent != "zero" and (self.incorporate not in MANY_AT_ONCE or self.test == "all"):
            raise InputError(
                f"gan: absent={self.absent} with incorporate={self.incorporate}, test={self.test}; "
                f"give one of {', '.join(MANY_AT_ONCE)}, which learn from several slots at once, "
                "and test=final, which leaves some empty"
            )

    def unsupported(self, view: View) -> str | None:
        known = [version.name for version in view.history()]
        missing = [name for name in self._wanted(view) if name not in known]
        if missing:
            return f"no version {missing[0]!r}: the view grants {', '.join(known)}"
        if self.test == "all" and any(v.release is None for v in view.history()):
            return "test=all needs what was stolen under every version (threat: versions all)"
        return of_updates(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        from attacks._versions.choice import apply, best, judge
        from attacks._versions.inputs import read
        from attacks._versions.perceptual import published
        from attacks._versions.training import SlotRecipe, train
        from attacks._versions.validation import asks, split

        assert view.samples is not None
        # The generator doubles 4 pixels, so that pictures get a side that is a power of two.
        side = min(MOST, 2 ** int(math.log2(view.samples.shape[1])))
        view = dataclasses.replace(view, samples=resize(view.samples, side))
        seed = int(rng.integers(2**63))
        chosen = [version for version in view.history() if version.name in self._wanted(view)]
        vectors = read(view, self._sources(view, chosen), self.test == "all", rng)
        named = {item.name: getattr(self, item.name) for item in dataclasses.fields(SlotRecipe)}
        recipe, whose, held = SlotRecipe(**named), groups(view), split(view, seed)
        given = (vectors.known, view.samples, whose, named, seed, published() is not None)
        trained = view.remember(
            given, lambda key: train(vectors.known, view, recipe, seed, checkpoint=key)
        )
        shown, stolen = presented(vectors, self.absent, self.test == "all", held, whose)
        judged = view.remember(
            (*given, shown, view.embeddings, asks(view, held)),
            lambda _: judge(trained, recipe, shown, held, view),
        )
        look = best(trained, judged)
        kept = f"weights after {trained['steps'][look]} of {self.steps} updates"
        if len(judged["missed"]):
            kept += f", held-out error {judged['missed'][look]:.3f}"
        view.remarks.extend([str(trained["perceptual"]), kept])
        if len(view.history()) == 1 and self.incorporate != "single":
            view.remarks.append("the target has one version only: this is what single does")
        return apply(trained, look, recipe, stolen, view)

    def _wanted(self, view: View) -> list[str]:
        """Names of the versions to train on."""
        if self.incorporate == "single" and not self.versions:
            return [view.history()[-1].name]
        return self.versions.split("+") if self.versions else [v.name for v in view.history()]

    def _sources(self, view: View, chosen: list[Version]) -> list[Version]:
        """What each slot is filled from; the last slot is the one that is attacked."""
        final = view.history()[-1]
        if self.copies:
            return [final] * len(chosen)
        return chosen
