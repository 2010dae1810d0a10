"""Look-up: the informed adversary, who knows a set of candidates with the truth among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fowh.core.attack import Attack
from fowh.core.updates import UpdateScheme
from fowh.core.view import View


@dataclass(frozen=True)
class Lookup(Attack):
    """The candidate that explains the update best (Hayes, Mahloujifar and Balle 2023, prior-aware).

    It is what differential privacy bounds. It reconstructs nothing: the picture was in its hands
    before, so that it counts in no headline.
    """

    yields: ClassVar[Literal["samples"]] = "samples"
    modality: ClassVar[str | None] = "image"
    informed: ClassVar[bool] = True
    quick: ClassVar[Mapping[str, Any]] = {}

    def unsupported(self, view: View) -> str | None:
        from attacks._guessed import unfit_for_guessing

        if view.candidates is None:
            return "nobody told it candidates: give --candidates 80"
        if view.release.each > 1:
            return "it looks up single samples, and several are behind each row"
        return unfit_for_guessing(view)

    def run(self, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
        import torch

        from attacks._counted import labels_of
        from attacks._guessed import Guesses
        from fowh.kit.images import as_tensor

        scheme, known = view.scheme, view.candidates
        assert isinstance(scheme, UpdateScheme) and known is not None
        guesses, pictures = Guesses(view, True), as_tensor(known, view.device)[:, None]
        labels = torch.from_numpy(labels_of(view)).to(view.device)
        best = np.empty(len(view.release), dtype=np.intp)
        for row, code in enumerate(torch.from_numpy(view.release.code).to(view.device)):
            with torch.no_grad():
                found = guesses.gradients(pictures, labels[row].expand(len(known), 1))
                seen = code.expand(len(known), -1)
                best[row] = int(scheme.misfit(found, seen, 1).nan_to_num(torch.inf).argmin())
            view.progress("lookup", (row + 1) / len(best))
        made: NDArray[np.uint8] = known[best]
        return made
