"""Descent in the span of the attacker's faces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attacks.generative import Generative
from tests.attacks._clients import stolen, turned

RNG = np.random.default_rng


def error(made: np.ndarray, truth: np.ndarray) -> float:
    return float(np.square(made.astype(float) - truth.reshape(made.shape)).mean())


def test_pictures_near_the_span_come_back_and_not_another_s() -> None:
    attack = Generative(steps=150)
    view, truth, _ = stolen(attack)
    assert view.samples is not None
    view = replace(
        view,
        samples=np.concatenate([view.samples, *truth]),
        subjects=np.arange(len(view.samples) + 4),
        embeddings=np.concatenate([view.embeddings, view.embeddings[:4]]),
    )
    mine, others = attack.run(view, RNG(0)), attack.run(turned(view), RNG(0))
    assert error(mine, truth) < 0.25 * error(others, truth)
