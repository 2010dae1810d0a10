"""The likelihood ratio attack: what would models answer that did, and that did not, learn it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from attacks._members import asked, confidence, question
from fowh.core.attack import Attack
from fowh.core.errors import InputError
from fowh.core.release import Floats
from fowh.core.scheme import OutputScheme
from fowh.core.view import View

ENOUGH = 64  # shadow models from which each candidate has a variance of its own (sec. VI-C)
LEAST = 1e-6  # a variance below it is that of no noise at all


@dataclass(frozen=True)
class Lira(Attack):
    """Carlini et al. 2022, algorithm 1 (online) and sec. VI-B (offline).

    Shadow models of the public recipe learn random halves of the attacker's own samples and of the
    candidates, each candidate half of the time; what they answer passes the scheme. Gaussians are
    put on the logit of the label's probability, of models that learned a candidate and of those
    that did not. Online: their likelihood ratio; offline: how improbable so high an answer is
    without it. The classes of his own people he reads off the answers to them.

    Attributes:
        variant: of the two.
        shadows: models; an even number.
    """

    yields: ClassVar[Literal["embeddings", "samples", "claims"]] = "claims"
    learned: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {"shadows": 4}
    variant: Literal["online", "offline"] = "online"
    shadows: int = 32

    def __post_init__(self) -> None:
        if self.variant not in ("online", "offline"):
            raise InputError(f"lira: variant is {self.variant!r}; give online or offline")
        if type(self.shadows) is not int or self.shadows < 4 or self.shadows % 2:
            raise InputError(f"lira: shadows is {self.shadows}; give an even number from 4")

    def unsupported(self, view: View) -> str | None:
        if question(view) or view.samples is None or "sample" not in view.release.aux:
            return question(view) or "it needs samples, and there are none"
        if view.learner is None:
            return "how the target learned is not public: no other can be trained like it"
        if not view.learner.alone:
            return "shadows are trained side by side, and batch normalisation mixes their samples"
        return None

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.float64]:
        answers, labels = asked(view)
        taken, said = self._shadows(view, rng)
        assert isinstance(view.scheme, OutputScheme)
        flat = said.reshape(-1, said.shape[-1])
        said = view.scheme.limit(flat, rng).reshape(said.shape)
        return ratio(confidence(answers, labels), confidence(said, labels), taken, self.variant)

    def _shadows(self, view: View, rng: np.random.Generator) -> tuple[NDArray[np.bool_], Floats]:
        """Of each shadow (m, n), which candidates it learned, and what it says of them."""
        import torch

        from fowh.kit import shadows
        from fowh.kit.images import as_tensor

        assert view.samples is not None and view.learner is not None
        candidates, labels = view.release.aux["sample"], view.release.aux["label"]
        samples = np.concatenate([candidates, view.samples])
        classes = np.concatenate([labels, own_classes(view)])
        # Everything in half of the models, so that both kinds have as many of each.
        order = rng.permuted(np.tile(np.arange(self.shadows), (len(samples), 1)), axis=1)
        taken = (order < self.shadows // 2).T
        pictures = as_tensor(samples, view.device)
        draw = torch.Generator().manual_seed(int(rng.integers(2**62)))
        width = view.release.code.shape[1]
        made = [
            view.learner.network(width, pictures.shape[1], draw).to(view.device)
            for _ in range(self.shadows)
        ]
        whose = torch.from_numpy(classes).to(view.device)
        rate, note = view.learner.rate, view.progress
        said = shadows.answers(made, pictures, whose, taken, rate, rng, progress=note)
        return taken[:, : len(labels)], said[:, : len(labels)]


def own_classes(view: View) -> NDArray[np.int64]:
    """(k,) class of each own sample: what the target answers most to its subject's samples."""
    _, whose = np.unique(view.subjects, return_inverse=True)
    total = np.zeros((whose.max() + 1, view.embeddings.shape[1]))
    np.add.at(total, whose, view.embeddings)
    classes: NDArray[np.int64] = total.argmax(axis=1)[whose]
    return classes


def ratio(
    seen: NDArray[np.float64],
    shadows: NDArray[np.float64],
    taken: NDArray[np.bool_],
    variant: Literal["online", "offline"] = "online",
) -> NDArray[np.float64]:
    """How much likelier each candidate's confidence is if it was learned from; (n,) logarithms.

    Args:
        seen: (n,) confidence of the target.
        shadows: (m, n) of shadow models.
        taken: (m, n) which of them learned from it.
        variant: online compares with both kinds; offline gives the standard score among models
            that did not learn from it (in the order of one minus the published probability).
    """
    inside, outside = (_gaussian(shadows, part) for part in (taken, ~taken))
    if variant == "offline":
        mean, variance = outside
        return (seen - mean) / np.sqrt(variance)
    likely, unlikely = (
        -np.square(seen - mean) / (2 * variance) - np.log(variance) / 2
        for mean, variance in (inside, outside)
    )
    return likely - unlikely


def _gaussian(
    values: NDArray[np.float64], part: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means (n,) and variances (n,) over the models of a part; one variance where they are few."""
    count = part.sum(axis=0)
    mean = np.where(part, values, 0).sum(axis=0) / count
    squares = np.where(part, np.square(values - mean), 0).sum(axis=0)
    if len(values) >= ENOUGH:
        return mean, np.maximum(squares / count, LEAST)
    return mean, np.full(len(mean), max(float(squares.sum() / count.sum()), LEAST))
