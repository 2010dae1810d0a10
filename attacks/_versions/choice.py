"""Which state of a training is used, and its pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from attacks._morph.networks import pictures_of
from attacks._versions import slots
from attacks._versions.inputs import Slots
from attacks._versions.training import SlotRecipe, build
from attacks._versions.validation import asks, missed
from fowh.core.cache import Arrays
from fowh.core.view import View
from fowh.kit.training import restore


def judge(
    trained: Arrays, recipe: SlotRecipe, shown: Slots, held: NDArray[np.bool_], view: View
) -> Arrays:
    """How far the pictures of held-out samples are off, at each look of the training.

    Where the attacker may ask, the target is asked about them: pixel error would prefer pale
    pictures. Where his budget does not last for every look, pixels decide.

    Args:
        trained: as ``training.train`` returns it.
        recipe: hyper-parameters.
        shown: (a, h, m) the held-out samples, presented exactly as the stolen rows will be.
        held: (n,) which of his samples they are.
        view: his samples, and the query.

    Returns:
        ``missed``: (looks,) float64; empty where nothing is held out.
    """
    if not held.any():
        return {"missed": np.empty(0)}
    asked, errors = asks(view, held), []
    for look, step in enumerate(trained["steps"].tolist()):
        errors.append(missed(view, held, apply(trained, look, recipe, shown, view), asked))
        view.progress(f"gan: {recipe.incorporate}, step {step}: validation {errors[-1]:.3f}", 1.0)
    return {"missed": np.array(errors)}


def best(trained: Arrays, judged: Arrays) -> int:
    """The look of least error, the last one where nothing judged them."""
    errors = judged["missed"]
    return int(np.argmin(errors)) if len(errors) else len(trained["steps"]) - 1


def apply(trained: Arrays, look: int, recipe: SlotRecipe, shown: Slots, view: View) -> NDArray[Any]:
    """Pictures (k, s, s[, 3]) uint8 of vectors (a, k, m), by the weights of one look."""
    assert view.samples is not None
    shape = torch.Size((0, 3 if view.samples.ndim == 4 else 1, *view.samples.shape[1:3]))
    head = f"{look}/"
    weights = {k.removeprefix(head): a for k, a in trained.items() if k.startswith(head)}
    net = restore(build(recipe, shown, shape), weights).to(view.device).eval()
    inputs = slots.present(recipe.incorporate, torch.from_numpy(shown))
    return pictures_of(lambda vectors: net(vectors)[0], inputs.numpy(), view.device)
