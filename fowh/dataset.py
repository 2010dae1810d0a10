"""What a dataset is: samples with subject labels, as images or as ready embeddings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fowh.errors import InputError


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one dataset; exactly one of ``images`` and ``embeddings`` is given.

    Attributes:
        subjects: (n,) int64 codes 0..s-1 of the subject of each sample.
        names: (s,) the subjects' own labels.
        images: (n, h, w) or (n, h, w, 3) uint8, or None.
        embeddings: (n, d) float32, or None.
        sha256: hex digest of the content (labels and samples), for caches and records.
    """

    subjects: NDArray[np.int64]
    names: tuple[str, ...]
    sha256: str
    images: NDArray[np.uint8] | None = None
    embeddings: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.subjects)


class Dataset(ABC):
    """A source of samples: a frozen dataclass whose fields are its parameters."""

    @abstractmethod
    def load(self) -> Samples:
        """Read or generate all samples.

        Returns:
            Samples ordered by subject.

        Raises:
            InputError: in one line, for anything unreadable or unusable.
        """


def check_embeddings(embeddings: NDArray[Any], labels: NDArray[Any], source: str) -> Samples:
    """Validate a user's vectors and make them samples.

    Args:
        embeddings: (n, d) any real dtype.
        labels: (n,) any labels (numbers or strings).
        source: what to call the input in an error.

    Returns:
        Samples ordered by subject; ``embeddings`` float32, C-contiguous.

    Raises:
        InputError: wrong shapes, NaN or infinity, zero vectors, fewer than two subjects, or no
            subject with two readings.
    """
    raise NotImplementedError
