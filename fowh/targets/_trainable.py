"""What the training of a target needs to know of it, and what it leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from fowh.core.cache import Arrays

if TYPE_CHECKING:
    from torch import nn

Schedule = Literal["upslope", "update", "downslope"]
SHARES: dict[str, float] = {"0": 0.0, "25": 0.25, "50": 0.5, "75": 0.75, "100": 1.0}
UPDATE_EPOCHS = 10  # paper, sec. 2.1; versions are kept before, half-way and after


class Trainable(Protocol):
    """The parameters of ``TrainedTarget`` that its training reads."""

    @property
    def schedule(self) -> Schedule: ...

    @property
    def loss(self) -> Literal["sphereface", "arcface", "cosface"]: ...

    @property
    def epochs(self) -> int: ...

    @property
    def dimension(self) -> int: ...

    @property
    def dropout(self) -> float: ...

    @property
    def side(self) -> int: ...

    @property
    def seed(self) -> int: ...

    def network(self, classes: int) -> nn.Module: ...

    def start(self, network: nn.Module, generator: Any) -> None: ...


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of all versions, and which of them is meant.

    Attributes:
        arrays: by "version/parameter".
        version: name of the version.
        classes: how many subjects the last version tells apart, the newcomer left out.
        answers: whether probabilities are shown instead of embeddings.
    """

    arrays: Arrays
    version: str
    classes: int
    answers: bool = False

    def state(self) -> Arrays:
        """The version's own arrays, by parameter."""
        head = f"{self.version}/"
        return {name[len(head) :]: a for name, a in self.arrays.items() if name.startswith(head)}
