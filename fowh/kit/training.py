"""The training of networks: initial weights, weights as arrays, one loop, and going on later.

Nothing here draws from torch's global randomness. Devices and precision are ``fowh.kit.fabric``'s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from fowh.core.cache import Arrays, keep, recall
from fowh.kit.parallel import training_threads

Net = TypeVar("Net", bound=nn.Module)
State = TypeVar("State")


def blank(network: Callable[..., Net], *given: Any) -> Net:
    """A network without weights yet; whatever its layers would draw is not drawn."""
    with torch.device("meta"):
        net = network(*given)
    return net.to_empty(device="cpu")


def initialise(network: nn.Module, generator: torch.Generator) -> None:
    """Draw every weight from ``generator`` (He et al. 2015); normalisations start neutral."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan = module.weight[0].numel()
                module.weight.normal_(0, math.sqrt(2 / fan), generator=generator)
                if module.bias is not None:
                    module.bias.zero_()
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.reset_parameters()
                module.reset_running_stats()


def state_of(network: nn.Module) -> Arrays:
    """A network's weights as arrays of their own."""
    return {
        name: value.detach().cpu().numpy().copy() for name, value in network.state_dict().items()
    }


def restore(network: Net, arrays: Arrays) -> Net:
    """The network with the weights that ``state_of`` gave."""
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return network


def loop(
    steps: int,
    update: Callable[[int], object],
    look: Callable[[int], bool] | None = None,
    looks: Container[int] = (),
    begin: int = 0,
) -> None:
    """Updates, and looks at what they came to; on as many threads whatever the machine has.

    Args:
        steps: how many updates there are.
        update: does one; is told its number, from 0.
        look: measures, keeps, reports; is told how many updates are done, and says whether that was
            enough.
        looks: after how many updates to look; 0 is before the first.
        begin: updates that were done, and looked at, in an earlier run.
    """
    with training_threads():
        if look is not None and begin == 0 and 0 in looks and look(0):
            return
        for number in range(begin, steps):
            update(number)
            if look is not None and number + 1 in looks and look(number + 1):
                return


class Best(Generic[State]):
    """The state of least error on what was held out.

    Attributes:
        error: its error; infinite before the first look.
        state: what was kept of it; None before the first look.
        waited: looks since then.
    """

    def __init__(self, patience: int) -> None:
        self.patience = patience
        self.error, self.waited = float("inf"), 0
        self.state: State | None = None

    def see(self, error: float, state: Callable[[], State]) -> None:
        """Keep the state if it is the best so far."""
        self.waited += 1
        if error < self.error:
            self.error, self.state, self.waited = error, state(), 0

    @property
    def settled(self) -> bool:
        """Whether ``patience`` looks brought nothing better."""
        return self.waited >= self.patience


class Checkpoint:
    """All that a training needs to go on exactly as if it had not been interrupted, on disk.

    Args:
        name: of the training, a digest of all that it depends on.
        parts: each network with its optimiser, by name.
        randomness: of batches and the like.
        kept: what the training has put aside so far; goes on being filled.
    """

    def __init__(
        self,
        name: str,
        parts: Mapping[str, tuple[nn.Module, Any]],
        randomness: torch.Generator,
        kept: Arrays,
    ) -> None:
        self.name = name
        self.parts, self.randomness, self.kept = parts, randomness, kept

    def save(self, numbers: Mapping[str, float]) -> None:
        """Write it atomically, beside some numbers of the caller's own."""
        arrays: Arrays = {"randomness": self.randomness.get_state().numpy()}
        arrays |= {f"numbers/{key}": np.array(value) for key, value in numbers.items()}
        arrays |= {f"kept/{key}": value for key, value in self.kept.items()}
        for part, (net, adam) in self.parts.items():
            arrays |= {f"{part}/net/{key}": value for key, value in state_of(net).items()}
            for number, state in adam.state_dict()["state"].items():
                for key, value in state.items():
                    arrays[f"{part}/adam/{number}/{key}"] = value.cpu().numpy()
        keep("training", self.name, arrays)

    def resume(self) -> dict[str, float]:
        """Take over the state that was saved; its numbers, none where there is no such state."""
        arrays = recall("training", self.name)
        if arrays is None:
            return {}
        self.randomness.set_state(torch.from_numpy(arrays["randomness"]))
        self.kept |= _below(arrays, "kept/")
        for part, (net, adam) in self.parts.items():
            restore(net, _below(arrays, f"{part}/net/"))
            _restore_adam(adam, list(net.parameters()), _below(arrays, f"{part}/adam/"))
        return {key: value.item() for key, value in _below(arrays, "numbers/").items()}


def _restore_adam(adam: Any, parameters: list[nn.Parameter], arrays: Arrays) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for path, array in arrays.items():
        number, _, name = path.partition("/")
        value = torch.from_numpy(array)
        if value.ndim:  # in the weights' own layout, which fused Adam takes for granted
            value = torch.empty_like(parameters[int(number)]).copy_(value)
        state.setdefault(int(number), {})[name] = value
    adam.load_state_dict({**adam.state_dict(), "state": state})
    for index, values in state.items():  # loading made them contiguous again
        layout = {name: value for name, value in values.items() if value.ndim}
        adam.state[parameters[index]].update(layout)


def _below(arrays: Arrays, head: str) -> Arrays:
    return {key[len(head) :]: value for key, value in arrays.items() if key.startswith(head)}
