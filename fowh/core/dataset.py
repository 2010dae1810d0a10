"""What a dataset is: samples of one modality with subject labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.target import Progress, quiet

_listener: ContextVar[Progress] = ContextVar("who is told how far a reading is", default=quiet)


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one dataset.

    Attributes:
        subjects: (n,) int64 codes 0..s-1 of the subject of each sample.
        names: (s,) the subjects' own labels.
        sha256: hex digest of the content (labels and samples), for caches and records.
        values: (n, ...) the samples themselves, as their modality has them: (n, d) float32 vectors
            (ready embeddings), (n, h, w[, 3]) uint8 images.
        modality: name of the plug-in that knows what such samples are.
        traits: what else is known of the subjects, each (s,); a protocol may ask for some.
        left_out: how many samples of the source could not be used, and are not here.
    """

    subjects: NDArray[np.int64]
    names: tuple[str, ...]
    sha256: str
    values: NDArray[Any]
    modality: str
    traits: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.subjects)


class Dataset(ABC):
    """A source of samples: a frozen dataclass whose fields are its parameters.

    Attributes:
        quick: parameters that make it cheap, for tests and checks.
    """

    quick: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def load(self) -> Samples:
        """Read or generate all samples.

        Returns:
            Samples ordered by subject.

        Raises:
            InputError: in one line, for anything unreadable or unusable.
        """


def read(dataset: Dataset, note: Progress, done: float = 0.0) -> Samples:
    """Load a dataset; its own words go to ``note``, with what is ``done`` of a longer work."""
    token = _listener.set(lambda text, part: note(text, done))
    try:
        return dataset.load()
    finally:
        _listener.reset(token)


def tell_reading(text: str, part: float) -> None:
    """For a dataset that takes its time: how far it is, to whoever asked for it."""
    _listener.get()(text, part)
