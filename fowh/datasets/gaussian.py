"""Synthetic embeddings of any size: Gaussian subjects, Gaussian readings around them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fowh.core.cache import digest
from fowh.core.dataset import Dataset, Samples
from fowh.core.errors import InputError
from fowh.core.memory import fits

FARTHEST = 1e6  # of within and offset: squares of distances stay far from the end of float32


@dataclass(frozen=True)
class Gaussian(Dataset):
    """x_ij = offset u + s_i + within e_ij, where s_i and e_ij ~ N(0, I / dim) and |u| = 1.

    A subject lies at an expected distance of 1 from the common mean, so ``within`` and ``offset``
    are relative to the spread between subjects. The mated squared distance is
    2 within^2 chi^2(dim) / dim, the non-mated one 2 (1 + within^2) chi^2(dim) / dim.

    Attributes:
        subjects: number of subjects.
        readings: readings of each.
        dim: dimension of the embeddings.
        within: noise of a reading; at 1.1 and dim = 128 the EER of the L2 distance is 0.8 %.
        offset: length of the common mean; 2.7 is what dlib's recogniser shows on ORL.
        seed: of the generator; equal parameters give equal bytes.
    """

    subjects: int = 100
    readings: int = 10
    dim: int = 128
    within: float = 1.1
    offset: float = 2.7
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("subjects", 2), ("readings", 2), ("dim", 2), ("seed", 0)):
            if getattr(self, name) < least:
                raise InputError(f"gaussian:{name}={getattr(self, name)}: expected {least} or more")
        for name in ("within", "offset"):
            given = getattr(self, name)
            if not 0 <= given <= FARTHEST:
                raise InputError(
                    f"gaussian:{name}={given}: expected a number from 0 to {FARTHEST:g}"
                )

    def load(self) -> Samples:
        """Draw all samples; embeddings (subjects * readings, dim) float32.

        Raises:
            InputError: more than the memory holds.
        """
        shape = (self.subjects, self.readings, self.dim)
        # named children: none of the three draws moves when the size of another changes
        mean, centres, noise = (
            np.random.default_rng(child) for child in np.random.SeedSequence(self.seed).spawn(3)
        )
        fits("gaussian: subjects, readings, dim", shape)
        values = noise.standard_normal(shape, dtype=np.float32)
        values *= self.within / math.sqrt(self.dim)  # in place: this is all the memory there is
        subject = centres.standard_normal((self.subjects, 1, self.dim), dtype=np.float32)
        values += subject / np.float32(math.sqrt(self.dim))
        direction = mean.standard_normal(self.dim)
        values += (self.offset * direction / np.linalg.norm(direction)).astype(np.float32)
        embeddings = values.reshape(-1, self.dim)
        codes = np.repeat(np.arange(self.subjects, dtype=np.int64), self.readings)
        names = tuple(map(str, range(self.subjects)))
        return Samples(codes, names, digest(names, codes, embeddings), embeddings, "vector")
