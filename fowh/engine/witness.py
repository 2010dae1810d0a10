"""A second opinion on reconstructed pictures: a recogniser that the attack never queried.

A picture that only the attacked target accepts is an adversarial example, no reconstruction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fowh.core.registry import load
from fowh.core.scheme import Floats
from fowh.core.target import Lessons, Target, alike, resize
from fowh.engine.judge import Truth
from fowh.engine.plan import Plan
from fowh.metrics import inversion, recognition
from fowh.metrics.realism import Manifold
from fowh.protocols.standard import FMRS, Fold, compare
from fowh.targets._trained import BATCH, TrainedTarget, as_tensor

HEAD = 4  # layers after the last map: pool, flatten, fully connected, normalisation
REFERENCE = 2000  # pictures that say what the modality looks like
Columns = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Opinion:
    """An independent recogniser with a gallery and thresholds of its own.

    Attributes:
        target: the recogniser, trained.
        gallery: (g, d) the truth's gallery under it.
        thresholds: distances by FMR, from non-mated comparisons of what it was trained on (or of
            the development subjects, where it came trained).
        manifold: of pictures of the modality, by its features of appearance.
        like: one picture, grey or RGB as all that it knows.
        device: torch device name.
    """

    target: Target
    gallery: Floats
    thresholds: dict[str, float]
    manifold: Manifold
    like: NDArray[np.uint8]
    device: str

    @classmethod
    def make(
        cls, judge: Target, plan: Plan, fold: Fold, device: str, rng: np.random.Generator
    ) -> Opinion:
        """Train the judge, and measure its thresholds.

        It learns from samples that are nobody else's (afm-iris: eyes that are not attacked, in
        readings that are not the attacker's), or from the fold's development subjects.
        """
        assert plan.data.images is not None
        rows = fold.development
        lessons = plan.judging or Lessons(plan.data.images[rows], plan.samples.subjects[rows])
        fitted = judge.fit(Lessons(lessons.images, lessons.subjects), device)
        few = np.sort(rng.permutation(len(lessons.images))[:REFERENCE])
        images, whose = lessons.images[few], lessons.subjects[few]
        known = fitted.embed(images, device)
        raw = load("scheme", "raw")
        enrolled = raw.enroll(known, np.zeros(len(known), dtype=np.uint64), rng)
        seen = compare(raw, enrolled, known, whose, rng)
        strangers = seen.score[~seen.mated]
        thresholds = {
            fmr: -recognition.threshold_at_fmr(strangers, rate) for fmr, rate in FMRS.items()
        }
        everyone = plan.data.images if fold.gallery is None else plan.data.images[fold.gallery]
        gallery = fitted.embed(everyone, device)
        manifold = Manifold.of(appearance(fitted, images, device))
        return cls(fitted, gallery, thresholds, manifold, images[:1], device)

    def __call__(self, pictures: NDArray[np.uint8], truth: Truth) -> Columns:
        """Per picture: transfer_rank1, transfer_type1 at both FMRs, realism; as 1 or 0.

        Args:
            pictures: (n, s, s[, 3]) uint8, row i of stolen template i.
            truth: of the fold; only its labels are looked at.
        """
        shown = alike(pictures, self.like)
        made = self.target.embed(shown, self.device)
        mean = self.gallery.mean(axis=0)
        seen = inversion.observe(made, self.gallery, truth.gallery_subjects, truth.stolen, mean)
        columns = {"transfer_rank1": seen.rank1.astype(np.float64)}
        for fmr, limit in self.thresholds.items():
            columns[f"transfer_type1_at_fmr_{fmr}"] = (seen.distance <= limit).astype(np.float64)
        seen_as = appearance(self.target, shown, self.device)
        columns["realism"] = self.manifold.holds(seen_as).astype(np.float64)
        return columns


def appearance(target: Target, images: NDArray[np.uint8], device: str) -> Floats:
    """Features (n, f) that say what pictures look like, not whose they are.

    The judge's last map before its fully connected layer, averaged over the picture. Its embedding
    would not do: it spreads unknown subjects so widely that half of the real pictures lie outside.
    A judge that was not trained here has no layers that we know, and its embedding stands in.
    """
    if not isinstance(target, TrainedTarget):
        return target.embed(images, device)
    import torch

    layers = target.module(device).get_submodule("features")
    assert isinstance(layers, torch.nn.Sequential)
    trunk, parts = layers[:-HEAD], []
    images = resize(images, target.side)
    with torch.inference_mode():
        for begin in range(0, len(images), BATCH):
            pictures = as_tensor(images[begin : begin + BATCH], device).expand(-1, 3, -1, -1)
            parts.append(trunk(pictures).mean(dim=(2, 3)).cpu().numpy())
    return np.concatenate(parts)
