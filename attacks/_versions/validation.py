"""The attacker's held-out samples: which weights to keep, when to stop, and how to go on later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from attacks._gan.morphs import affordable
from attacks._versions import slots
from attacks._versions.inputs import Slots
from fowh.core.cache import Arrays, cache_dir, load_arrays, save_arrays, write_atomically
from fowh.core.view import View

if TYPE_CHECKING:
    from attacks._versions.training import Trainer

SHARE = 0.1  # of the attacker's subjects
LOOKS = 10  # during a training; a checkpoint each time
SHOWN = 8  # pictures in the sample image


def held_out(view: View, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the attacker's samples that are held out, and the others.

    Whole subjects, as those that will be attacked are strangers to him. A classifier's templates
    name his own subjects, and one that he never trained on would say nothing: there single samples.
    """
    if view.closed_set:
        order = rng.permutation(len(view.subjects))
        count = round(SHARE * len(order))
        return np.sort(order[:count]), np.sort(order[count:])
    people = rng.permutation(np.unique(view.subjects))
    held = np.isin(view.subjects, people[: round(SHARE * len(people))])
    return np.flatnonzero(held), np.flatnonzero(~held)


def asks(view: View) -> bool:
    """Whether the budget lasts for every look: one unit from the first look to the last.

    Counted before any is asked, with a margin for subjects of many samples.
    """
    most = LOOKS * len(view.subjects)
    return view.query is not None and affordable(view, most) == most


class Validation:
    """Looks at pictures of held-out samples while the generator trains.

    Attributes:
        others: rows that are left for training.
        best: weights of the best look so far; empty before the first.
        waited: looks since then.
        asked: queries to the target, those before an interruption included.
    """

    def __init__(self, known: Slots, view: View, method: str, rng: np.random.Generator) -> None:
        self.held, self.others = held_out(view, rng)
        self.view, self.method, self.asks = view, method, asks(view)
        self.inputs = slots.present(method, torch.from_numpy(known[:, self.held]), "final")
        self.best: Arrays = {}
        self.least, self.waited, self.asked = np.inf, 0, 0

    def look(self, trainer: Trainer, step: int, parts: dict[str, Tensor]) -> str:
        """Measure, keep the weights if they are the best so far; the state of affairs in words."""
        from attacks._versions.training import pictures_of, state_of

        words = " ".join(f"{name} {loss.item():.3f}" for name, loss in parts.items())
        if len(self.held) == 0:
            return f"step {step}: {words}"
        trainer.generator.eval()
        made = pictures_of(trainer.generator, self.inputs, str(trainer.fabric.device))
        trainer.generator.train()
        missed = self._missed(made)
        self.waited += 1
        if missed < self.least:
            self.least, self.best, self.waited = missed, state_of(trainer.generator), 0
        self._show(made)
        return f"step {step}: {words} validation {missed:.3f}"

    def _missed(self, made: Any) -> float:
        """Mean distance of the re-embedded pictures to the truth; of pixels without queries."""
        view = self.view
        assert view.samples is not None
        if self.asks and view.query is not None:
            self.asked += len(made)
            gap = view.query(made) - view.embeddings[self.held]
            return float(np.linalg.norm(gap, axis=1).mean())
        return float(np.abs(made.astype(np.float32) - view.samples[self.held]).mean())

    def _show(self, made: Any) -> None:
        """Originals above, what the generator makes of them below; beside the caches."""
        from PIL import Image

        assert self.view.samples is not None
        rows = [
            np.concatenate(list(p[:SHOWN]), axis=1) for p in (self.view.samples[self.held], made)
        ]
        grid = Image.fromarray(np.concatenate(rows))
        path = cache_dir() / "training" / f"{self.method}.png"
        write_atomically(path, lambda partial: grid.save(partial, format="png"))

    def save(self, trainer: Trainer, name: str, step: int) -> None:
        """Write all that the training needs to go on, as plain arrays."""
        arrays: Arrays = {
            "randomness": trainer.randomness.get_state().numpy(),
            "numbers": np.array([step, self.least, self.waited, self.asked], dtype=np.float64),
        }
        for net, adam, key in _pairs(trainer):
            arrays |= {
                f"{key}/net/{k}": v.detach().cpu().numpy() for k, v in net.state_dict().items()
            }
            for number, state in adam.state_dict()["state"].items():
                arrays |= {f"{key}/adam/{number}/{k}": v.cpu().numpy() for k, v in state.items()}
        arrays |= {f"best/{k}": v for k, v in self.best.items()}
        save_arrays(_path(name), arrays)

    def resume(self, trainer: Trainer, name: str) -> int:
        """Steps done already by an interrupted training of this name, whose state is taken over."""
        if not _path(name).exists():
            return 0
        try:
            arrays = load_arrays(_path(name))
        except (OSError, ValueError, EOFError, BadZipFile):  # damaged: begin again
            return 0
        trainer.randomness.set_state(torch.from_numpy(arrays["randomness"]))
        step, self.least, self.waited, asked = arrays["numbers"].tolist()
        self.asked = int(asked)
        if self.view.query is not None:
            self.view.query.charge(self.asked)
        self.best = _below(arrays, "best/")
        for net, adam, key in _pairs(trainer):
            net.load_state_dict(_tensors(_below(arrays, f"{key}/net/")))
            parameters = list(net.parameters())
            state: dict[int, dict[str, Tensor]] = {}
            for path, array in _tensors(_below(arrays, f"{key}/adam/")).items():
                number, _, part = path.partition("/")
                if array.ndim:  # in the weights' own layout, which fused Adam takes for granted
                    array = torch.empty_like(parameters[int(number)]).copy_(array)
                state.setdefault(int(number), {})[part] = array
            adam.load_state_dict({**adam.state_dict(), "state": state})
            for index, parts in state.items():  # loading made them contiguous again
                layout = {part: value for part, value in parts.items() if value.ndim}
                adam.state[parameters[index]].update(layout)
        return int(step)

    def clear(self, name: str) -> None:
        """The training is over: its checkpoint goes."""
        _path(name).unlink(missing_ok=True)


def _pairs(trainer: Trainer) -> list[tuple[torch.nn.Module, Any, str]]:
    return [
        (trainer.generator, trainer.adam_g, "generator"),
        (trainer.discriminator, trainer.adam_d, "discriminator"),
    ]


def _path(name: str) -> Any:
    return cache_dir() / "training" / f"{name}.npz"


def _below(arrays: Arrays, head: str) -> Arrays:
    return {key[len(head) :]: value for key, value in arrays.items() if key.startswith(head)}


def _tensors(arrays: Arrays) -> dict[str, Tensor]:
    return {key: torch.from_numpy(value) for key, value in arrays.items()}
