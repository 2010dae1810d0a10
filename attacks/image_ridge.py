"""Ridge regression from the release to the picture, its contrast scaled up: no GAN at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks._own import affordable, held_out, of_updates
from attacks._versions.inputs import read
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.view import View
from fowh.kit import ridge

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # relative to the power of what is read
GAINS = (1.0, 1.5, 2.0, 3.0)  # a linear prediction of an unsure pixel is pale


@dataclass(frozen=True)
class ImageRidge(Attack):
    """The closed form that a generator has to beat: the best linear map from release to pixels.

    Penalty and gain are those whose pictures of held-out subjects of the attacker's own embed
    nearest to the truth when he asks the target (where he may not ask: nearest in pixels).

    Attributes:
        held: share of his subjects that is held out for the choice.
        refit: whether the map is then fitted to all of his samples; a generator never sees those
            that chose its state, so that one with ``held=0.1,refit=false`` learns from as many.
    """

    yields: ClassVar[Literal["embeddings", "samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    learned: ClassVar[bool] = True
    closed_form: ClassVar[bool] = True
    held: float = 0.2
    refit: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.held < 1:
            raise InputError(f"image_ridge: held is {self.held}; give a share between 0 and 1")

    def unsupported(self, view: View) -> str | None:
        return of_updates(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        assert view.samples is not None
        vectors = read(view, [view.history()[-1]], False, rng)
        inputs = vectors.final
        pixels = view.samples.reshape(len(view.samples), -1).astype(np.float32)
        out = held_out(view, self.held, 1, rng)
        penalty, gain = PENALTIES[2], 1.0
        if out.any() and not out.all():
            penalty, gain = self._choice(view, inputs, pixels, out)
        rows = ~out if out.any() and not out.all() and not self.refit else slice(None)
        fit = _fit(inputs[rows], pixels[rows], penalty)
        view.remarks.append(
            f"penalty {penalty:g}, contrast {gain:g}, fitted to {len(inputs[rows])} samples"
        )
        return _pictures(view, *fit, vectors.stolen[-1], gain)

    def _choice(
        self, view: View, inputs: Floats, pixels: Floats, out: NDArray[np.bool_]
    ) -> tuple[float, float]:
        """Penalty and gain of least error on held-out subjects."""
        assert view.samples is not None
        errors: dict[tuple[float, float], float] = {}
        cost = len(PENALTIES) * len(GAINS) * int(out.sum())
        asks = affordable(view, cost) == cost  # all candidates in one unit
        for penalty in PENALTIES:
            fit = _fit(inputs[~out], pixels[~out], penalty)
            for gain in GAINS:
                made = _pictures(view, *fit, inputs[out], gain)
                if asks and view.query is not None:
                    gap = view.query(made) - view.embeddings[out]
                else:
                    gap = (made.astype(np.float32) - view.samples[out]).reshape(len(made), -1)
                errors[penalty, gain] = float(np.linalg.norm(gap, axis=1).mean())
            view.progress("image_ridge: choosing", (PENALTIES.index(penalty) + 1) / len(PENALTIES))
        return min(errors, key=lambda pair: errors[pair])


def _fit(inputs: Floats, pixels: Floats, penalty: float) -> tuple[Floats, Floats, Floats]:
    """Means of both sides, and weights (m, p) of the deviations from them."""
    centre, mean = inputs.mean(axis=0), pixels.mean(axis=0)
    x = inputs - centre
    weights = ridge.fit(x, pixels - mean, penalty * float(np.square(x).sum()) + 1e-6)
    return centre, mean, weights


def _pictures(
    view: View, centre: Floats, mean: Floats, weights: Floats, inputs: Floats, gain: float
) -> NDArray[np.uint8]:
    assert view.samples is not None
    made = mean + gain * ((inputs - centre) @ weights)
    whole = np.clip(made, 0, 255).round().astype(np.uint8)
    return whole.reshape(len(inputs), *view.samples.shape[1:])
