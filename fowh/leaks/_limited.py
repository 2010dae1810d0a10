"""What a classifier answers whoever asks, after its scheme: the same question, the same answer."""

from __future__ import annotations

import numpy as np

from fowh.core.cache import digest
from fowh.core.release import Floats
from fowh.core.scheme import OutputScheme


def limited(scheme: OutputScheme, seed: bytes, values: Floats) -> Floats:
    """Answers as they leave. Who asks the same again is told the same, by whatever way he asks.

    So noise cannot be averaged away, and what one attack asks shifts nothing that another is told.
    """
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    said = scheme.limit(values, rng)
    if rng.bit_generator.state == before:
        return said
    # What draws noise is asked row by row: other questions beside one must not change its noise.
    each = [int(digest(seed.hex(), row), 16) for row in values]
    limited = [
        scheme.limit(v[None], np.random.default_rng(s)) for v, s in zip(values, each, strict=True)
    ]
    return np.concatenate(limited) if limited else said
