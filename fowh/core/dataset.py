"""What a dataset is: samples of one modality with subject labels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from fowh.core.errors import InputError
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
        left_out: how many samples of the source are not here: unusable, or known to be wrong.
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
    """Load a dataset; its own words go to ``note``, with what is ``done`` of a longer work.

    Raises:
        InputError: what it loads is no ``Samples``, or its labels are not as those say.
    """
    token = _listener.set(lambda text, part: note(text, done))
    try:
        samples = dataset.load()
    finally:
        _listener.reset(token)
    wrong = _wrong(samples)
    if wrong:
        raise InputError(
            f"dataset {type(dataset).__name__}: {wrong}; expected fowh.Samples ordered by subject: "
            "`fowh check` says more"
        )
    return samples


def _wrong(samples: Any) -> str | None:
    """What of somebody's samples would mislead all that follows; in one pass over vectors."""
    if not isinstance(samples, Samples):
        return f"loads {type(samples).__name__}"
    labels, names = samples.subjects, samples.names
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.ndim != 1:
        kind = f"{labels.dtype} {labels.shape}" if isinstance(labels, np.ndarray) else type(labels)
        return f"subjects are {kind}, not int64 (n,)"
    if not isinstance(samples.values, np.ndarray) or len(samples.values) != len(labels):
        return f"{len(labels):,} labels, and other samples than as many"
    numbers = samples.modality == "vector" and samples.values.dtype.kind in "fiu"
    if numbers and not np.isfinite(samples.values.sum(dtype=np.float64)):
        return "vectors hold NaN or infinity"
    steps = np.diff(labels, prepend=0)
    if not len(labels) or (steps < 0).any() or (steps > 1).any() or labels[0]:
        return "subjects are not 0, 0, ..., 1, 1, ... in that order"
    if not isinstance(names, tuple) or len(names) <= labels[-1] or len({*names}) != len(names):
        return f"names are no tuple of {labels[-1] + 1} texts that differ"
    if not isinstance(samples.sha256, str) or not samples.sha256:
        return "sha256 is no digest"
    short = [name for name, trait in samples.traits.items() if len(trait) != len(names)]
    return f"trait {short[0]} is not of every subject" if short else None


def tell_reading(text: str, part: float) -> None:
    """For a dataset that takes its time: how far it is, to whoever asked for it."""
    _listener.get()(text, part)
