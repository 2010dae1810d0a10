"""What a modality is: what samples are, how alike two of them are, how they are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]  # name -> one value per row


@dataclass(frozen=True)
class Shown:
    """One sample for human eyes.

    Attributes:
        text: for a terminal: the sample itself where it is text, else what it is.
        png: a picture of it; None where text says it all.
    """

    text: str
    png: bytes | None = None


class Modality(ABC):
    """What the engine and the reports must know of samples: a frozen dataclass without fields.

    Attributes:
        embedded: True where samples are what a target would say of them: no target is needed.
        target: the usual one, where the user names none; "" where there is none.
        metrics: of its own (``fowh.Metric``), where the table of metrics lacks its likeness.
    """

    embedded: ClassVar[bool] = False
    target: ClassVar[str] = ""
    metrics: ClassVar[tuple[Any, ...]] = ()

    @abstractmethod
    def check(self, made: NDArray[Any], count: int, like: NDArray[Any]) -> NDArray[Any]:
        """What an attack returned, if it is one usable sample for each of ``count`` rows.

        Args:
            made: what an attack returned.
            count: how many samples are expected.
            like: some true samples.

        Raises:
            ValueError: it is not; the message says what was expected.
        """

    @abstractmethod
    def likeness(self, made: NDArray[Any], true: NDArray[Any]) -> Columns:
        """How alike samples (n, ...) are to the true ones, row by row; (n,) float64 by metric.

        Likeness is no identity.
        """

    def conform(self, made: NDArray[Any], like: NDArray[Any]) -> NDArray[Any]:
        """The samples in the form of others (of images: grey or RGB), for another target."""
        return made

    @abstractmethod
    def show(self, sample: NDArray[Any]) -> Shown:
        """One sample for a terminal and for a page."""
